"""Each view: given rows, expected rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from warehouse.sql import sql_files, statement

Ask = Callable[..., list[tuple[Any, ...]]]


def test_every_view_states_its_grain() -> None:
    titles = {view.name: view.title for view in sql_files("views").values()}
    assert titles == {name: title for name, title in titles.items() if title.startswith("Grain: ")}


def test_snapshot_is_the_run_that_is_shown(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of("SELECT run_id, kind, status, parent, started_at, config_digest FROM snapshot")
    assert found == [("run-1", "refresh", "complete", None, build.NOON, "config")]


def test_instruction_apis_pairs_instructions_with_the_apis_they_need(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT * EXCLUDE (scenario, split) FROM instruction_apis ORDER BY ALL",
        build.tool(),
        build.api(build.FORECAST),
        build.instruction(relevant_apis=(build.relevant(build.FORECAST), build.relevant("Gone/tool/api"))),
        build.instruction(instruction_id="instruction-2", relevant_apis=()),
    )
    assert found == [
        ("instruction-1", "Gone/tool/api", "Skies", "api", None, None),
        ("instruction-1", build.FORECAST, "Skies", "forecast", "Weather/skies", "Weather"),
    ]


def test_answers_are_the_searches_that_won(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT * FROM answers",
        build.instruction(),
        build.annotation(),
        build.annotation(annotation_id="annotation-2", win=False, finish_type="none", final_answer=None),
    )
    assert found == [
        (
            *("annotation-1", "instruction-1", "G1", "train", "Will it rain in Oslo?", "It will rain."),
            *("dfsdt", "sampled", "teacher", 2, 1),
        )
    ]


def test_funnel_has_every_stage_of_the_snapshot_searches_put_beside_included(
    rows_of: Ask, build: ModuleType
) -> None:
    stages = {
        "probe": build.stage(build.counts("probe", 9, 4, 3, 2)),
        "annotate": build.stage(build.counts("annotate", 5, 4, 1)),
        "annotated": build.stage(build.counts("annotate", 5, 5)),
    }
    found = rows_of(
        "SELECT stage, unit, n_in, n_out, n_rejected, n_pending FROM funnel ORDER BY stage_no",
        build.run(build.counts("annotate", 5, 5), kind="annotate"),
        stages=stages,
    )
    assert found == [("probe", "API", 9, 4, 3, 2), ("annotate", "API", 10, 9, 1, 0)]


def test_account_is_of_the_run_shown_and_of_no_other(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT stage, unit, n_in, n_out, n_rejected, n_pending FROM account ORDER BY stage_no",
        build.run(build.counts("probe", 9, 4, 3, 2), build.counts("compress", 4, 4)),
        build.run(build.counts("crawl", 7, 7), run_id="run-0"),
    )
    assert found == [("probe", "API", 9, 4, 3, 2), ("compress", "API", 4, 4, 0, 0)]


def test_rejects_by_reason_counts_rows_and_shows_one(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT * FROM rejects_by_reason ORDER BY stage, reason",
        build.reject(row_id="b", detail="404 of b"),
        build.reject(row_id="a", detail="404 of a"),
        build.reject(row_id="c", reason="timeout", detail="10 s"),
        build.reject(stage="select", row_id="d", reason="too_short", detail="4 words"),
    )
    assert found == [
        ("probe", "not_found", 2, "a", "404 of a"),
        ("probe", "timeout", 1, "c", "10 s"),
        ("select", "too_short", 1, "d", "4 words"),
    ]


def test_api_outcomes_counts_probes_and_real_calls_apart(rows_of: Ask, build: ModuleType) -> None:
    later = build.NOON + timedelta(minutes=1)
    found = rows_of(
        "SELECT * FROM api_outcomes ORDER BY ALL",
        build.probe(attempt=1, latency_ms=10.0),
        build.probe(attempt=2, latency_ms=30.0, probed_at=later),
        build.probe(attempt=3, outcome="timeout", latency_ms=99.0),
        build.call(node_id=1),
        build.call(node_id=2, origin="replayed"),
    )
    assert found == [
        ("probe", build.FORECAST, "ok", 2, 20.0, later),
        ("probe", build.FORECAST, "timeout", 1, 99.0, build.NOON),
        ("search", build.FORECAST, "ok", 1, 30.0, build.NOON),
    ]


def test_api_health_looks_back_from_the_newest_probe(rows_of: Ask, build: ModuleType) -> None:
    def ago(**time: float) -> datetime:
        moment: datetime = build.NOON - timedelta(**time)
        return moment

    found = rows_of(
        "SELECT * FROM api_health ORDER BY api_id",
        build.probe(run_id="1", latency_ms=900.0, probed_at=ago(days=40)),
        build.probe(run_id="2", latency_ms=100.0, probed_at=ago(days=20), body_head='{"a":1}'),
        build.probe(run_id="2", attempt=2, latency_ms=200.0, probed_at=ago(days=19), body_head='{"a":2}'),
        build.probe(run_id="3", outcome="timeout", latency_ms=15_000.0, probed_at=ago(days=3)),
        build.probe(run_id="3", attempt=2, outcome="not_found", latency_ms=9.0, probed_at=build.NOON),
        build.probe(build.STORMS, run_id="2", outcome="server_error", probed_at=ago(days=8)),
        build.probe(build.STORMS, run_id="3", attempt=1, latency_ms=30.0, probed_at=ago(days=1)),
        build.probe(build.STORMS, run_id="3", attempt=2, latency_ms=10.0, probed_at=ago(hours=1)),
    )
    assert found == [
        (
            *(build.FORECAST, 5, 2, 0.0, 4, 0.5, 150.0, 195.0, build.NOON, "not_found"),
            *(ago(days=19), '{"a":2}', ago(days=3), ago(days=3)),
        ),
        (
            *(build.STORMS, 3, 2, 1.0, 3, 2 / 3, 20.0, 29.0, ago(hours=1), "ok"),
            *(ago(hours=1), "{}", ago(days=8), None),
        ),
    ]


def test_an_api_that_never_answered_has_failed_since_its_first_probe(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT share_ok_7_days, median_latency_ms, last_ok_at, last_ok_body, failing_since FROM api_health",
        build.probe(outcome="timeout"),
        build.probe(outcome="timeout", attempt=2, probed_at=build.LATER),
    )
    assert found == [(0.0, None, None, None, build.NOON)]


@pytest.mark.parametrize(
    ("before", "now", "lost", "gained", "changed"),
    [
        ({"a": "string"}, {"a": "string"}, [], [], []),
        ({"a": "string", "b": "integer"}, {"a": "integer", "c.d": "string"}, ["b"], ["c.d"], ["a"]),
        ({"n": "integer"}, {"n": "number"}, [], [], []),
        ({"n": "null"}, {"n": "string"}, [], [], []),
        ({"items": "array"}, {"items[].id": "integer"}, [], [], []),
        ({"items[].id": "integer", "total": "integer"}, {"items": "array", "total": "integer"}, [], [], []),
        ({"item.id": "integer"}, {"item": "null"}, [], [], []),
        ({"items": "array"}, {"items_2[].id": "integer"}, ["items"], ["items_2[].id"], []),
        ({"[].id": "integer"}, {"": "array"}, [], [], []),
        ({"[].id": "integer"}, {"": "text"}, ["[].id"], [""], []),
    ],
)
def test_api_drift_compares_the_newest_shape_with_the_one_before(
    rows_of: Ask,
    build: ModuleType,
    before: dict[str, str],
    now: dict[str, str],
    lost: list[str],
    gained: list[str],
    changed: list[str],
) -> None:
    found = rows_of(
        "SELECT * FROM api_drift",
        build.probe(run_id="1", probed_at=build.NOON - timedelta(days=9), shape=build.shape({"old": "text"})),
        build.probe(run_id="2", shape=build.shape({"earlier": "text"})),
        build.probe(run_id="2", attempt=2, shape=build.shape(before)),
        build.probe(run_id="3", probed_at=build.LATER, shape=build.shape(now), arguments='{"x":1}'),
        build.probe(run_id="4", probed_at=build.LATER + timedelta(days=1), outcome="timeout"),
    )
    drifted = bool(lost or gained or changed)
    assert found == [
        (build.FORECAST, "2", "3", build.NOON, build.LATER, False, drifted, lost, gained, changed)
    ]


def test_api_drift_needs_good_answers_in_two_runs(rows_of: Ask, build: ModuleType) -> None:
    once = build.shape({"a": "string"})
    rows = (build.probe(shape=once), build.probe(attempt=2, shape=once), build.probe(build.STORMS))
    assert rows_of("SELECT * FROM api_drift", *rows) == []


def test_stale_instructions_say_which_api_is_gone_dead_or_changed(rows_of: Ask, build: ModuleType) -> None:
    dead, changed = "Weather/skies/dead", "Weather/skies/changed"
    found = rows_of(
        "SELECT * FROM stale_instructions ORDER BY api_id",
        *(build.api(api_id) for api_id in (build.FORECAST, dead, changed)),
        build.verdict(build.FORECAST),
        build.verdict(dead, kept=False),
        build.instruction(
            api_ids=(build.FORECAST, dead, changed, "Weather/skies/gone"),
            api_fingerprints=("forecast-print", "dead-print", "another", "gone-print"),
            relevant_apis=(build.relevant(dead),),
        ),
    )
    assert found == [
        ("instruction-1", changed, "changed", False),
        ("instruction-1", dead, "not_kept", True),
        ("instruction-1", "Weather/skies/gone", "gone", False),
    ]


def test_api_coverage_counts_the_samples_and_instructions_of_every_kept_api(
    rows_of: Ask, build: ModuleType
) -> None:
    found = rows_of(
        "SELECT * FROM api_coverage ORDER BY api_id",
        build.tool(),
        *(build.api(api_id) for api_id in (build.FORECAST, build.STORMS, "Weather/skies/dead")),
        build.verdict(build.FORECAST),
        build.verdict(build.STORMS),
        build.verdict("Weather/skies/dead", kept=False),
        build.sample(),
        build.instruction(),
        build.instruction(instruction_id="instruction-2"),
    )
    assert found == [
        (build.FORECAST, "Weather/skies", "Weather", "train", 1, 2, 2),
        (build.STORMS, "Weather/skies", "Weather", "train", 1, 2, 0),
    ]


def test_compression_adds_up_what_each_way_saved(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT * FROM compression ORDER BY method",
        build.document("a", tokenizer="o200k"),
        build.document("b", tokenizer="o200k", method="llm", tokens_before=5000, tokens_after=2000),
        build.document("c", tokenizer="o200k", method="llm", tokens_before=3000, tokens_after=1000),
    )
    assert found == [
        ("as-is", "o200k", 1, 10, 10, 0, 10, 10),
        ("llm", "o200k", 2, 8000, 3000, 5000, 5000, 2000),
    ]


def test_diversity_tells_how_instructions_differ(rows_of: Ask, build: ModuleType) -> None:
    both = (build.relevant(build.FORECAST), build.relevant(build.STORMS))
    found = rows_of(
        "SELECT * FROM diversity ORDER BY scenario",
        build.instruction(query="Will it rain in Oslo?"),
        build.instruction(
            instruction_id="instruction-2", query="will it rain, in Rome", n_words=7, relevant_apis=both
        ),
        build.instruction(instruction_id="instruction-3", query="Rain", scenario="G3", n_words=1),
    )
    assert found == [
        ("G1", 2, 6 / 10, 5 / 8, 4 / 6, 2 / 4, 2 / 4, 5, 6.0, 7, 1.5, 2, 0.5),
        ("G3", 1, 1.0, None, None, None, None, 1, 1.0, 1, 1.0, 1, 0.0),
    ]


def test_cost_by_stage_leaves_out_what_the_store_answered(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT * FROM cost_by_stage ORDER BY stage",
        build.llm_call(ordinal=0),
        build.llm_call(ordinal=1, attempts=3, error="timeout", tokens_out=0, latency_ms=60.0),
        build.llm_call(ordinal=2, from_store=True),
        build.llm_call(stage="compress", cost_usd=None),
    )
    assert found == [
        ("run-1", "compress", "teacher", 1, 0, 0, 1, 100, 10, None, 40.0),
        ("run-1", "propose", "teacher", 2, 1, 1, 4, 200, 10, 0.5, 50.0),
    ]


def test_search_effort_averages_over_method_model_and_scenario(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT * FROM search_effort",
        build.instruction(),
        build.annotation(),
        build.annotation(annotation_id="annotation-2", win=False, n_queries=6, n_calls=3, n_nodes=7, depth=5),
    )
    assert found == [("dfsdt", "toolloom", "teacher", "G1", 2, 1, 0.5, 4.0, 4.0, 2.0, 5.0, 5, 120.0)]


def test_stale_annotations_are_those_of_stale_instructions(rows_of: Ask, build: ModuleType) -> None:
    prints = {"api_fingerprints": ("forecast-print", "storms-print")}
    found = rows_of(
        "SELECT * FROM stale_annotations",
        *(build.api(name) for name in (build.FORECAST, build.STORMS)),
        build.verdict(build.FORECAST),
        build.verdict(build.STORMS, kept=False),
        build.instruction(**prints),
        build.instruction(
            instruction_id="instruction-2",
            api_ids=(build.FORECAST,),
            api_fingerprints=prints["api_fingerprints"][:1],
        ),
        build.annotation(),
        build.annotation(annotation_id="annotation-2", instruction_id="instruction-2"),
    )
    assert found == [("annotation-1", "instruction-1", build.STORMS, "not_kept")]


def test_probe_results_one_good_try_is_enough(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT run_id, api_id, outcome, n_tries, median_latency_ms FROM probe_results ORDER BY ALL",
        build.probe(outcome="timeout"),
        build.probe(attempt=2, latency_ms=30.0),
        build.probe("Weather/skies/dead", outcome="timeout"),
        build.probe("Weather/skies/dead", attempt=2, outcome="not_found"),
    )
    assert found == [
        ("run-1", "Weather/skies/dead", "not_found", 2, None),
        ("run-1", build.FORECAST, "ok", 2, 30.0),
    ]


def test_instruction_categories_count_each_category_once(rows_of: Ask, build: ModuleType) -> None:
    same = (build.relevant(build.FORECAST), build.relevant("Weather/skies/storms"))
    found = rows_of(
        "SELECT * FROM instruction_categories ORDER BY ALL",
        build.tool(),
        build.tool(tool_id="Sports/goals", category="Sports"),
        build.api(build.FORECAST),
        build.api("Weather/skies/storms"),
        build.api("Sports/goals/today"),
        build.instruction(relevant_apis=(*same, build.relevant("Sports/goals/today"))),
        build.instruction(instruction_id="instruction-2", relevant_apis=same),
    )
    assert found == [
        ("instruction-1", "G1", "train", "Sports", 1),
        ("instruction-1", "G1", "train", "Weather", 2),
        ("instruction-2", "G1", "train", "Weather", 2),
    ]


def test_queries_that_need_more_than_they_offer_are_counted_once(rows_of: Ask, build: ModuleType) -> None:
    def told(row_id: str, reason: str = "relevant_api_not_offered") -> object:
        return build.reject(stage="pose", row_id=row_id, reason=reason)

    rejects = [told("a.json[0].relevant[0]"), told("a.json[0].relevant[1]"), told("b.json[0].relevant[0]")]
    other = told("a.json[1].api_list[0]", "api_not_in_catalogue")
    assert rows_of(statement("incomplete_queries"), *rejects, other) == [(2,)]
    assert rows_of(statement("incomplete_queries"), other) == [(0,)]
