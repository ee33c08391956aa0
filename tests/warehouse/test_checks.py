"""The laws: a sound snapshot breaks none, and each is broken by the rows it is there for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from warehouse.checking import Violation, run_checks
from warehouse.connect import connect_snapshot
from warehouse.sql import sql_files
from warehouse.tables.accounts import Reject, Run
from warehouse.tables.annotations import Annotation, Node
from warehouse.tables.catalogue import Api
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Candidate, Instruction, Sample
from warehouse.tables.probing import Verdict


def _broken(root: Path, build: ModuleType, rows: list[Any], **given: Any) -> dict[str, list[dict[str, Any]]]:
    found = run_checks(root, build.snapshot(root, *rows, **given))
    return {violation.check: list(violation.examples) for violation in found}


def _offending(root: Path, build: ModuleType, check: str, rows: list[Any]) -> list[dict[str, Any]]:
    """The rows of one check, without the time that all others take."""
    with connect_snapshot(root, build.snapshot(root, *rows)) as connection:
        found = connection.execute(sql_files("checks")[check].text)
        columns = [column[0] for column in found.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def _without(rows: list[Any], row_type: type, at: int = 0) -> list[Any]:
    (left_out, *_) = [row for row in rows if type(row) is row_type][at:]
    return [row for row in rows if row is not left_out]


def _account(rows: list[Any], stage: str, **changes: Any) -> list[Any]:
    (run,) = (row for row in rows if type(row) is Run)
    counts = tuple(replace(c, **changes) if c.stage == stage else c for c in run.counts)
    return [replace(row, counts=counts) if row is run else row for row in rows]


def test_a_sound_snapshot_breaks_no_law(shared: Path, build: ModuleType) -> None:
    assert run_checks(shared, build.snapshot(shared, *build.small_world())) == []


def test_a_violation_reads_as_law_number_and_examples() -> None:
    violation = Violation(
        check="c", law="Rows are sound", n_rows=7, examples=({"id": "a", "n": 1}, {"id": "b"})
    )
    assert str(violation) == "Rows are sound (c), broken by 7: id=a, n=1; id=b; ..."


def test_every_check_states_its_law() -> None:
    assert [check.name for check in sql_files("checks").values() if not check.title] == []


STRUCTURE: list[tuple[str, type, int, dict[str, Any], dict[str, Any]]] = [
    (
        "api_without_tool",
        Api,
        0,
        {"tool_id": "No/tool"},
        {"api_id": "Weather/skies/forecast", "tool_id": "No/tool"},
    ),
    ("verdict_without_api", Verdict, 2, {"api_id": "Weather/skies/x"}, {"api_id": "Weather/skies/x"}),
    (
        "instruction_without_sample",
        Instruction,
        0,
        {"sample_id": "none"},
        {"instruction_id": "instruction-1", "sample_id": "none"},
    ),
    (
        "candidate_without_sample",
        Candidate,
        0,
        {"sample_id": "none"},
        {"candidate_id": "candidate-1", "sample_id": "none"},
    ),
    (
        "sample_without_document",
        Sample,
        0,
        {"api_ids": ("Weather/skies/dead",)},
        {"sample_id": "sample-1", "api_id": "Weather/skies/dead"},
    ),
    (
        "instruction_without_api",
        Instruction,
        0,
        {"api_ids": ("Weather/skies/forecast", "Weather/skies/x")},
        {"instruction_id": "instruction-1", "api_id": "Weather/skies/x"},
    ),
    (
        "instruction_fingerprints",
        Instruction,
        0,
        {"api_fingerprints": ("one",)},
        {"instruction_id": "instruction-1", "n_apis": 2, "n_fingerprints": 1},
    ),
    (
        "relevant_api_not_offered",
        Instruction,
        0,
        {"api_ids": ("Weather/skies/storms",), "api_fingerprints": ("storms-print",)},
        {"instruction_id": "instruction-1", "api_id": "Weather/skies/forecast"},
    ),
    (
        "annotation_without_instruction",
        Annotation,
        0,
        {"instruction_id": "none"},
        {"annotation_id": "annotation-1", "instruction_id": "none"},
    ),
    (
        "annotation_tree_size",
        Annotation,
        0,
        {"n_nodes": 4},
        {"annotation_id": "annotation-1", "n_nodes": 4, "n_rows": 3},
    ),
    (
        "annotation_calls_missing",
        Annotation,
        0,
        {"n_calls": 2},
        {"annotation_id": "annotation-1", "n_calls": 2, "n_rows": 1},
    ),
    (
        "win_without_answer",
        Annotation,
        0,
        {"final_answer": None},
        {"annotation_id": "annotation-1", "finish_type": "give_answer"},
    ),
    ("win_without_finish", Annotation, 0, {"messages": ()}, {"annotation_id": "annotation-1"}),
    (
        "node_without_parent",
        Node,
        1,
        {"parent_id": 7},
        {"annotation_id": "annotation-1", "node_id": 1, "parent_id": 7},
    ),
    (
        "node_without_parent",
        Node,
        1,
        {"parent_id": None},
        {"annotation_id": "annotation-1", "node_id": 1, "parent_id": None},
    ),
    (
        "node_without_parent",
        Node,
        1,
        {"parent_id": 2},
        {"annotation_id": "annotation-1", "node_id": 1, "parent_id": 2},
    ),
    ("node_without_annotation", Node, 2, {"annotation_id": "none"}, {"annotation_id": "none", "n_nodes": 1}),
]


@pytest.mark.parametrize(("check", "row_type", "at", "changes", "example"), STRUCTURE)
def test_a_row_out_of_place_breaks_its_law(
    shared: Path,
    build: ModuleType,
    check: str,
    row_type: type,
    at: int,
    changes: dict[str, Any],
    example: dict[str, Any],
) -> None:
    rows = build.changed(build.small_world(), row_type, at, **changes)
    assert _offending(shared, build, check, rows) == [example]


def test_the_last_word_of_a_won_search_must_be_finish(shared: Path, build: ModuleType) -> None:
    messages = (build.says("assistant", calls="Finish"), build.says("assistant", calls="forecast_for_skies"))
    rows = build.changed(build.small_world(), Annotation, messages=messages)
    assert _offending(shared, build, "win_without_finish", rows) == [{"annotation_id": "annotation-1"}]


def test_a_search_that_was_lost_needs_no_answer(shared: Path, build: ModuleType) -> None:
    lost = {"win": False, "finish_type": "none", "final_answer": None, "messages": ()}
    assert _broken(shared, build, build.changed(build.small_world(), Annotation, **lost)) == {}


def test_a_document_of_an_api_that_is_not_kept_breaks_the_law(shared: Path, build: ModuleType) -> None:
    rows = build.changed(build.small_world(), Document, api_id="Weather/skies/dead")
    assert _offending(shared, build, "document_without_kept_api", rows) == [{"api_id": "Weather/skies/dead"}]


def test_a_draw_across_splits_breaks_the_law(shared: Path, build: ModuleType) -> None:
    other = build.tool(tool_id="Weather/held_out", split="test_tool")
    rows = build.changed(build.small_world(), Sample, tool_ids=("Weather/skies", "Weather/held_out"))
    assert _offending(shared, build, "sample_across_splits", [*rows, other]) == [
        {"sample_id": "sample-1", "splits": "test_tool, train"}
    ]


ACCOUNTS: list[tuple[str, str, dict[str, int], dict[str, Any]]] = [
    (
        "account_unbalanced",
        "probe",
        {"n_in": 3, "n_out": 2, "n_rejected": 0},
        {"stage": "probe", "unit": "API", "n_in": 3, "n_out": 2, "n_rejected": 0, "n_pending": 0},
    ),
    (
        "account_pending",
        "annotate",
        {"n_in": 2, "n_pending": 1},
        {"stage": "annotate", "n_pending": 1, "status": "complete"},
    ),
    (
        "account_rejects",
        "select",
        {"n_out": 0, "n_rejected": 2},
        {"stage": "select", "n_rejected": 2, "n_rows": 1},
    ),
    (
        "account_handover",
        "select",
        {"n_in": 3, "n_rejected": 2},
        {"from_stage": "propose", "n_out": 2, "to_stage": "select", "n_in": 3},
    ),
]


@pytest.mark.parametrize(("check", "stage", "changes", "example"), ACCOUNTS)
def test_a_wrong_account_breaks_its_law(
    shared: Path,
    build: ModuleType,
    check: str,
    stage: str,
    changes: dict[str, int],
    example: dict[str, Any],
) -> None:
    rows = _account(build.small_world(), stage, **changes)
    assert _offending(shared, build, check, rows) == [example]


def test_a_remark_is_no_loss_that_an_account_counts(shared: Path, build: ModuleType) -> None:
    remark = Reject(stage="crawl", row_id="Weather/skies/rain", reason="partly_read", detail="without `day`")

    assert _offending(shared, build, "account_rejects", [*build.small_world(), remark]) == []


@pytest.mark.parametrize(
    ("stage", "row_type", "n_out", "n_rows"),
    [
        ("crawl", Api, 3, 2),
        ("probe", Verdict, 2, 1),
        ("compress", Document, 2, 1),
        ("sample", Sample, 1, 0),
        ("propose", Candidate, 2, 1),
        ("select", Instruction, 1, 0),
        ("annotate", Annotation, 1, 0),
    ],
)
def test_a_stage_must_have_put_out_the_rows_of_its_table(
    shared: Path, build: ModuleType, stage: str, row_type: type, n_out: int, n_rows: int
) -> None:
    rows = _without(build.small_world(), row_type)
    assert _offending(shared, build, "account_output", rows) == [
        {"stage": stage, "n_out": n_out, "n_rows": n_rows}
    ]


def test_pending_rows_are_lawful_in_a_partial_run(shared: Path, build: ModuleType) -> None:
    rows = build.changed(build.small_world(), Run, status="partial")
    rows = _account(_account(rows, "annotate", n_in=2, n_pending=1), "select", n_in=3, n_out=2)
    broken = _broken(shared, build, rows, status="partial")
    assert "account_pending" not in broken
    assert "account_unbalanced" not in broken


def test_a_run_that_stopped_early_answers_for_the_stages_it_reached(shared: Path, build: ModuleType) -> None:
    reached = (build.counts("crawl", 3, 3),)
    rows = build.changed(build.small_world(), Run, counts=reached, status="partial")
    rows = build.changed(rows, Instruction, sample_id="gone", api_ids=("Weather/skies/forecast", "Gone/x/y"))
    assert _broken(shared, build, rows, status="partial") == {}


def test_tables_taken_over_from_the_parent_are_no_offence(shared: Path, build: ModuleType) -> None:
    """A probe finds an API dead; its document and instructions stay until the next refresh."""
    rows = build.changed(build.small_world(), Verdict, works=False, kept=False, reason="timeout")
    probing = (build.counts("probe", 1, 0, 1),)
    rows = build.changed(rows, Run, kind="probe", counts=probing)
    assert _broken(shared, build, rows, kind="probe") == {}


def test_a_run_without_a_row_in_runs_breaks_the_law(shared: Path, build: ModuleType) -> None:
    assert _broken(shared, build, [build.run(run_id="run-0")]) == {
        "run_not_recorded": [
            {
                "run_id": "run-1",
                "kind": "refresh",
                "status": "complete",
                "kind_in_runs": None,
                "status_in_runs": None,
            }
        ]
    }


def test_a_key_in_two_files_breaks_the_law(shared: Path, build: ModuleType) -> None:
    one = build.write(shared, *build.small_world())
    again = build.write(shared, build.tool(description="The same tool, crawled differently."))
    tables = {**one, "tools": (*one["tools"], *again["tools"])}
    found = run_checks(shared, build.manifest(tables=tables))
    assert [(v.check, v.n_rows, v.examples) for v in found if v.check.startswith("duplicate_keys")] == [
        ("duplicate_keys.tools", 1, ({"tool_id": "Weather/skies", "n_rows": 2},))
    ]


def test_calls_of_a_search_made_twice_are_history(shared: Path, build: ModuleType) -> None:
    one = build.write(shared, *build.small_world())
    again = build.write(shared, build.call(origin="replayed"))
    assert run_checks(shared, build.manifest(tables={**one, "calls": (*one["calls"], *again["calls"])})) == []


def test_all_offending_rows_are_counted_and_five_are_shown(shared: Path, build: ModuleType) -> None:
    orphans = [build.api(f"Gone/tool/api_{number}") for number in range(7)]
    (violation,) = run_checks(shared, build.snapshot(shared, *orphans, build.run()))
    assert (violation.check, violation.n_rows, len(violation.examples)) == ("api_without_tool", 7, 5)
