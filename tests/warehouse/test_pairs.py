"""Which replies of a search are a pair to learn a preference from (view `pairs`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from searched_world import GIVES_UP, RAIN, answers, calls, says, search, write_world

from tasks.llm.chat import Reply, ToolCall
from tasks.search.annotate import AnnotationRows
from warehouse.connect import open_database

DRY = says(answers("Dry."))
STUCK = says(GIVES_UP)
UNREADABLE = ToolCall("", "rain_for_sky", "[1]")
TYPED_OTHERWISE = ToolCall("", "rain_for_sky", '{ "city":"Brest" }')


def pairs(folder: Path, found: AnnotationRows) -> list[tuple[Any, ...]]:
    write_world(folder, [found])
    with open_database(folder, None) as connection:
        asked = "SELECT point, chosen_node, rejected_node, reason, came_later FROM pairs ORDER BY ALL"
        return connection.sql(asked).fetchall()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(
            [says("Snow?", calls("snow_for_sky")), STUCK, says("Rain.", RAIN), DRY],
            [(0, 6, 1, "hallucinated_name", False)],
            id="a function that there is none of",
        ),
        pytest.param(
            [says(calls("wind_for_sky")), STUCK, says(RAIN), DRY],
            [(0, 5, 1, "api_error", False)],
            id="an error of the API",
        ),
        pytest.param(
            [says(UNREADABLE), STUCK, says(RAIN), DRY],
            [(0, 5, 1, "invalid_arguments", True)],
            id="arguments that are none",
        ),
        pytest.param([says("No.", GIVES_UP), says(RAIN), DRY], [(0, 4, 1, "gave_up", False)], id="gave up"),
        pytest.param(
            [says(calls("rain_for_sky", city="Rome")), STUCK, says(RAIN), DRY],
            [(0, 5, 1, "dead_end", True)],
            id="what followed gave up, and the way to the answer asks the same function",
        ),
        pytest.param([says(RAIN), STUCK, says(TYPED_OTHERWISE), DRY], [], id="the same call"),
        pytest.param(
            [says("Snow?", calls("snow_for_sky")), says(RAIN), DRY],
            [],
            id="an error on the way to the answer",
        ),
        pytest.param([says("Hm."), STUCK, says(RAIN), DRY], [], id="a reply without a call"),
        pytest.param(
            [says(RAIN), STUCK, says(calls("wind_for_sky")), DRY], [], id="what is preferred failed itself"
        ),
    ],
)
def test_pairs(tmp_path: Path, script: Sequence[Reply], expected: list[tuple[Any, ...]]) -> None:
    assert pairs(tmp_path, search("beach", script)) == expected


@pytest.mark.parametrize("outcome", ["timeout", "rate_limited", "server_error", "unsubscribed", "blocked"])
def test_nothing_is_learned_of_who_was_let_down_by_a_server(tmp_path: Path, outcome: str) -> None:
    found = search("beach", [says(calls("wind_for_sky")), STUCK, says(RAIN), DRY])
    nodes = tuple(
        replace(node, outcome=outcome) if node.outcome == "error_message" else node for node in found.nodes
    )
    assert pairs(tmp_path, replace(found, nodes=nodes)) == []
