"""httpbin's own document (2.0), read from httpbin and called at httpbin."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from foreign_servers import serve_httpbin
from openapi_crawl import crawl, short
from probing_all import called, verdicts

from tasks.calling.params import CallingParams
from tasks.catalogue.source import Crawled
from warehouse.tables.probing import Verdict

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def calling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallingParams]:
    with serve_httpbin(tmp_path_factory.mktemp("httpbin")) as url:
        yield CallingParams(
            resolve={"httpbin.org": url}, methods=("GET", "POST", "PUT"), per_host_rps=500, timeout_s=20
        )


@pytest.fixture(scope="module")
def httpbin(calling: CallingParams) -> Crawled:
    _, (found,) = crawl("http://httpbin.org/spec.json", calling, exclude=("* /delay/*", "* /drip"))
    return found


@pytest.fixture(scope="module")
def judged(httpbin: Crawled, calling: CallingParams) -> dict[str, Verdict]:
    return verdicts(httpbin.apis, calling)


def test_every_operation_is_an_api_or_has_a_reason(httpbin: Crawled) -> None:
    assert httpbin.tool is not None
    assert (httpbin.tool.tool_id, httpbin.tool.host) == ("Dynamic data/httpbin_org", "httpbin.org")
    assert Counter(api.method for api in httpbin.apis) == {
        "GET": 46,
        "POST": 6,
        "PUT": 5,
        "PATCH": 5,
        "DELETE": 5,
    }
    assert Counter(reject.reason for reject in httpbin.rejects) == {"unsupported_method": 4}
    assert {api.url.partition("/")[0] for api in httpbin.apis} == {"https:"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("GET /anything", "ok"),
        ("GET /anything/{anything}", "ok"),
        ("POST /anything", "ok"),
        ("PUT /anything", "ok"),
        ("DELETE /anything", "unsafe_skipped"),
        ("GET /response-headers", "ok"),
        ("Returns a simple JSON document.", "ok"),
        ("Returns a simple XML document.", "ok"),
        ("Returns a simple HTML document.", "html"),
        ("Returns a simple PNG image.", "ineffective"),
        ("Returns cookie data.", "ineffective"),
        ("Returns GZip-encoded data.", "ok"),
        ("Return a UUID4.", "ok"),
        ("The request's query parameters.", "ok"),
        ("The request's POST parameters.", "ok"),
        ("Prompts the user for authorization using bearer authentication.", "unauthorized"),
    ],
)
def test_outcomes(judged: dict[str, Verdict], name: str, reason: str) -> None:
    assert judged[name].reason == reason


def test_about_half_of_what_may_be_called_is_kept(judged: dict[str, Verdict]) -> None:
    assert sum(verdict.kept for verdict in judged.values()) >= 25


def test_an_object_spread_over_the_query_arrives_as_fields(httpbin: Crawled, calling: CallingParams) -> None:
    (api,) = [api for api in httpbin.apis if api.api_name == "GET /response-headers"]
    assert [short(row)[:3] for row in api.parameters] == [("freeform", "query", "object")]
    answer = json.loads(called(api, {"freeform": {"X-Own": "value"}}, calling).body or "")
    assert answer["X-Own"] == "value"
