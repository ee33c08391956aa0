"""Each named query: given rows, expected rows.  Those that only show a view are tested with the view."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from warehouse.query import list_queries

Ask = Callable[..., list[tuple[Any, ...]]]
STORMS = "Weather/skies/storms"


@pytest.fixture
def answer(rows_of: Ask) -> Ask:
    """The answer to the named query over a snapshot of the given rows."""
    return lambda name, *rows: rows_of(list_queries()[name].text, *rows)


def several(build: ModuleType) -> list[Any]:
    """Three instructions of two scenarios, the last without an API; two searches of the first."""
    both = (build.relevant(build.FORECAST), build.relevant(STORMS))
    return [
        build.instruction(n_words=38, relevant_apis=both),
        build.instruction(instruction_id="instruction-2", scenario="G2", n_words=40),
        build.instruction(instruction_id="instruction-3", scenario="G2", n_words=49, relevant_apis=()),
        build.annotation(n_queries=2, depth=4),
        build.annotation(
            annotation_id="annotation-2", win=False, stopped_by="exhausted", n_queries=7, depth=9
        ),
    ]


def catalogue(build: ModuleType) -> list[Any]:
    """Two kept APIs and a dead one."""
    dead = "Weather/skies/dead"
    return [
        build.tool(),
        *(build.api(api) for api in (build.FORECAST, STORMS, dead)),
        *(build.verdict(api) for api in (build.FORECAST, STORMS)),
        build.verdict(dead, kept=False, works=False, reason="not_found"),
    ]


def test_sizes_by_category(answer: Ask, build: ModuleType) -> None:
    assert answer("sizes_by_category", *catalogue(build), *several(build)) == [("Weather", 1, 3, 2, 1, 1, 0)]


def test_coverage_by_category(answer: Ask, build: ModuleType) -> None:
    rows = [*catalogue(build), build.instruction()]
    assert answer("coverage_by_category", *rows) == [("Weather", 2, 2, 1, 0.5)]


def test_instructions_per_api(answer: Ask, build: ModuleType) -> None:
    assert answer("instructions_per_api", *catalogue(build), *several(build)) == [(1, 1), (2, 1)]


def test_instruction_lengths(answer: Ask, build: ModuleType) -> None:
    assert answer("instruction_lengths", *several(build)) == [(30, "G1", 1), (40, "G2", 2)]


def test_apis_per_instruction(answer: Ask, build: ModuleType) -> None:
    assert answer("apis_per_instruction", *several(build)) == [(0, "G2", 1), (1, "G2", 1), (2, "G1", 1)]


def test_requests_per_search(answer: Ask, build: ModuleType) -> None:
    assert answer("requests_per_search", *several(build)) == [(2, "dfsdt", True, 1), (7, "dfsdt", False, 1)]


def test_search_depth(answer: Ask, build: ModuleType) -> None:
    assert answer("search_depth", *several(build)) == [(4, "dfsdt", True, 1), (9, "dfsdt", False, 1)]


def test_search_ends(answer: Ask, build: ModuleType) -> None:
    assert answer("search_ends", *several(build)) == [
        ("dfsdt", "answered", 1, 2.0, 1.0),
        ("dfsdt", "exhausted", 1, 7.0, 1.0),
    ]


def test_pass_rate_of_each_scenario_and_of_all(answer: Ask, build: ModuleType) -> None:
    other = build.annotation(annotation_id="annotation-3", instruction_id="instruction-2")
    assert answer("pass_rate", *several(build), other) == [
        ("dfsdt", "teacher", "all", 3, 2, 0.667),
        ("dfsdt", "teacher", "G1", 2, 1, 0.5),
        ("dfsdt", "teacher", "G2", 1, 1, 1.0),
    ]


def test_verdicts(answer: Ask, build: ModuleType) -> None:
    assert answer("verdicts", *catalogue(build)) == [
        (True, "ok", 2, build.FORECAST),
        (False, "not_found", 1, "Weather/skies/dead"),
    ]


def probed(build: ModuleType) -> list[Any]:
    """Two runs: an API that answers at its second try and dies, and one that lives."""
    return [
        build.probe(outcome="timeout", latency_ms=9_000.0),
        build.probe(attempt=2, latency_ms=30.0),
        build.probe(STORMS, latency_ms=10.0),
        build.probe(run_id="run-2", probed_at=build.LATER, outcome="timeout"),
        build.probe(run_id="run-2", probed_at=build.LATER, attempt=2, outcome="not_found"),
        build.probe(STORMS, run_id="run-2", probed_at=build.LATER, latency_ms=40.0),
    ]


def test_outcomes_by_run(answer: Ask, build: ModuleType) -> None:
    assert answer("outcomes_by_run", *probed(build)) == [
        ("run-1", "2026-03-01 12:00", "ok", 2),
        ("run-2", "2026-03-01 21:00", "not_found", 1),
        ("run-2", "2026-03-01 21:00", "ok", 1),
    ]


def test_latency_by_run(answer: Ask, build: ModuleType) -> None:
    assert answer("latency_by_run", *probed(build)) == [
        ("run-1", "2026-03-01 12:00", 2, 20.0, 29.0),
        ("run-2", "2026-03-01 21:00", 1, 40.0, 40.0),
    ]


def test_cost_by_run_is_oldest_first(answer: Ask, build: ModuleType) -> None:
    later = build.run(run_id="run-2", kind="probe", started_at=build.LATER, finished_at=build.LATER)
    assert answer("cost_by_run", later, build.run()) == [
        ("run-1", "refresh", "complete", "2026-03-01 12:00", 3600.0, 1, 100, 10, 0.25),
        ("run-2", "probe", "complete", "2026-03-01 21:00", 0.0, 1, 100, 10, 0.25),
    ]


def test_runs_is_newest_first(answer: Ask, build: ModuleType) -> None:
    later = build.run(run_id="run-2", started_at=build.LATER, finished_at=build.LATER)
    assert [row[0] for row in answer("runs", build.run(), later)] == ["run-2", "run-1"]


def test_health_leaves_out_what_is_well(answer: Ask, build: ModuleType) -> None:
    assert answer("health", *probed(build)) == [
        (build.FORECAST, "not_found", "2026-03-01 21:00", "2026-03-01 12:00", 25.0, 25.0, 4)
    ]


def test_drift_shows_what_is_lost_and_gained(answer: Ask, build: ModuleType) -> None:
    before = build.probe(shape=build.shape({"price": "number"}))
    now = build.probe(run_id="run-2", probed_at=build.LATER, shape=build.shape({"prices": "number"}))
    assert answer("drift", before, now) == [
        (build.FORECAST, ["price"], ["prices"], [], True, "2026-03-01 12:00", "2026-03-01 21:00")
    ]


def test_stale_names_the_api_that_is_gone(answer: Ask, build: ModuleType) -> None:
    rows = [build.instruction(), build.tool(), build.api(STORMS), build.verdict(STORMS)]
    assert answer("stale", *rows) == [("instruction-1", build.FORECAST, "gone", True)]


def test_grounded_answers_say_something_that_only_an_api_said(answer: Ask, build: ModuleType) -> None:
    assert answer(
        "grounded_answers",
        build.instruction(),
        build.annotation(final_answer="It will be 21.5 degrees."),
        build.node(1, observation='{"degrees": 21.5}'),
        build.annotation(annotation_id="annotation-2", final_answer="Will it rain in Oslo?"),
        build.node(1, annotation_id="annotation-2", observation="rain"),
    ) == [(2, 1, 0.5)]


def test_search_effort_shows_the_view(answer: Ask, build: ModuleType) -> None:
    assert answer("search_effort", build.instruction(), build.annotation()) == [
        ("dfsdt", "toolloom", "teacher", "G1", 1, 1, 1.0, 2.0, 2.0, 1.0, 3.0, 2, 120.0)
    ]


def test_lossy_tools_lost_more_than_half(answer: Ask, build: ModuleType) -> None:
    apis = [build.tool(), *(build.api(api) for api in (build.FORECAST, STORMS, "Weather/skies/dead"))]
    dead = [build.verdict(api, kept=False) for api in (STORMS, "Weather/skies/dead")]
    assert answer("lossy_tools", *apis, *dead, build.verdict(build.FORECAST)) == [("Weather/skies", 3, 1)]
    assert answer("lossy_tools", *catalogue(build)) == []


def test_sample_instructions(answer: Ask, build: ModuleType) -> None:
    assert answer("sample_instructions", build.instruction()) == [("G1", "Will it rain in Oslo?")]


def test_backtracking_counts_searches_with_a_branch_given_up(answer: Ask, build: ModuleType) -> None:
    rows = [
        build.annotation(),
        build.annotation(annotation_id="annotation-2"),
        build.node(1, pruned=True),
        build.node(2),
        build.node(1, annotation_id="annotation-2"),
    ]
    assert answer("backtracking", *rows) == [("dfsdt", 2, 1, 1)]


def test_most_called_apis(answer: Ask, build: ModuleType) -> None:
    calls = [build.call(), build.call(node_id=9, outcome="timeout"), build.call(node_id=8, api_id=STORMS)]
    assert answer("most_called_apis", *calls) == [(build.FORECAST, 2, 1), (STORMS, 1, 1)]


def test_cost_by_stage_adds_up_runs(answer: Ask, build: ModuleType) -> None:
    later = build.run(run_id="run-2", started_at=build.LATER, finished_at=build.LATER)
    rows = [build.run(), later, build.llm_call(), build.llm_call(run_id="run-2")]
    assert answer("cost_by_stage", *rows) == [("propose", 2, 200, 20, 0.5)]


def test_valid_calls_are_of_offered_functions_with_arguments_that_fit(answer: Ask, build: ModuleType) -> None:
    outcomes = ["ok", "server_error", "unknown_function", "invalid_arguments", "bad_finish", "answered"]
    calls = [
        build.node(node_id=number, kind="action_input", function="storms", outcome=outcome)
        for number, outcome in enumerate(outcomes, start=1)
    ]
    silent = build.annotation(annotation_id="annotation-2", model="silent")
    assert answer("valid_calls", build.instruction(), build.annotation(), *calls, silent) == [
        ("silent", "dfsdt", "sampled", "train", 1, 0, 0, 0, None),
        ("teacher", "dfsdt", "sampled", "train", 1, 6, 1, 2, 0.5),
    ]
