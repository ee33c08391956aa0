"""What views make of people's labels: agreement, calibration, and how far a judge can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from warehouse.sql import statement
from warehouse.tables.evaluations import Evaluation, Label

Ask = Callable[..., list[tuple[Any, ...]]]
Rows = list[object]


def label(answer: str, said: str, person: str = "ada") -> Label:
    return Label(
        annotation_id=answer, person=person, instruction_id="instruction-1", label=said, note="", seen=""
    )


def vote(
    answer: str, said: str, number: int = 0, judge: str = "judge", *, by_rule: bool = False
) -> Evaluation:
    return Evaluation(
        subject_id=answer,
        question="answer",
        judge=judge,
        vote=number,
        instruction_id="instruction-1",
        label=said,
        by_rule=by_rule,
        reason="",
        prompt_digest="p",
    )


def rated(build: ModuleType, *pairs: tuple[str, str]) -> Rows:
    """Answers with what the judge and a person said of them."""
    rows: Rows = []
    for number, (judged, labelled) in enumerate(pairs):
        answer = f"answer-{number}"
        rows += [build.annotation(annotation_id=answer), vote(answer, judged), label(answer, labelled)]
    return rows


FIFTY = [
    *[("Solved", "Solved")] * 20,
    *[("Solved", "Unsolved")] * 5,
    *[("Unsolved", "Solved")] * 10,
    *[("Unsolved", "Unsolved")] * 15,
]
"""The example of textbooks: agreement 0.7, by chance 0.5, kappa 0.4."""


def test_kappa_is_agreement_beyond_chance(rows_of: Ask, build: ModuleType) -> None:
    ((*who, n, agreed, kappa),) = rows_of("FROM label_agreement", *rated(build, *FIFTY))

    assert (who, n) == (["judge", "judge", "person", "ada"], 50)
    assert (agreed, kappa) == (pytest.approx(0.7), pytest.approx(0.4))


def test_two_who_say_one_thing_alone_have_no_kappa(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of("SELECT agreed, kappa FROM label_agreement", *rated(build, ("Solved", "Solved")))
    assert found == [(1.0, None)]


def test_two_who_never_agree_are_below_chance_or_at_it(rows_of: Ask, build: ModuleType) -> None:
    rows = rated(build, ("Solved", "Unsolved"), ("Unsolved", "Solved"))
    assert rows_of("SELECT agreed, kappa FROM label_agreement", *rows) == [(0.0, -1.0)]


def test_each_pair_of_raters_has_a_table_of_labels(rows_of: Ask, build: ModuleType) -> None:
    rows = [*rated(build, ("Solved", "Unsure"), ("Unsolved", "Unsolved")), label("answer-0", "Solved", "bo")]

    found = rows_of("SELECT rater, other, label, other_label, n FROM label_confusion ORDER BY ALL", *rows)
    assert found == [
        ("ada", "bo", "Unsure", "Solved", 1),
        ("judge", "ada", "Solved", "Unsure", 1),
        ("judge", "ada", "Unsolved", "Unsolved", 1),
        ("judge", "bo", "Solved", "Solved", 1),
    ]


@pytest.mark.parametrize(
    ("n", "n_people", "mark"),
    [(0, 1, "uncalibrated"), (99, 1, "uncalibrated"), (100, 1, ""), (50, 2, "uncalibrated")],
)
def test_figures_are_uncalibrated_until_a_hundred_answers_are_labelled(
    n: int, n_people: int, mark: str, rows_of: Ask, build: ModuleType
) -> None:
    people = [f"person-{at}" for at in range(n_people)]
    answers: Rows = [build.annotation(annotation_id="unlabelled"), vote("unlabelled", "Solved")]
    for number in range(n):
        answers += [build.annotation(annotation_id=f"a{number}"), vote(f"a{number}", "Solved")]
        answers += [label(f"a{number}", "Solved", person) for person in people]

    found = rows_of("SELECT judge, n_labels, n_answers, calibrated, mark FROM calibrations", *answers)
    assert found == [("judge", n * n_people, n, not mark, mark)]


def test_labels_of_answers_that_a_judge_has_not_judged_calibrate_it_not(
    rows_of: Ask, build: ModuleType
) -> None:
    rows = rated(build, ("Solved", "Solved"))
    other = [build.annotation(annotation_id="other"), vote("other", "Solved", judge="another")]

    found = rows_of("SELECT judge, n_labels FROM calibrations ORDER BY judge", *rows, *other)
    assert found == [("another", 0), ("judge", 1)]


def test_agreement_with_people_stands_beside_what_else_is_known_of_a_judge(
    rows_of: Ask, build: ModuleType
) -> None:
    found = rows_of("SELECT n_labels, agreed, mark FROM judge_health", *rated(build, *FIFTY))
    assert found == [(50, pytest.approx(0.7), "uncalibrated")]


def test_an_answer_decided_by_rule_says_nothing_of_a_judge(rows_of: Ask, build: ModuleType) -> None:
    rows: Rows = [*rated(build, ("Solved", "Unsolved"))]
    for number in range(100):
        answer = f"given-up-{number}"
        rows += [build.annotation(annotation_id=answer), vote(answer, "Unsolved", by_rule=True)]
        rows.append(label(answer, "Unsolved"))

    found = rows_of("SELECT n_labels, agreed, mark FROM judge_health", *rows)
    assert found == [(1, 0.0, "uncalibrated")]


def test_two_raters_are_compared_on_answers_that_the_judge_was_asked_about(
    rows_of: Ask, build: ModuleType
) -> None:
    ruled = [build.annotation(annotation_id="ruled"), vote("ruled", "Unsolved", by_rule=True)]
    rows = [*rated(build, ("Solved", "Unsolved")), *ruled, label("ruled", "Unsolved")]
    found = rows_of("SELECT rater, other, n_answers, agreed FROM label_agreement", *rows)
    assert found == [("judge", "ada", 1, 0.0)]


def test_people_are_asked_what_no_rule_decides_and_of_equal_conversations_one(
    rows_of: Ask, build: ModuleType
) -> None:
    """Two say the same, a third the same as one that is labelled, and rules decide two."""
    answers = {"one": "Rain.", "same": "Rain.", "labelled": "Sun.", "like labelled": "Sun."}
    rows: Rows = [build.annotation(annotation_id=name, final_answer=said) for name, said in answers.items()]
    rows += [build.annotation(annotation_id="empty", final_answer=" ")]
    rows += [build.annotation(annotation_id="gave up", finish_type="give_up", final_answer=None)]
    rows += [vote("empty", "Unsolved", by_rule=True), vote("one", "Solved"), label("labelled", "Solved")]

    found = rows_of(statement("label_strata"), *rows)
    assert [(row[0], row[-1]) for row in found] == [("one", "Solved")]
