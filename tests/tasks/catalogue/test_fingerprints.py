from __future__ import annotations

from typing import Any

import pytest

from tasks.catalogue.normalise import as_before, normalise
from tasks.catalogue.source import Crawled, ToolEntry

ENTRY = ToolEntry(
    id="Money/rates",
    category="Money",
    name="Rates",
    standardized_name="rates",
    source="hub",
    source_url="http://hub.example/tools/Money/rates",
)


def crawled(example: Any, **said: Any) -> Crawled:
    api = {"name": "Now", "method": "GET", "path": "/now", "example_response": example} | said
    tool = {"id": ENTRY.id, "category": ENTRY.category, "name": ENTRY.name, "host": "http://rates.example"}
    return normalise(ENTRY, tool | {"apis": [api]})


def seen_after(before: Crawled, now: Crawled) -> Crawled:
    return as_before(now, {api.api_id: api for api in before.apis})


BEFORE = {"time": "12:00", "rates": [{"code": "EUR", "rate": 1.1}], "error": None}


@pytest.mark.parametrize(
    "example",
    [
        {"time": "12:01", "rates": [{"code": "USD", "rate": 1}], "error": None},
        {"time": "12:01", "rates": [{"code": "USD", "rate": 1.2}] * 3, "error": None},
        {"time": "12:01", "rates": [], "error": "no rates at night"},
    ],
)
def test_an_api_stays_while_only_values_of_its_example_differ(example: Any) -> None:
    before = crawled(BEFORE, code_snippets={"python": "get('12:00')"})
    now = crawled(example, code_snippets={"python": "get('12:01')"})

    assert seen_after(before, now) == before


@pytest.mark.parametrize(
    ("example", "said"),
    [
        ({**BEFORE, "source": "bank"}, {}),
        ({"time": "12:00"}, {}),
        ([BEFORE], {}),
        (None, {}),
        ({**BEFORE, "time": "12:01"}, {"description": "Rates of now."}),
    ],
)
def test_an_api_that_is_said_to_be_otherwise_is_as_crawled(example: Any, said: dict[str, Any]) -> None:
    before, now = crawled(BEFORE), crawled(example, **said)

    assert seen_after(before, now) == now
    assert now.tool is not None
    assert before.tool is not None
    assert now.tool.fingerprint != before.tool.fingerprint


def test_a_first_example_is_taken() -> None:
    assert seen_after(crawled(None), crawled(BEFORE)) == crawled(BEFORE)


def test_what_is_new_is_as_crawled() -> None:
    assert as_before(crawled(BEFORE), {}) == crawled(BEFORE)
