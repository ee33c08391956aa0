"""A hub that means no good: it costs a reject, or ends the crawl with a clear word, and no more."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hub_server import Answer, Json, ScriptedHub, detail, listed, serve_hub

from tasks.catalogue import web
from tasks.catalogue.hub import HubSource, open_hub
from tasks.catalogue.params import CatalogueParams, HubParams
from tasks.catalogue.source import Crawled, CrawlReason
from tasks.errors import BrokenContract

TOOL = json.dumps(
    detail(listed("cats"))
    | {"apis": [{"name": "Füttern", "method": "GET", "path": "/feed", "parameters": []}]},
    ensure_ascii=False,
)
GZIP = (("Content-Type", "application/json"), ("Content-Encoding", "gzip"))


@pytest.fixture
def server() -> Iterator[ScriptedHub]:
    with serve_hub() as script:
        yield script


@pytest.fixture
def hub(server: ScriptedHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubSource]:
    monkeypatch.setattr(web, "MAX_BYTES", 8_000_000)
    params = HubParams(location="http://hub.sandbox.test", page_size=2)
    catalogue = CatalogueParams(sources=(params,), concurrency=2, timeout_s=10)
    resolve = {"*.sandbox.test": server.url}
    with open_hub(params, catalogue, resolve, first_wait_s=0.01) as source:
        yield source


def crawled(server: ScriptedHub, hub: HubSource, answer: Any) -> Crawled:
    """What becomes of a tool whose documentation is this."""
    server.lists(listed("cats"))
    server.says("/tools/Pets/cats", answer)
    (found,) = hub.fetch(hub.listing().entries)
    return found


def documented(**changes: Any) -> Json:
    return detail(listed("cats")) | changes


def test_a_gzip_bomb_is_cut_off_by_what_it_unpacks_to(server: ScriptedHub, hub: HubSource) -> None:
    found = crawled(server, hub, Answer(gzip.compress(b" " * 50_000_000), headers=GZIP))
    assert [(row.reason, row.detail) for row in found.rejects] == [
        (CrawlReason.REFUSED, "http://hub.sandbox.test/tools/Pets/cats is larger than 8,000,000 bytes")
    ]


def test_a_listing_without_end_is_no_listing(server: ScriptedHub, hub: HubSource) -> None:
    server.says("/collections", Answer(b"[" + b" " * 9_000_000))
    with pytest.raises(BrokenContract, match="is larger than 8,000,000 bytes"):
        hub.listing()


def test_a_description_of_megabytes_is_a_description(server: ScriptedHub, hub: HubSource) -> None:
    found = crawled(server, hub, documented(description="word " * 500_000))
    assert found.tool is not None
    assert len(found.tool.description) == 2_499_999


def test_ten_thousand_parameters_are_parameters(server: ScriptedHub, hub: HubSource) -> None:
    many = [{"name": f"p{number}", "in": "query", "type": "string"} for number in range(10_000)]
    found = crawled(server, hub, documented(apis=[detail(listed("cats"))["apis"][0] | {"parameters": many}]))
    assert [len(api.parameters) for api in found.apis] == [10_000]


def test_an_api_listed_twice_is_one_api(server: ScriptedHub, hub: HubSource) -> None:
    api = detail(listed("cats"))["apis"][0]
    found = crawled(server, hub, documented(apis=[api, api]))
    assert [api.api_id for api in found.apis] == ["Pets/cats/find"]
    assert [row.reason for row in found.rejects] == [CrawlReason.DUPLICATE]


def test_a_schema_nested_without_measure_is_malformed(server: ScriptedHub, hub: HubSource) -> None:
    deep: Json = {}
    for _ in range(400):
        deep = {"type": "object", "properties": {"a": deep}}
    api = detail(listed("cats"))["apis"][0] | {"method": "POST", "body": {"schema": deep}}
    found = crawled(server, hub, documented(apis=[api, detail(listed("cats"))["apis"][0]]))
    assert [row.reason for row in found.rejects] == [CrawlReason.MALFORMED]
    assert len(found.apis) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("naïve".encode("utf-16"), CrawlReason.NOT_JSON),
        (b'{"id": "Pets/cats", "name": "\xff\xfe"}', CrawlReason.NOT_JSON),
        (b'{"id": "\\ud800"}', CrawlReason.NOT_JSON),
        (b"NaN", CrawlReason.NOT_JSON),
        (b"[" * 100_000, CrawlReason.NOT_JSON),
    ],
)
def test_bytes_that_are_no_json_are_a_reject(
    server: ScriptedHub, hub: HubSource, body: bytes, reason: CrawlReason
) -> None:
    assert [row.reason for row in crawled(server, hub, Answer(body)).rejects] == [reason]


@pytest.mark.parametrize(
    "host", ["file:///etc", "http://user:word@cats.test", "http://cats.test?x=1", "javascript:x", ""]
)
def test_hosts_that_are_none_are_malformed(server: ScriptedHub, hub: HubSource, host: str) -> None:
    found = crawled(server, hub, documented(host=host))
    assert [row.reason for row in found.rejects] == [CrawlReason.MALFORMED]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (TOOL.encode("utf-16"), ()),
        (TOOL.encode("utf-8-sig"), ()),
        (TOOL.encode("latin-1"), (("Content-Type", "application/json; charset=latin-1"),)),
        (gzip.compress(TOOL.encode()), ()),
        (TOOL.encode(), GZIP),
    ],
)
def test_json_in_another_encoding_is_json(
    server: ScriptedHub, hub: HubSource, body: bytes, headers: tuple[tuple[str, str], ...]
) -> None:
    (found,) = [crawled(server, hub, Answer(body, headers=headers))]

    assert [api.api_name for api in found.apis] == ["Füttern"]
