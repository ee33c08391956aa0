"""What changed between two snapshots: given rows of both, expected changes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from warehouse.connect import connect_snapshot
from warehouse.query import list_queries
from warehouse.tables.retrieval import RetrievalRank

BEFORE, AFTER = "run-1", "run-2"


@pytest.fixture
def world(build: ModuleType) -> list[Any]:
    """One tool with two APIs, one instruction that offers both, one annotation."""
    return [
        build.tool(),
        *(row for name in (build.FORECAST, build.STORMS) for row in (build.api(name), build.verdict(name))),
        build.sample(),
        build.instruction(api_fingerprints=("forecast-print", "storms-print")),
        build.annotation(),
    ]


def changes(root: Path, build: ModuleType, old: Iterable[Any], new: Iterable[Any]) -> list[tuple[Any, ...]]:
    before, after = build.snapshot(root, *old, run_id=BEFORE), build.snapshot(root, *new, run_id=AFTER)
    with connect_snapshot(root, after, before) as connection:
        return connection.execute("SELECT what, id, change, detail FROM changes ORDER BY ALL").fetchall()


def test_nothing(shared: Path, build: ModuleType, world: list[Any]) -> None:
    assert changes(shared, build, world, world) == []


def test_nothing_is_said_of_a_run_that_has_none_before_it(
    shared: Path, build: ModuleType, world: list[Any]
) -> None:
    with connect_snapshot(shared, build.snapshot(shared, *world)) as connection:
        assert connection.execute("FROM changes").fetchall() == []
        assert connection.execute("SELECT compared_with FROM snapshot").fetchall() == [(None,)]


def without(world: list[Any], *kinds: str) -> list[Any]:
    return [row for row in world if type(row).__name__ not in kinds]


def test_everything_is_new_after_a_run_without_rows(
    shared: Path, build: ModuleType, world: list[Any]
) -> None:
    assert changes(shared, build, [], world) == [
        ("API", build.FORECAST, "added", None),
        ("API", build.STORMS, "added", None),
        ("annotation", "annotation-1", "added", None),
        ("instruction", "instruction-1", "added", None),
        ("tool", "Weather/skies", "added", None),
    ]


def test_a_dead_api_makes_what_stands_on_it_stale(shared: Path, build: ModuleType, world: list[Any]) -> None:
    dead = build.changed(world, type(build.verdict()), 1, kept=False, reason="server_error")

    assert changes(shared, build, world, dead) == STALE
    assert changes(shared, build, world, without(dead, "Instruction", "Annotation")) == STALE


STALE = [
    ("API", "Weather/skies/storms", "gone_stale", "server_error"),
    ("annotation", "annotation-1", "gone_stale", "because of Weather/skies/storms"),
    ("instruction", "instruction-1", "gone_stale", "because of Weather/skies/storms"),
]


def test_an_api_that_is_back_brings_back_what_stands_on_it(
    shared: Path, build: ModuleType, world: list[Any]
) -> None:
    dead = build.changed(world, type(build.verdict()), 1, kept=False, reason="server_error")

    assert changes(shared, build, dead, world) == [
        ("API", build.STORMS, "came_back", None),
        ("annotation", "annotation-1", "came_back", None),
        ("instruction", "instruction-1", "came_back", None),
    ]


def test_another_documentation_is_a_change(shared: Path, build: ModuleType, world: list[Any]) -> None:
    """The instruction was written anew, in the same words; the search ended otherwise."""
    told = build.changed(world, type(build.api()), 0, fingerprint="other")
    written = build.changed(told, type(build.instruction()), 0, api_fingerprints=("other", "storms-print"))
    found = build.changed(written, type(build.annotation()), 0, final_answer="It will snow.")

    assert changes(shared, build, world, found) == [
        ("API", build.FORECAST, "changed", None),
        ("annotation", "annotation-1", "changed", None),
        ("instruction", "instruction-1", "changed", None),
    ]


def test_what_went_for_another_reason_was_removed(shared: Path, build: ModuleType, world: list[Any]) -> None:
    assert changes(shared, build, world, without(world, "Instruction", "Annotation")) == [
        ("annotation", "annotation-1", "removed", None),
        ("instruction", "instruction-1", "removed", None),
    ]
    assert changes(shared, build, world, []) == [
        ("API", build.FORECAST, "removed", None),
        ("API", build.STORMS, "removed", None),
        ("annotation", "annotation-1", "gone_stale", f"because of {build.FORECAST}"),
        ("instruction", "instruction-1", "gone_stale", f"because of {build.FORECAST}"),
        ("tool", "Weather/skies", "removed", None),
    ]


def test_what_an_earlier_run_had_came_back(shared: Path, build: ModuleType, world: list[Any]) -> None:
    """Not the run before: the history of probes and of requests tells."""
    earlier = [
        build.probe(build.FORECAST, run_id="run-0"),
        build.llm_call(run_id="run-0", stage="annotate", row_id="annotation-1"),
    ]

    found = changes(shared, build, [], [*world, *earlier])

    assert {(what, change) for what, _, change, _ in found} == {
        ("tool", "came_back"),
        ("API", "came_back"),
        ("API", "added"),
        ("instruction", "came_back"),
        ("annotation", "came_back"),
    }


def ranked(instruction_id: str, *ranks: int, top: str = "abcdef", retriever: str = "bm25") -> RetrievalRank:
    return RetrievalRank(
        retriever=retriever,
        instruction_id=instruction_id,
        scenario="G1",
        level="train",
        n_apis=9,
        names_tool=False,
        ranks=ranks,
        twin_ranks=ranks,
        top=tuple(top),
    )


def test_a_retriever_has_drifted_where_lists_are_others_and_scores_fell(
    shared: Path, build: ModuleType
) -> None:
    old = [ranked("a", 1), ranked("b", 1, 2), ranked("gone", 1), ranked("a", 1, retriever="unmeasured-later")]
    new = [ranked("a", 2, top="bacdef"), ranked("b", 1, 6, top="abcdeg"), ranked("new", 9)]
    after, before = build.snapshot(shared, *new, run_id=AFTER), build.snapshot(shared, *old, run_id=BEFORE)
    with connect_snapshot(shared, after, before) as connection:
        found = connection.execute(list_queries()["diff_retrieval"].text).fetchall()

    a, b = 1 / math.log2(3), 1 / (1 + 1 / math.log2(3))
    assert found == [("bm25", 2, 1, 9, 9, 1.0, pytest.approx((a + b) / 2, abs=1e-4))]


def test_nothing_is_said_of_retrievers_that_only_one_run_measured(shared: Path, build: ModuleType) -> None:
    after, before = (
        build.snapshot(shared, ranked("a", 1), run_id=AFTER),
        build.snapshot(shared, run_id=BEFORE),
    )
    with connect_snapshot(shared, after, before) as connection:
        assert connection.execute(list_queries()["diff_retrieval"].text).fetchall() == []
