"""Reading marketplaces of other forms, over real HTTP; resuming; keys that stay where they belong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_server import Answer, Json, ScriptedHub, detail, listed, page, serve_hub

from tasks.catalogue.crawl_state import Reading
from tasks.catalogue.hub import HubSource, open_hub
from tasks.catalogue.mapping import Asking, HubMapping
from tasks.catalogue.params import CatalogueParams, HubParams
from tasks.errors import BrokenContract, UsageError
from tasks.transport.runtime import Runtime

LOCATION = "http://hub.sandbox.test"


@pytest.fixture
def server() -> Iterator[ScriptedHub]:
    with serve_hub() as script:
        yield script


def opened(server: ScriptedHub, reading: Reading | None = None, **source: Any) -> HubSource:
    params = HubParams(location=LOCATION, page_size=2, **source)
    catalogue = CatalogueParams(sources=(params,), concurrency=4, timeout_s=5)
    return open_hub(params, catalogue, {"*.sandbox.test": server.url}, reading, first_wait_s=0.01)


GRAPHQL = HubMapping(
    collections=False,
    tools=Asking(
        url="/graphql",
        method="POST",
        body={"query": "...", "variables": {"first": "{page_size}", "after": "{cursor}"}},
        select="data.apis.{next: pageInfo.endCursor, "
        "tools: nodes[].{id: id, name: name, category: category}}",
    ),
    tool=Asking(
        url="/graphql",
        method="POST",
        body={"query": "...", "variables": {"id": "{id}"}},
        select="data.api.{id: id, name: name, category: category, host: url, apis: endpoints[].{"
        "name: name, method: method, path: route, "
        "parameters: params[].{name: name, in: 'query', type: type}}}",
    ),
    types={"DATE (YYYY-MM-DD)": "string"},
)


def nodes(end: str | None, *ids: str) -> Json:
    found = [{"id": id_, "name": id_.title(), "category": "Pets"} for id_ in ids]
    return {"data": {"apis": {"pageInfo": {"endCursor": end}, "nodes": found}}}


def test_a_graphql_marketplace_is_read_by_cursor(server: ScriptedHub) -> None:
    server.says('/graphql {"after": "", "first": 2}', nodes("b", "api_1", "api_2"))
    server.says('/graphql {"after": "b", "first": 2}', nodes(None, "api_3"))
    server.says(
        '/graphql {"id": "api_3"}',
        {
            "data": {
                "api": {
                    "id": "api_3",
                    "name": "Api_3",
                    "category": "Pets",
                    "url": "https://pets.example",
                    "endpoints": [
                        {
                            "name": "Find",
                            "method": "GET",
                            "route": "/find",
                            "params": [{"name": "born", "type": "DATE (YYYY-MM-DD)"}],
                        }
                    ],
                }
            }
        },
    )
    with opened(server, mapping=GRAPHQL) as hub:
        entries = hub.listing().entries
        (crawled,) = hub.fetch(entries[2:])

    assert [entry.tool_id for entry in entries] == ["Pets/api_1", "Pets/api_2", "Pets/api_3"]
    (api,) = crawled.apis
    assert (api.url, api.parameters[0].name, api.parameters[0].type) == (
        "https://pets.example/find",
        "born",
        "string",
    )


def test_a_marketplace_without_totals_ends_with_an_empty_page(server: ScriptedHub) -> None:
    mapping = HubMapping(
        collections=False,
        first_page=0,
        tools=Asking(url="/list?offset={page}", select="{tools: @}"),
    )
    server.says("/list?offset=0", [listed("cats")])
    server.says("/list?offset=1", [listed("dogs")])
    server.says("/list?offset=2", [])
    with opened(server, mapping=mapping) as hub:
        assert [entry.id for entry in hub.listing().entries] == ["Pets/cats", "Pets/dogs"]


NAMES = ("ants", "bats", "cats", "dogs", "eels")


def rows_from(start: int, size: int = 2, *, total: int | None = 5) -> Json:
    return {"count": total, "rows": [listed(name) for name in NAMES[start : start + size]]}


def by_offset(url: str, **more: Any) -> HubMapping:
    select = "{total: count, pages: pages, tools: rows}"
    return HubMapping(collections=False, tools=Asking(url=url, select=select), **more)


def names_of(hub: HubSource) -> list[str]:
    return [entry.standardized_name for entry in hub.listing().entries]


@pytest.mark.parametrize(("first_page", "pages"), [(1, None), (0, None), (1, 3)])
def test_an_offset_counts_tools_whatever_the_pages_are_called(
    server: ScriptedHub, first_page: int, pages: int | None
) -> None:
    for start in (0, 2, 4):
        server.says(f"/list?from={start}&max=2", rows_from(start) | {"pages": pages})
    with opened(
        server, mapping=by_offset("/list?from={offset}&max={page_size}", first_page=first_page)
    ) as hub:
        assert names_of(hub) == list(NAMES)
    assert len(server.requests) == 3


def test_a_hub_that_gives_fewer_a_page_than_asked_for_loses_none(server: ScriptedHub) -> None:
    for start in range(6):
        server.says(f"/list?from={start}", rows_from(start, 1))
    with opened(server, mapping=by_offset("/list?from={offset}")) as hub:
        assert names_of(hub) == list(NAMES)


def test_an_offset_without_a_total_ends_with_an_empty_page(server: ScriptedHub) -> None:
    for start in (0, 2, 4, 5):
        server.says(f"/list?from={start}", rows_from(start, total=None))
    with opened(server, mapping=by_offset("/list?from={offset}")) as hub:
        assert names_of(hub) == list(NAMES)


def test_pages_that_overlap_and_leave_most_tools_out_are_a_wrong_mapping(server: ScriptedHub) -> None:
    for start in (1, 2):
        server.says(f"/list?from={start}", rows_from(start, total=7) | {"pages": 2})
    said = "the listing counts 7 tools, its pages name 3 different ones, some of them twice"
    with (
        opened(server, mapping=by_offset("/list?from={page}")) as hub,
        pytest.raises(BrokenContract, match=said) as failure,
    ):
        hub.listing()
    assert "{offset} counts the tools that came before" in (failure.value.fix or "")


@pytest.mark.parametrize(
    ("pages", "total", "said"),
    [
        (2, 4, "the listing counts 4 tools and names 3: 1 missing"),
        (2, None, "1 of 4 entries repeat others: do the pages of `mapping.tools` overlap?"),
    ],
)
def test_pages_that_overlap_are_told(server: ScriptedHub, pages: int, total: int | None, said: str) -> None:
    for start in (1, 2):
        server.says(f"/list?from={start}", rows_from(start, total=total) | {"pages": pages})
    with opened(server, mapping=by_offset("/list?from={page}")) as hub:
        assert [row.detail for row in hub.listing().rejects] == [said]


def test_tools_that_are_counted_and_not_named_are_told(server: ScriptedHub) -> None:
    for start in (0, 2, 4, 5, 6):
        server.says(f"/list?from={start}", rows_from(start, total=7))
    with opened(server, mapping=by_offset("/list?from={offset}")) as hub:
        listing = hub.listing()

    assert [entry.standardized_name for entry in listing.entries] == list(NAMES)
    assert [(row.row_id, row.reason, row.detail) for row in listing.rejects] == [
        (
            "http://hub.sandbox.test/list?from=0#missing",
            "missing",
            "the listing counts 7 tools and names 5: 2 missing",
        )
    ]


def test_a_last_page_that_is_given_for_ever_ends_the_listing(server: ScriptedHub) -> None:
    server.says("/list?page=1", rows_from(0, total=None))
    for number in (2, 3):
        server.says(f"/list?page={number}", rows_from(2, 3, total=None))
    with opened(server, mapping=by_offset("/list?page={page}")) as hub:
        listing = hub.listing()

    assert [entry.standardized_name for entry in listing.entries] == list(NAMES)
    assert listing.rejects == ()


def test_cursors_that_go_round_are_no_listing(server: ScriptedHub) -> None:
    server.says('/graphql {"after": "", "first": 2}', nodes("a", "api_1"))
    server.says('/graphql {"after": "a", "first": 2}', nodes("b", "api_2"))
    server.says('/graphql {"after": "b", "first": 2}', nodes("a", "api_3"))
    with opened(server, mapping=GRAPHQL) as hub, pytest.raises(BrokenContract, match="round in a circle"):
        hub.listing()


def test_an_interrupted_crawl_fetches_no_page_again(server: ScriptedHub, tmp_path: Path) -> None:
    server.lists(listed("cats"), listed("dogs"))
    server.says("/tools/Pets/dogs", Answer(b"{", cut=1))
    with Runtime() as runtime:
        first = Reading(tmp_path, "monday", runtime)
        with opened(server, first) as hub:
            entries = hub.listing().entries
            assert [found.tool is None for found in hub.fetch(entries)] == [False, True]
        first.close()

        asked = len(server.requests)
        server.says("/tools/Pets/dogs", detail(listed("dogs")))
        again = Reading(tmp_path, "monday", runtime)
        with opened(server, again) as hub:
            assert [found.tool is None for found in hub.fetch(hub.listing().entries)] == [False, False]
        again.finish()
        assert [path for path, _ in server.requests[asked:]] == ["/tools/Pets/dogs"]
        assert list(tmp_path.iterdir()) == []

        asked = len(server.requests)
        later = Reading(tmp_path, "tuesday", runtime)
        with opened(server, later) as hub:
            hub.listing()
        later.finish()
        assert len(server.requests) == asked + 2


def test_a_listing_that_changed_between_two_runs_is_read_whole(server: ScriptedHub, tmp_path: Path) -> None:
    server.says("/collections", {"collections": []})
    server.says("/tools?page=1&page_size=2", page(1, 2, listed("cats"), listed("dogs"), total=3))
    server.says("/tools?page=2&page_size=2", Answer({}, status=403))
    with Runtime() as runtime:
        reading = Reading(tmp_path, "monday", runtime)
        with opened(server, reading) as hub, pytest.raises(BrokenContract):
            hub.listing()
        server.says("/tools?page=1&page_size=2", page(1, 2, listed("ants"), listed("cats"), total=4))
        server.says("/tools?page=2&page_size=2", page(2, 2, listed("dogs"), listed("eels"), total=4))
        with opened(server, reading) as hub:
            ids = [entry.standardized_name for entry in hub.listing().entries]
        reading.finish()
    assert ids == ["ants", "cats", "dogs", "eels"]


def test_keys_are_sent_to_the_hub_and_stay_out_of_what_it_says(
    server: ScriptedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_KEY", "s3cret-key")
    server.lists(listed("cats"))
    server.says("/tools/Pets/cats", detail(listed("cats")) | {"description": "call me with s3cret-key"})
    with opened(server, headers={"X-Client": "me"}, header_keys={"X-Hub-Key": "HUB_KEY"}) as hub:
        (crawled,) = hub.fetch(hub.listing().entries)

    assert {(sent["X-Hub-Key"], sent["X-Client"]) for _, sent in server.headers} == {("s3cret-key", "me")}
    assert crawled.tool is not None
    assert crawled.tool.description == "call me with [redacted]"


def test_a_redirect_to_another_host_takes_no_key_along(
    server: ScriptedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_KEY", "s3cret-key")
    server.lists(listed("cats"))
    elsewhere = (("Location", "http://new.sandbox.test/moved"),)
    server.says("/collections", Answer({}, status=301, headers=elsewhere))
    server.says("/moved", {"collections": []})
    with opened(server, header_keys={"X-Hub-Key": "HUB_KEY"}) as hub:
        hub.listing()

    keys = {host: sent.get("X-Hub-Key") for host, sent in server.headers}
    assert keys == {"hub.sandbox.test": "s3cret-key", "new.sandbox.test": None}


def test_a_redirect_into_our_network_is_not_followed(server: ScriptedHub) -> None:
    inside = (("Location", f"{server.url}/inside"),)
    server.says("/collections", Answer({}, status=302, headers=inside))
    with opened(server) as hub, pytest.raises(BrokenContract, match="a loopback address"):
        hub.listing()
    assert server.asked_for("/inside") == 0


def test_a_key_that_is_not_set_is_a_usage_error(server: ScriptedHub) -> None:
    with pytest.raises(UsageError, match="X-Hub-Key is in NO_SUCH_KEY, which is not set"):
        opened(server, header_keys={"X-Hub-Key": "NO_SUCH_KEY"})
