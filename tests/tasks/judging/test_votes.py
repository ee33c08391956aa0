"""Votes as rows, and what becomes of questions on which none could be had."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from scripted_model import ScriptedModel
from searched_answers import answered

from tasks.judging.params import EvaluateParams
from tasks.judging.votes import (
    Evaluated,
    Pair,
    Preferred,
    evaluate_answer,
    labels_of,
    pairs_of,
    prefer_answer,
)
from tasks.llm.chat import Reply
from warehouse.tables.annotations import Annotation

MUTE = Reply(content="I cannot say.")
CALL = ("rain", '{"city": "Oslo"}', '{"mm": 12}')


def says(**label: str) -> Reply:
    return Reply(content=json.dumps({"reason": "It is so.", **label}))


SOLVED, UNSOLVED = says(answer_status="Solved"), says(answer_status="Unsolved")
SOLVABLE = says(task_status="Solvable")


def evaluated(
    script: list[Reply | Exception], answer: str | None = "12 mm", *, asks_task: bool = False, **params: Any
) -> Evaluated:
    judge, functions = ScriptedModel(script), [{"name": "rain"}] if asks_task else None
    row = answered(answer, CALL)
    return asyncio.run(evaluate_answer(row, "Rain?", ["ok"], judge, EvaluateParams(**params), functions))


def labels(came: Evaluated) -> list[tuple[str, str, int, str | None]]:
    return [(row.subject_id, row.question, row.vote, row.label) for row in came.votes]


def test_each_question_has_a_row_for_each_vote() -> None:
    came = evaluated([SOLVABLE, SOLVED, UNSOLVED], asks_task=True, alone=True, votes=1)
    assert labels(came) == [
        ("i", "task", 0, "Solvable"),
        ("a", "answer", 0, "Solved"),
        ("a", "answer_alone", 0, "Unsolved"),
    ]
    assert came.refused == {}


def test_a_vote_without_a_label_is_a_row_that_says_why() -> None:
    came = evaluated([SOLVED, MUTE, MUTE, UNSOLVED])
    assert labels(came) == [
        ("a", "answer", 0, "Solved"),
        ("a", "answer", 1, None),
        ("a", "answer", 2, "Unsolved"),
    ]
    assert came.votes[1].reason == "the reply holds no JSON object or list: 'I cannot say.'"
    assert came.refused == {}


UNVOTED: Mapping[str, tuple[list[Reply], list[str]]] = {
    "task": ([MUTE, MUTE, SOLVED, SOLVED], ["task"]),
    "answer": ([SOLVABLE, MUTE, MUTE, SOLVED], ["answer"]),
    "answer_alone": ([SOLVABLE, SOLVED, MUTE, MUTE], ["answer_alone"]),
    "two of them": ([MUTE, MUTE, SOLVED, MUTE, MUTE], ["task", "answer_alone"]),
}


@pytest.mark.parametrize("case", UNVOTED)
def test_a_question_on_which_no_vote_could_be_had_is_refused_and_the_others_kept(case: str) -> None:
    script, refused = UNVOTED[case]
    came = evaluated([*script], asks_task=True, alone=True, votes=1)
    assert {asked: why.reason for asked, why in came.refused.items()} == dict.fromkeys(
        refused, "malformed_reply"
    )
    assert [row.question for row in came.votes if row.label is None] == refused
    assert len(came.votes) == 3


def test_nobody_is_asked_about_an_answer_that_was_never_given() -> None:
    came = evaluated([], "  ", alone=True)
    assert [(row.question, row.label, row.by_rule) for row in came.votes] == [
        ("answer", "Unsolved", True),
        ("answer_alone", "Unsolved", True),
    ]


@pytest.mark.parametrize("votes", [2, 4, 14])
def test_an_even_number_of_votes_is_refused(votes: int) -> None:
    with pytest.raises(ValueError, match=f"take {votes - 1} or {votes + 1}"):
        EvaluateParams(votes=votes)


def preferred(
    script: list[Reply | Exception],
    ours: str | None,
    theirs: str | None,
    labels: Mapping[str, str] = MappingProxyType({}),
) -> Preferred:
    pair = Pair(answered(ours, CALL, annotation_id="ours"), answered(theirs, CALL, annotation_id="theirs"))
    return asyncio.run(prefer_answer(pair, "Rain?", labels, ScriptedModel(script), 0.0))


def orders(came: Preferred) -> list[tuple[str, str | None, bool]]:
    return [(row.first_id, row.preferred, row.by_rule) for row in came.votes]


A, B = says(preference="A"), says(preference="B")


def test_a_pair_is_judged_in_both_orders() -> None:
    assert orders(preferred([A, B], "12 mm", "13 mm")) == [
        ("ours", "first", False),
        ("theirs", "second", False),
    ]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("12 mm", "12 mm"),
        ("12 mm", " 12 mm\n"),
        (None, ""),
        ("", "  "),
        (None, '{"return_type": "give_up_and_restart"}'),
    ],
)
def test_answers_that_say_the_same_tie_and_so_do_those_that_say_nothing(
    ours: str | None, theirs: str | None
) -> None:
    assert orders(preferred([], ours, theirs)) == [("ours", "tie", True)]


def test_opposite_labels_decide_a_pair() -> None:
    assert orders(preferred([], "12 mm", "13 mm", {"ours": "Unsolved", "theirs": "Solved"})) == [
        ("ours", "second", True)
    ]


def test_an_order_without_a_vote_refuses_the_pair_and_keeps_the_other() -> None:
    came = preferred([MUTE, MUTE, B], "12 mm", "13 mm")
    assert orders(came) == [("ours", None, False), ("theirs", "second", False)]
    assert came.refused is not None


def test_the_label_of_an_answer_is_that_of_most_of_its_usable_votes() -> None:
    assert labels_of(evaluated([SOLVED, MUTE, MUTE, SOLVED]).votes) == {"a": "Solved"}
    assert labels_of(evaluated([SOLVED, MUTE, MUTE, UNSOLVED]).votes) == {}


@pytest.mark.parametrize(
    ("against", "pairs"),
    [
        (None, ""),
        ("react", "ab cb ed"),  # of the same offer
        ("model=teacher", "ca cb ed"),
        ("method=react,model=teacher,offer=sampled", "ab cb db eb"),
        ("offer=retrieved@5", "ad bd cd ae be ce"),
        ("nobody", ""),
    ],
)
def test_answers_are_paired_with_those_that_are_named(against: str | None, pairs: str) -> None:
    def row(id_: str, method: str, model: str, offer: str) -> Annotation:
        found = answered("12 mm", CALL, annotation_id=id_)
        return dataclasses.replace(found, method=method, model=model, offer=offer)

    rows = [
        row("a", "dfsdt", "teacher", "sampled"),
        row("b", "react", "teacher", "sampled"),
        row("c", "dfsdt", "tuned", "sampled"),
        row("d", "react", "teacher", "retrieved@5:BM25:1"),
        row("e", "dfsdt", "tuned", "retrieved@5:BM25:1"),
    ]
    found = {f"{pair.ours.annotation_id}{pair.theirs.annotation_id}" for pair in pairs_of(rows, against)}
    assert found == set(pairs.split())


@pytest.mark.parametrize("side", ["", "react,", "rules=stable", "react,method=dfsdt", "method=", "a,b"])
def test_a_side_that_names_no_answers_is_refused(side: str) -> None:
    with pytest.raises(ValueError, match="names no answers; write react, or method=react,model="):
        EvaluateParams(against=side)
