"""Kinto's own document (2.0), read from Kinto and called at Kinto: state, keys, refusals."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator

import pytest
from foreign_servers import serve_kinto
from openapi_crawl import crawl
from probing_all import called, verdicts

from tasks.calling.outcome import Outcome
from tasks.calling.params import CallingParams
from tasks.catalogue.source import Crawled
from warehouse.tables.catalogue import Api, SecurityScheme

pytestmark = pytest.mark.slow

KEY = "someone:s3cret"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_kinto(tmp_path_factory.mktemp("kinto")) as url:
        yield url


@pytest.fixture
def calling(base: str, monkeypatch: pytest.MonkeyPatch) -> CallingParams:
    monkeypatch.setenv("KINTO_KEY", KEY)
    return without_key(base).model_copy(update={"key_names": {"kinto.test": "KINTO_KEY"}})


def without_key(base: str) -> CallingParams:
    return CallingParams(
        resolve={"kinto.test": base}, methods=("GET", "HEAD", "POST", "PUT", "PATCH"), per_host_rps=500
    )


@pytest.fixture(scope="module")
def kinto(base: str) -> Crawled:
    _, (found,) = crawl("http://kinto.test/v1/__api__", without_key(base))
    return found


def named(kinto: Crawled, name: str) -> Api:
    (api,) = [api for api in kinto.apis if api.api_name == name]
    return api


def test_every_operation_is_an_api(kinto: Crawled) -> None:
    assert kinto.rejects == ()
    assert Counter(api.method for api in kinto.apis) == {
        "GET": 14,
        "POST": 5,
        "PUT": 4,
        "PATCH": 4,
        "DELETE": 9,
    }
    assert named(kinto, "get_bucket").url == "http://kinto.test/v1/buckets/{id}"
    assert named(kinto, "get_bucket").security == (
        SecurityScheme(kind="basic", location="header", name="Authorization"),
    )


def test_what_one_call_writes_another_reads(kinto: Crawled, calling: CallingParams) -> None:
    update = named(kinto, "update_bucket")
    assert [
        (row.arg_name, row.location, row.type) for row in update.parameters if row.location == "body"
    ] == [
        ("data", "body", "object"),
        ("permissions", "body", "object"),
    ]
    written = called(update, {"is_id": "shelf", "data": {"colour": "red", "size": 3}}, calling)
    read = called(named(kinto, "get_bucket"), {"is_id": "shelf", "fields": ["colour", "id"]}, calling)
    assert (written.outcome, written.http_status, read.outcome) == (Outcome.OK, 201, Outcome.OK)
    data = json.loads(read.body or "")["data"]
    assert data == {"colour": "red", "id": "shelf", "last_modified": data["last_modified"]}


def test_without_the_key_nobody_writes(kinto: Crawled, base: str) -> None:
    refused = called(named(kinto, "update_bucket"), {"is_id": "shelf"}, without_key(base))
    assert (refused.outcome, refused.http_status) == (Outcome.UNAUTHORIZED, 401)


def test_the_key_is_nowhere(kinto: Crawled, calling: CallingParams) -> None:
    result = called(named(kinto, "server_info"), {}, calling)
    assert result.outcome is Outcome.OK
    assert "s3cret" not in repr((kinto, dataclasses.asdict(result)))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("server_info", "ok"),
        ("get_openapi_spec", "ok"),
        ("__heartbeat__", "ok"),
        ("__lbheartbeat__", "ineffective"),
        ("__version__", "server_error"),
        ("create_bucket", "ok"),
        ("delete_buckets", "unsafe_skipped"),
    ],
)
def test_outcomes(kinto: Crawled, calling: CallingParams, name: str, reason: str) -> None:
    assert verdicts([named(kinto, name)], calling)[name].reason == reason
