"""The stages `evaluate` and `prefer` where a run that ended early left answers without their instruction."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from searched_answers import answered
from searched_world import PLACES, instruction

from tasks.calling.params import CallingParams
from tasks.evaluate import NO_INSTRUCTION, STAGE, split, work
from tasks.frame.run import RunContext
from tasks.frame.running import finish_stage
from tasks.frame.services import close_services, services_of
from tasks.judging.params import EvaluateParams
from tasks.llm.params import LlmParams
from tasks.prefer import split as split_pairs
from warehouse.ref import Counts, StageOutput
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import ANNOTATIONS, ANSWER_FACTS, EVALUATIONS, INSTRUCTIONS, NODES, REJECTS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
THERE = answered(None, finish="none", annotation_id="there")
GONE = replace(answered(None, finish="none", annotation_id="gone"), instruction_id="g")
ASKED = replace(instruction(next(iter(PLACES))), instruction_id="i")
NOTHING_ASKED = EvaluateParams(tasks=False, against="react")


def searched(store: Store, **tables: tuple[object, ...]) -> StageOutput:
    known: dict[str, Table[Any]] = {table.name: table for table in (ANNOTATIONS, NODES, INSTRUCTIONS)}
    refs = {name: (store.write_shard(known[name], rows),) for name, rows in tables.items()}
    counts = Counts(unit="answer", n_in=1, n_out=1, n_rejected=0)
    return StageOutput(stage="annotate", shards=refs, tables=refs, counts=counts)


def test_an_answer_without_its_instruction_is_a_reject_and_in_no_pair(tmp_path: Path) -> None:
    context = RunContext(
        data=tmp_path,
        run_id="run",
        started_at=NOON,
        as_of={"crawl": NOON},
        calling=CallingParams(),
        llm=LlmParams(base_url="http://model.test/v1", model="m"),
    )
    store = Store(tmp_path)
    selected = searched(store, instructions=(ASKED,))
    others = tuple(
        replace(row, annotation_id=f"{row.annotation_id}2", method="react") for row in (THERE, GONE)
    )
    annotated = searched(store, annotations=(THERE, GONE, *others), nodes=())
    try:
        services = services_of(context)
        shards = split(services, NOTHING_ASKED, None, selected, annotated).shards
        outputs = [work(services, NOTHING_ASKED, at, **shard.inputs) for at, shard in enumerate(shards, 1)]
        evaluated = finish_stage(STAGE, store, outputs, n_shard_tasks=len(outputs))
        pairs = split_pairs(services, NOTHING_ASKED, selected, annotated, evaluated)
    finally:
        close_services()

    assert evaluated.counts == Counts(unit="answer", n_in=4, n_out=2, n_rejected=2)
    rejects = store.read(REJECTS, evaluated.tables[REJECTS.name])
    assert {(row.row_id, row.reason) for row in rejects} == {
        ("gone", NO_INSTRUCTION),
        ("gone2", NO_INSTRUCTION),
    }
    for table, column in ((ANSWER_FACTS, "annotation_id"), (EVALUATIONS, "subject_id")):
        found = store.select(evaluated.tables[table.name], column)
        assert {each for (each,) in found} == {"there", "there2"}
    assert pairs.total == 1
