from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from openapi_crawl import Json, crawl, document, opened, operation, swagger

from tasks.calling.params import CallingParams
from tasks.catalogue.openapi import remote
from tasks.catalogue.opening import version_of
from tasks.catalogue.params import OpenApiParams
from tasks.errors import BrokenContract, ConnectionFailed, RateLimited, ServerFailed, UsageError

Serve = Callable[[Callable[[web.BaseRequest], Any]], str]
LOCATION = "http://zoo.test/api/openapi.json"


class Pages:
    """What is served, by path: JSON, text, bytes, a status, or a redirect ("-> URL"); and what was asked."""

    def __init__(self, pages: dict[str, Any]) -> None:
        self.pages = pages
        self.asked: Counter[str] = Counter()
        self.hosts: set[str] = set()

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked[request.path_qs] += 1
        self.hosts.add(request.headers["Host"])
        page = self.pages.get(request.path_qs, 404)
        if isinstance(page, list):
            page = page.pop(0)
        if isinstance(page, int):
            return web.Response(status=page)
        if isinstance(page, str) and page.startswith("-> "):
            return web.Response(status=302, headers={"Location": page.removeprefix("-> ")})
        body = page if isinstance(page, str | bytes) else json.dumps(page)
        return web.Response(body=body.encode() if isinstance(body, str) else body)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FIRST_WAIT_S", 0.01)


def calling(base: str, **said: Any) -> CallingParams:
    return CallingParams(resolve={"zoo.test": base}, **said)


def test_a_document_at_a_url(serve: Serve) -> None:
    pages = Pages({"/api/openapi.json": document(servers=[{"url": "/v2"}])})
    base = serve(pages.answer)
    listing, (found,) = crawl(LOCATION, calling(base))
    (entry,) = listing.entries
    assert (entry.id, entry.source_url) == (LOCATION, LOCATION)
    assert [row.url for row in found.apis] == ["http://zoo.test/v2/pets"]
    assert (pages.hosts, base.rpartition(":")[2] in repr((listing, found))) == ({"zoo.test"}, False)


@pytest.mark.parametrize(
    ("said", "url"),
    [
        (document(servers=[]), "http://zoo.test/pets"),
        (document(servers=[{"url": "."}]), "http://zoo.test/api/pets"),
        (document(servers=[{"url": "//own.test/v1"}]), "http://own.test/v1/pets"),
        (swagger(host=None), "http://zoo.test/v1/pets"),
        (swagger(schemes=None), "http://zoo.test/v1/pets"),
    ],
)
def test_what_an_address_lacks_is_taken_from_the_documents_own(serve: Serve, said: Json, url: str) -> None:
    base = serve(Pages({"/api/openapi.json": said}).answer)
    _, (found,) = crawl(LOCATION, calling(base))
    assert [row.url for row in found.apis] == [url]


def test_yaml_with_references_to_its_neighbours(serve: Serve) -> None:
    parameters = "[{$ref: ../common/all.yaml?v=2#/Limit}, {$ref: '/common/all.yaml?v=2#/Page'}]"
    text = f"openapi: 3.1.0\ninfo: {{title: Zoo}}\npaths: {{/pets: {{get: {{parameters: {parameters}}}}}}}\n"
    pages = Pages(
        {
            "/api/openapi.yaml": text,
            "/common/all.yaml?v=2": "Limit: {name: limit, in: query}\nPage: {name: page, in: query}\n",
        }
    )
    _, (found,) = crawl("http://zoo.test/api/openapi.yaml", calling(serve(pages.answer)))
    assert [row.name for api in found.apis for row in api.parameters] == ["limit", "page"]
    assert pages.asked["/common/all.yaml?v=2"] == 1


@pytest.mark.parametrize(
    "reference",
    ["http://other.test/x.json", "//other.test/x", "https://zoo.test/x", "file:///etc/passwd", "http://["],
)
def test_other_hosts_are_not_asked(serve: Serve, reference: str) -> None:
    said = document(operation(parameters=[{"$ref": reference}]))
    base = serve(Pages({"/api/openapi.json": said}).answer)
    _, (found,) = crawl(LOCATION, calling(base))
    assert f"{reference} is on another host, which is not asked" in found.rejects[1].detail


@pytest.mark.parametrize("local", [True, False])
def test_hosts_that_are_named_are_asked_for_references(serve: Serve, tmp_path: Path, local: bool) -> None:
    far = "http://schemas.test/v1/common.yaml#/parameters"
    parameters = [{"$ref": f"{far}/sort"}, {"$ref": f"{far}/page"}, {"$ref": "http://no.test/x#/Size"}]
    said = document(operation(parameters=parameters))
    pages = Pages(
        {
            "/openapi.json": said,
            "/v1/common.yaml": "parameters: {sort: {$ref: more/sort.yaml}, page: {$ref: //no.test/p#/Page}}",
            "/v1/more/sort.yaml": "{name: sort, in: query, required: true}",
        }
    )
    base = serve(pages.answer)
    (tmp_path / "zoo.json").write_text(json.dumps(said))
    location = tmp_path / "zoo.json" if local else "http://zoo.test/openapi.json"
    calling = CallingParams(resolve={"zoo.test": base, "schemas.test": base})
    _, (found,) = crawl(location, calling, reference_hosts=("SCHEMAS.test",))
    assert [(row.name, row.required) for row in found.apis[0].parameters] == [("sort", True)]
    (remark,) = found.rejects
    assert [name in remark.detail for name in ("parameter sort", "parameter page", "parameter Size")] == [
        False,
        True,
        True,
    ]
    assert pages.hosts == ({"schemas.test"} if local else {"schemas.test", "zoo.test"})


def test_a_neighbour_that_fails_rejects_only_what_needs_it(serve: Serve) -> None:
    paths = {"/a": {"get": {"parameters": [{"$ref": "/bad.json"}]}}, "/b": {"get": {}}}
    base = serve(Pages({"/api/openapi.json": document(paths), "/bad.json": 500}).answer)
    _, (found,) = crawl(LOCATION, calling(base))
    assert [row.api_name for row in found.apis] == ["GET /b"]
    assert [(row.row_id, row.reason) for row in found.rejects] == [("Uncategorised/zoo/get_a", "unavailable")]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (404, "it answered 404"),
        (403, "it answered 403; documents behind a key need `header_keys` in this source"),
        (b"", "it is empty"),
        (
            "<!doctype html><html></html>",
            "it answered a web page, as a login would be; documents behind a key",
        ),
        ('{"name": "x"}', "names neither an `openapi` nor a `swagger` version"),
        ({"openapi": "4.0.0"}, "openapi: '4.0.0'; read are"),
        (
            "-> http://127.0.0.1:9/secret",
            "it redirects to where nothing is read: 127.0.0.1 is a loopback address",
        ),
        ("-> http://169.254.169.254/latest", "169.254.169.254 is a link-local address"),
    ],
)
def test_what_is_no_document_stops_the_crawl(serve: Serve, page: Any, message: str) -> None:
    base = serve(Pages({"/api/openapi.json": page}).answer)
    with opened(LOCATION, calling(base)) as source, pytest.raises(BrokenContract) as caught:
        source.listing()
    assert f"{LOCATION} is not the OpenAPI document that was expected: " in caught.value.message
    assert message in caught.value.message


def test_redirects_on_the_same_host_and_to_named_ones_are_followed(serve: Serve) -> None:
    pages = {
        "/api/openapi.json": "-> /new.json",
        "/new.json": "-> http://docs.test/zoo.json",
        "/zoo.json": document(),
    }
    base = serve(Pages(pages).answer)
    params = CallingParams(resolve={"zoo.test": base, "docs.test": base})
    assert [entry.name for entry in crawl(LOCATION, params)[0].entries] == ["Zoo"]


@pytest.mark.parametrize(
    ("status", "error", "tries"), [(500, ServerFailed, 4), (503, RateLimited, 4), (429, RateLimited, 4)]
)
def test_a_server_that_fails_is_tried_again_and_named(
    serve: Serve, status: int, error: type[Exception], tries: int
) -> None:
    pages = Pages({"/api/openapi.json": status})
    with opened(LOCATION, calling(serve(pages.answer))) as source, pytest.raises(error, match=LOCATION):
        source.listing()
    assert pages.asked["/api/openapi.json"] == tries


def test_a_server_that_stumbles_is_read_all_the_same(serve: Serve) -> None:
    pages = Pages({"/api/openapi.json": [500, 503, document()]})
    with opened(LOCATION, calling(serve(pages.answer))) as source:
        assert [entry.name for entry in source.listing().entries] == ["Zoo"]


def test_a_server_that_is_not_there_is_told_with_what_to_check() -> None:
    with opened(LOCATION, calling("http://127.0.0.1:9")) as source, pytest.raises(ConnectionFailed) as caught:
        source.listing()
    assert caught.value.fix == (
        f"check `location = '{LOCATION}'` in `[[catalogue.sources]]`, `[calling] resolve` and the network"
    )


def test_a_location_on_this_machine_may_be_asked_because_it_was_named(serve: Serve) -> None:
    base = serve(Pages({"/openapi.json": document()}).answer)
    listing, _ = crawl(f"{base}/openapi.json")
    assert [entry.id for entry in listing.entries] == ["http://127.0.0.1/openapi.json"]


def test_an_answer_without_end_is_cut_short(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "MAX_BYTES", 1000)
    base = serve(Pages({"/api/openapi.json": b"x" * 5000}).answer)
    with opened(LOCATION, calling(base)) as source, pytest.raises(BrokenContract, match="larger than"):
        source.listing()


@pytest.mark.parametrize(
    "location", ["http://", "http://zoo.test:0/x", "http://zoo.test:nine", "http://zoo.test/x#frag"]
)
def test_a_url_that_is_none_is_told_before_anything_is_asked(location: str) -> None:
    with pytest.raises(UsageError, match="is no URL of a document"):
        opened(location)


def test_only_asking_tells_whether_a_url_has_changed() -> None:
    assert version_of(OpenApiParams(location=LOCATION)) is None


def test_documents_behind_a_key_are_read_and_nobody_else_gets_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, str | None]] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        given.append((request.path, request.headers.get("X-Docs-Key")))
        if request.path == "/api/moved.json":
            return web.Response(status=302, headers={"Location": "http://docs.test/zoo.json"})
        if request.path == "/api/openapi.json" and request.headers.get("X-Docs-Key") != "d0cs-k3y":
            return web.Response(text="<html><form>Log in</form></html>", content_type="text/html")
        return web.json_response(document())

    monkeypatch.setenv("DOCS_KEY", "d0cs-k3y")
    base, keyed = serve(answer), {"header_keys": {"X-Docs-Key": "DOCS_KEY"}}
    params = CallingParams(resolve={"zoo.test": base, "docs.test": base})
    assert [entry.name for entry in crawl(LOCATION, params, **keyed)[0].entries] == ["Zoo"]
    moved = "http://zoo.test/api/moved.json"
    assert [entry.name for entry in crawl(moved, params, **keyed)[0].entries] == ["Zoo"]
    assert set(given) == {
        ("/api/openapi.json", "d0cs-k3y"),
        ("/api/moved.json", "d0cs-k3y"),
        ("/zoo.json", None),
    }
    monkeypatch.setenv("DOCS_KEY", "another")
    with opened(LOCATION, params, **keyed) as source, pytest.raises(BrokenContract) as caught:
        source.listing()
    assert "look whether the keys in `header_keys` are those it wants" in caught.value.message


def test_a_key_that_is_not_set_or_of_no_use_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="X-Docs-Key is in NOT_SET, which is not set"):
        opened(LOCATION, header_keys={"X-Docs-Key": "NOT_SET"})
    (tmp_path / "zoo.json").write_text(json.dumps(document()))
    with pytest.raises(UsageError, match="is on this machine: documents there need no headers"):
        opened(tmp_path / "zoo.json", header_keys={"X-Docs-Key": "NOT_SET"})
