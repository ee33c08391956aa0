from __future__ import annotations

import gzip
import hashlib
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hub_server import HTML, Answer, ScriptedHub, detail, listed, page, serve_hub

from tasks.catalogue.hub import HubSource, open_hub
from tasks.catalogue.params import CatalogueParams, HubParams
from tasks.catalogue.source import (
    CrawlReason,
    Listing,
    Rejected,
    Source,
    ToolEntry,
    with_distinct_names,
)
from tasks.errors import BrokenContract, ConnectionFailed, RateLimited, ServerFailed, UsageError

LOCATION = "http://hub.sandbox.test"


@pytest.fixture
def server() -> Iterator[ScriptedHub]:
    with serve_hub() as script:
        yield script


@pytest.fixture
def hub(server: ScriptedHub) -> Iterator[HubSource]:
    with opened(LOCATION, {"*.sandbox.test": server.url}) as source:
        yield source


def opened(location: str, resolve: dict[str, str] | None = None, *, timeout_s: float = 5) -> HubSource:
    source = HubParams(location=location, page_size=2)
    params = CatalogueParams(sources=(source,), concurrency=4, timeout_s=timeout_s)
    return open_hub(source, params, resolve or {}, first_wait_s=0.01)


def entry(slug: str, category: str = "Pets", **changes: Any) -> ToolEntry:
    plain = ToolEntry(
        id=f"{category}/{slug}",
        category=category,
        name=slug.title(),
        standardized_name=slug,
        updated="2026-01-02",
        source="hub",
        source_url=f"{LOCATION}/tools/{category}/{slug}",
    )
    return plain.model_copy(update=changes)


def test_the_listing_is_read_page_by_page_with_its_collections(server: ScriptedHub, hub: HubSource) -> None:
    server.says("/collections", {"collections": [
        {"name": "Weekend", "description": "", "tools": ["Pets/cats", "Pets/gone"]},
        {"name": "Family", "description": "", "tools": ["Pets/cats", "Pets/dogs"]},
    ]})  # fmt: skip
    server.says("/tools?page=1&page_size=2", page(1, 2, listed("dogs"), listed("eels"), total=3))
    server.says("/tools?page=2&page_size=2", page(2, 2, listed("cats"), total=3))

    assert hub.listing() == Listing(
        entries=(
            entry("cats", collections=("Family", "Weekend")),
            entry("dogs", collections=("Family",)),
            entry("eels"),
        )
    )
    assert {host for _, host in server.requests} == {"hub.sandbox.test"}


def test_tools_on_several_pages_are_listed_once(server: ScriptedHub, hub: HubSource) -> None:
    server.says("/collections", {"collections": []})
    server.says("/tools?page=1&page_size=2", page(1, 2, listed("cats"), listed("dogs"), total=4))
    server.says("/tools?page=2&page_size=2", page(2, 2, listed("dogs"), listed("eels"), total=4))

    assert [tool.id for tool in hub.listing().entries] == ["Pets/cats", "Pets/dogs", "Pets/eels"]


def test_a_listing_that_changes_under_the_reader_is_read_again(server: ScriptedHub, hub: HubSource) -> None:
    server.says("/collections", {"collections": []})
    after = page(1, 2, listed("bats"), listed("cats"), total=3)
    server.says("/tools?page=1&page_size=2", page(1, 2, listed("cats"), listed("dogs"), total=4), after)
    server.says("/tools?page=2&page_size=2", page(2, 2, listed("dogs"), total=3))

    assert [tool.id for tool in hub.listing().entries] == ["Pets/bats", "Pets/cats", "Pets/dogs"]


def test_of_a_listing_that_always_changes_every_tool_is_taken_once(
    server: ScriptedHub, hub: HubSource
) -> None:
    server.says("/collections", {"collections": []})
    readings = [
        page(1, 1, listed("cats"), total=2),
        page(1, 1, listed("dogs"), total=3),
        page(1, 1, listed("cats"), listed("eels"), total=4),
    ]
    server.says("/tools?page=1&page_size=2", *readings)

    assert [tool.id for tool in hub.listing().entries] == ["Pets/cats", "Pets/dogs", "Pets/eels"]
    assert server.asked_for("/tools?page=1&page_size=2") == 3


def test_an_empty_hub_has_an_empty_listing(server: ScriptedHub, hub: HubSource) -> None:
    server.lists()

    assert hub.listing() == Listing(entries=())


def test_equal_standard_names_get_a_hash_in_their_category_only(server: ScriptedHub, hub: HubSource) -> None:
    names = [
        listed("a", "Cat Finder"),
        listed("b", "cat-finder"),
        listed("c", "Cat finder", category="Shops"),
    ]
    server.lists(*names)

    ids = [tool.tool_id for tool in hub.listing().entries]
    assert [id_[:-8] for id_ in ids[:2]] == ["Pets/cat_finder_"] * 2
    assert ids[2] == "Shops/cat_finder"
    assert len(set(ids)) == 3


def test_equal_names_of_two_hubs_are_told_apart_by_their_address() -> None:
    here, there = entry("cats"), entry("cats", source_url="http://other.example/tools/Pets/cats")
    first, second = with_distinct_names([Listing(entries=(here, entry("dogs"))), Listing(entries=(there,))])

    assert first.entries[1] == entry("dogs")
    names = [first.entries[0].standardized_name, second.entries[0].standardized_name]
    assert [name[:-8] for name in names] == ["cats_", "cats_"]
    assert names[0] != names[1]


def test_an_unusable_entry_is_rejected(server: ScriptedHub, hub: HubSource) -> None:
    server.lists(listed("cats"))
    broken = page(1, 1, {"id": "Pets/bad", "category": "Pets"}, "?", listed("cats"))
    server.says("/tools?page=1&page_size=2", broken)

    assert hub.listing() == Listing(
        entries=(entry("cats"),),
        rejects=(
            Rejected(
                row_id="http://hub.sandbox.test/tools/Pets/bad",
                reason=CrawlReason.MALFORMED,
                detail="name: Field required",
            ),
            Rejected(
                row_id="http://hub.sandbox.test/tools?page=1#1",
                reason=CrawlReason.MALFORMED,
                detail="value: Input should be a valid dictionary or instance of _ListedTool",
            ),
        ),
    )


def test_tools_become_rows_in_the_order_asked_for(server: ScriptedHub, hub: HubSource) -> None:
    slugs = ["cats", "dogs", "eels", "bats", "ants", "gnus"]
    server.lists(*map(listed, slugs))

    source: Source = hub
    crawled = source.fetch([entry(slug) for slug in slugs])

    assert [row.tool and row.tool.tool_id for row in crawled] == [f"Pets/{slug}" for slug in slugs]
    assert [api.url for row in crawled for api in row.apis] == [
        f"http://{s}.sandbox.test/find" for s in slugs
    ]


def test_connections_are_kept_alive(server: ScriptedHub, hub: HubSource) -> None:
    server.lists(listed("cats"))

    hub.fetch([entry("cats")] * 40)

    assert len(server.requests) == 40
    assert len(server.connections) <= 4


def test_ids_are_encoded_into_addresses(server: ScriptedHub, hub: HubSource) -> None:
    strange = listed("cat?s", category="Pets & more")
    server.lists(strange)
    server.says("/tools/Pets%20%26%20more/cat%3Fs", detail(strange) | {"host": "http://cats.sandbox.test"})

    (crawled,) = hub.fetch(hub.listing().entries)

    assert crawled.tool is not None
    assert crawled.tool.source_url == f"{LOCATION}/tools/Pets%20%26%20more/cat%3Fs"


def test_addresses_of_the_source_show_no_port(server: ScriptedHub) -> None:
    server.lists(listed("cats"))
    with opened(server.url) as source:
        (tool,) = source.listing().entries

    assert tool.source_url == "http://127.0.0.1/tools/Pets/cats"


@pytest.mark.parametrize(
    "passing",
    [
        Answer({}, status=500),
        Answer({}, status=503),
        Answer({}, status=429, headers=(("Retry-After", "0"),)),
        Answer({}, status=429, headers=(("Retry-After", "soon"),)),
        Answer({}, status=429, headers=(("Retry-After", "²"),)),
        Answer(detail(listed("cats")), cut=40),
        Answer({}, silent=True),
    ],
    ids=["500", "503", "429 at once", "429 some time", "429 in superscript", "half an answer", "nothing"],
)
def test_passing_failures_are_tried_again(server: ScriptedHub, hub: HubSource, passing: Answer) -> None:
    server.lists(listed("cats"))
    server.says("/tools/Pets/cats", passing, passing, detail(listed("cats")))

    (crawled,) = hub.fetch([entry("cats")])

    assert crawled.tool is not None
    assert server.asked_for("/tools/Pets/cats") == 3


def retry_after(pause: timedelta) -> tuple[str, str]:
    return "Retry-After", format_datetime(datetime.now(UTC) + pause, usegmt=True)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_pause_asked_for_is_kept(server: ScriptedHub, hub: HubSource, form: str) -> None:
    server.lists(listed("cats"))
    header = ("Retry-After", "1") if form == "seconds" else retry_after(timedelta(seconds=2))
    server.says("/tools/Pets/cats", Answer({}, status=429, headers=(header,)), detail(listed("cats")))
    started = datetime.now(UTC)

    hub.fetch([entry("cats")])

    assert datetime.now(UTC) - started > timedelta(seconds=0.95)


@pytest.mark.parametrize(
    ("answer", "reason", "said"),
    [
        (Answer({}, status=404), CrawlReason.NOT_FOUND, "answered 404"),
        (Answer({}, status=403), CrawlReason.REFUSED, "answered 403"),
        (Answer({}, status=500), CrawlReason.UNAVAILABLE, "answered 500"),
        (HTML, CrawlReason.NOT_JSON, "answered with an HTML page (text/html, 37 bytes)"),
        (Answer(b'{"id": "Pets/ca'), CrawlReason.NOT_JSON, "something that is not JSON"),
        (Answer({}, cut=1), CrawlReason.UNAVAILABLE, "gave no whole answer"),
        (Answer({"id": "Pets/cats"}), CrawlReason.MALFORMED, "category: Field required"),
    ],
)
def test_a_tool_that_cannot_be_read_is_rejected_and_the_others_are_not(
    server: ScriptedHub, hub: HubSource, answer: Answer, reason: str, said: str
) -> None:
    server.lists(listed("cats"), listed("dogs"))
    server.says("/tools/Pets/cats", answer)

    cats, dogs = hub.fetch([entry("cats"), entry("dogs")])

    (rejected,) = cats.rejects
    assert (cats.tool, rejected.stage, rejected.row_id, rejected.reason) == (
        None,
        "crawl",
        "Pets/cats",
        reason,
    )
    assert said in rejected.detail
    assert dogs.tool is not None


def test_a_tool_is_not_rejected_when_the_whole_hub_fails(server: ScriptedHub, hub: HubSource) -> None:
    server.lists(listed("cats"))
    for path in server.answers:
        server.says(path, Answer({}, status=502))

    with pytest.raises(ServerFailed, match="/tools\\?page=1&page_size=2 answered 502"):
        hub.fetch([entry("cats")])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (HTML, "it answered with an HTML page (text/html, 37 bytes)"),
        (Answer({"items": []}), "tools: Field required"),
        (Answer(page(7, 9, listed("cats"))), "it answered with page 7"),
        (
            Answer(page(1, 1, {"slug": "cats"})),
            "id: Field required; category: Field required; name: Field required",
        ),
        (Answer({}, status=401), "answered 401"),
        (Answer(b'{"page": 1, "pages": 1, "total": 1, "too'), "something that is not JSON"),
    ],
)
def test_what_is_no_listing_stops_the_crawl(
    server: ScriptedHub, hub: HubSource, answer: Answer, said: str
) -> None:
    server.lists(listed("cats"))
    server.says("/tools?page=1&page_size=2", answer)

    with pytest.raises(BrokenContract) as caught:
        hub.listing()

    assert "http://hub.sandbox.test/tools?page=1" in caught.value.message
    assert said.removeprefix("it ") in caught.value.message
    assert caught.value.fix is not None
    assert "`location` in `[[catalogue.sources]]`" in caught.value.fix


def test_a_page_that_breaks_off_for_ever_is_a_failed_connection(server: ScriptedHub, hub: HubSource) -> None:
    server.says("/collections", Answer({"collections": []}, cut=9))

    with pytest.raises(ConnectionFailed, match=r"/collections gave no whole answer: IncompleteRead"):
        hub.listing()


def test_a_hub_that_keeps_asking_for_pauses(server: ScriptedHub, hub: HubSource) -> None:
    server.says("/collections", Answer({}, status=429, headers=(("Retry-After", "0"),)))

    with pytest.raises(RateLimited) as caught:
        hub.listing()

    assert caught.value.retry_after == 0
    assert server.asked_for("/collections") == 4


def test_an_unreachable_hub_is_named_with_what_to_do() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    with opened(LOCATION, {"hub.sandbox.test": nobody}) as source, pytest.raises(ConnectionFailed) as caught:
        source.listing()

    assert "http://hub.sandbox.test/collections" in caught.value.message
    assert "refused" in caught.value.message
    assert caught.value.fix is not None
    assert "is the hub running?" in caught.value.fix


def test_a_trickling_answer_ends_at_the_deadline(server: ScriptedHub) -> None:
    server.says("/collections", Answer(b" " * 100, trickle_s=0.05))
    resolve = {"hub.sandbox.test": server.url}

    with opened(LOCATION, resolve, timeout_s=0.2) as source, pytest.raises(ConnectionFailed) as caught:
        source.listing()

    assert caught.value.message.endswith("the answer was still coming at the deadline")


def test_redirects_stay_within_the_mapped_hosts(server: ScriptedHub, hub: HubSource) -> None:
    server.lists(listed("cats"))
    moved = Answer({}, status=301, headers=(("Location", "http://new.sandbox.test/moved"),))
    server.says("/collections", moved)
    server.says("/moved", {"collections": []})

    assert [tool.id for tool in hub.listing().entries] == ["Pets/cats"]
    assert ("/moved", "new.sandbox.test") in server.requests


@pytest.mark.parametrize("location", ["http://[::1", "//[", "http://h:port/", "http://xn--/", "http://a..b/"])
def test_a_redirect_to_no_address_costs_that_tool_alone(
    server: ScriptedHub, hub: HubSource, location: str
) -> None:
    server.lists(listed("cats"))
    server.says("/tools/Pets/cats", Answer({}, status=302, headers=(("Location", location),)))
    (crawled,) = hub.fetch([entry("cats")])
    (reject,) = crawled.rejects
    assert (crawled.tool, reject.reason in {"refused", "unavailable"}) == (None, True)


def test_a_circle_of_redirects_is_no_listing(server: ScriptedHub, hub: HubSource) -> None:
    server.says("/collections", Answer({}, status=302, headers=(("Location", "/collections"),)))

    with pytest.raises(BrokenContract, match="redirects without end"):
        hub.listing()


@pytest.mark.parametrize(
    "location",
    [
        "hub.sandbox.test",
        "ftp://hub",
        "http://",
        "http://hub?x=1",
        "http://hub:port",
    ],
)
def test_a_location_that_is_no_plain_url_is_refused_before_any_request(location: str) -> None:
    with pytest.raises(UsageError) as caught:
        opened(location)

    assert "`location` of a hub in `[[catalogue.sources]]`" in caught.value.message
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("n_bytes", [10, 400_000])
def test_compressed_answers_are_read_whole(server: ScriptedHub, hub: HubSource, n_bytes: int) -> None:
    server.lists(listed("cats"))
    noise = hashlib.shake_128(b"noise").hexdigest(n_bytes)
    packed = gzip.compress(json.dumps(detail(listed("cats")) | {"description": noise}).encode())
    server.says("/tools/Pets/cats", Answer(packed, headers=(("Content-Encoding", "gzip"),)))

    (crawled,) = hub.fetch([entry("cats")])

    assert crawled.tool is not None
    assert crawled.tool.description == noise


def test_a_listing_passes_between_tasks_as_json() -> None:
    listing = Listing(
        entries=(entry("cats", collections=("Family",)),),
        rejects=(Rejected(row_id="x", reason=CrawlReason.MALFORMED, detail="y"),),
    )

    assert Listing.model_validate_json(listing.model_dump_json()) == listing
