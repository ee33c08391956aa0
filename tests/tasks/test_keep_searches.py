"""Which votes of judges a new snapshot keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from searched_world import instruction, search

from tasks.judging.judge import PREFERENCE, QUESTIONS
from tasks.keep_searches import SEARCHED, keep_votes, merged_searches, merged_votes
from warehouse.ref import Counts, StageOutput
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import (
    ANNOTATIONS,
    ANSWER_FACTS,
    EVALUATIONS,
    INSTRUCTIONS,
    NODES,
    PREFERENCES,
    REJECTS,
)
from warehouse.tables.evaluations import AnswerFacts, Evaluation, Preference

ASKED = [instruction(name) for name in ("beach", "picnic")]
ANSWERS = [search(name).annotation for name in ("beach", "picnic")]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def wrote(store: Store, stage: str, rows: Mapping[Table[Any], Sequence[Any]]) -> StageOutput:
    tables = {table.name: (store.write_shard(table, some),) for table, some in rows.items()}
    counts = Counts(unit="row", n_in=0, n_out=0, n_rejected=0)
    return StageOutput(stage=stage, shards={}, tables=tables, counts=counts)


def said(subject: str, question: str, asked: str, judge: str = "judge") -> Evaluation:
    return Evaluation(
        subject_id=subject,
        question=question,
        judge=judge,
        vote=0,
        instruction_id=asked,
        label="Unsure",
        by_rule=False,
        reason="It is so.",
        prompt_digest=QUESTIONS[question].digest,
    )


def prefers(first: str, second: str, judge: str = "judge", prompt: str = PREFERENCE.digest) -> Preference:
    return Preference(
        first_id=first,
        second_id=second,
        judge=judge,
        vote=0,
        instruction_id="i",
        preferred="tie",
        by_rule=False,
        reason="It is so.",
        prompt_digest=prompt,
    )


def facts(annotation_id: str, instruction_id: str) -> AnswerFacts:
    return AnswerFacts(
        annotation_id=annotation_id,
        instruction_id=instruction_id,
        finished=True,
        empty=False,
        n_calls=1,
        n_failed=0,
        n_unknown=0,
        n_invalid=0,
        n_values=0,
        n_backed=0,
        unbacked=(),
        certain=None,
    )


def judged(store: Store) -> dict[str, StageOutput]:
    """Two searches, the votes on both and on the pair of them."""
    first, second = ANSWERS
    votes = [
        *(said(row.annotation_id, "answer", row.instruction_id) for row in ANSWERS),
        *(said(row.instruction_id, "task", row.instruction_id) for row in ANSWERS),
    ]
    known = [facts(row.annotation_id, row.instruction_id) for row in ANSWERS]
    pair = [prefers(first.annotation_id, second.annotation_id)]
    return {
        "select": wrote(store, "select", {INSTRUCTIONS: ASKED}),
        "annotate": wrote(store, "annotate", {ANNOTATIONS: ANSWERS}),
        "evaluate": wrote(store, "evaluate", {ANSWER_FACTS: known, EVALUATIONS: votes, REJECTS: []}),
        "prefer": wrote(store, "prefer", {PREFERENCES: pair, REJECTS: []}),
    }


def kept(store: Store, before: Mapping[str, StageOutput], now: Mapping[str, StageOutput]) -> dict[str, Any]:
    """What stays: the subjects of votes, the answers with facts, and how many votes on pairs."""
    outputs = keep_votes(store, before, now)
    if not outputs:
        return {}
    evaluate, prefer = outputs["evaluate"], outputs["prefer"]
    return {
        "votes": {subject for (subject,) in store.select(evaluate.tables["evaluations"], "subject_id")},
        "facts": {answer for (answer,) in store.select(evaluate.tables["answer_facts"], "annotation_id")},
        "counted": (evaluate.counts.n_out, prefer.counts.n_out),
    }


def test_votes_stay_as_they_are_where_nothing_they_are_about_has_changed(store: Store) -> None:
    before = judged(store)
    assert kept(store, before, {**before}) == {}


def test_an_answer_that_is_another_now_has_no_votes(store: Store) -> None:
    before, (first, second) = judged(store), ANSWERS
    changed = replace(first, final_answer="Something else.")
    now = {**before, "annotate": wrote(store, "annotate", {ANNOTATIONS: [changed, second]})}
    assert kept(store, before, now) == {
        "votes": {second.annotation_id, first.instruction_id, second.instruction_id},
        "facts": {second.annotation_id},
        "counted": (1, 0),
    }


def test_times_and_costs_of_a_search_are_nothing_a_judge_reads(store: Store) -> None:
    before, (first, second) = judged(store), ANSWERS
    slower = replace(first, wall_s=first.wall_s + 1, n_queries=first.n_queries + 1)
    now = {**before, "annotate": wrote(store, "annotate", {ANNOTATIONS: [slower, second]})}
    assert kept(store, before, now)["counted"] == (2, 1)


def test_an_instruction_that_is_gone_has_no_votes(store: Store) -> None:
    before, second = judged(store), ANSWERS[1]
    now = {
        **before,
        "select": wrote(store, "select", {INSTRUCTIONS: ASKED[1:]}),
        "annotate": wrote(store, "annotate", {ANNOTATIONS: [second]}),
    }
    assert kept(store, before, now)["votes"] == {second.annotation_id, second.instruction_id}


def test_instructions_may_go_before_their_answers_do(store: Store) -> None:
    before = judged(store)
    now = {**before, "select": wrote(store, "select", {INSTRUCTIONS: ASKED[1:]})}
    assert ASKED[0].instruction_id not in kept(store, before, now)["votes"]


def test_votes_of_another_judge_and_on_other_answers_stand_beside(store: Store) -> None:
    other = said("a", "answer", "i", judge="other")
    before = {"evaluate": wrote(store, "evaluate", {EVALUATIONS: [other, said("old", "answer", "i")]})}
    now = {"evaluate": wrote(store, "evaluate", {EVALUATIONS: [said("a", "answer", "i")]})}
    outputs = merged_votes(store, before, now, "judge")
    found = store.select(outputs["evaluate"].tables["evaluations"], "subject_id", "judge")
    assert found == [("a", "judge"), ("a", "other"), ("old", "judge")]


def test_pairs_with_another_reference_stay_while_the_question_is_the_same(store: Store) -> None:
    earlier = [
        prefers("dfsdt", "react"),
        prefers("dfsdt", "greedy"),
        prefers("dfsdt", "old", prompt="before"),
        prefers("dfsdt", "react", judge="other"),
    ]
    before = {"prefer": wrote(store, "prefer", {PREFERENCES: earlier})}
    now = {"prefer": wrote(store, "prefer", {PREFERENCES: [prefers("react", "dfsdt")]})}
    outputs = merged_votes(store, before, now, "judge")
    found = store.select(outputs["prefer"].tables["preferences"], "first_id", "second_id", "judge")
    assert found == [
        ("dfsdt", "greedy", "judge"),
        ("dfsdt", "react", "other"),
        ("react", "dfsdt", "judge"),
    ]


def test_searches_of_several_methods_are_all_counted(store: Store) -> None:
    def searched(method: str) -> StageOutput:
        rows = [replace(each, annotation_id=f"{method}/{each.annotation_id}") for each in ANSWERS]
        output = wrote(store, "annotate", {ANNOTATIONS: rows, NODES: [], REJECTS: []})
        return output.model_copy(update={"counts": Counts(unit="instruction", n_in=2, n_out=2, n_rejected=0)})

    first = merged_searches(store, {}, None, searched("react"))
    both = merged_searches(store, first, None, searched("react@3"))

    assert both[SEARCHED].counts == Counts(unit="instruction", n_in=4, n_out=4, n_rejected=0)
