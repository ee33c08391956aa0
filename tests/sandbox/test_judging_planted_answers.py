"""The judge and the pre-checks on answers of known truth; benchmarks/bench_judge.py has them by hundreds."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from planted_answers import KINDS, SURE, Call, Planted, Search, annotation_of, planted_among
from searched_answers import answered

from sandbox.teacher.faults import TeacherFaults
from sandbox.teacher.judging import judgement
from sandbox.teacher.prompts import Judge, Judged, Solution, Step
from tasks.exact_json import digest_of
from tasks.judging.facts import facts_of

NAMES = ("high_water", "low_water", "height_cm", "station", "next")
TIDES = {
    "Brest": ("05:12", "11:26", 687, "BRST4", "2026-06-05"),
    "Cork": ("06:41", "12:53", 413, "CRKX7", "2026-06-09"),
}
FARE_NAMES = ("fare", "ship", "code", "cabins", "valid_until")
FARES = {
    "Roscoff": (48.75, "Armorique", "RSC9F", 1216, "2026-09-30"),
    "Santander": (131.25, "Salamanca", "STD2K", 3420, "2026-10-31"),
}


def search(harbour: str, port: str) -> Search:
    query = (
        f'Please give me the times of high and low water, with the harbour "{harbour}". '
        f'After that, tell me the fare of the ferry, using the port "{port}".'
    )
    told = dict(zip(NAMES, TIDES[harbour], strict=True)), dict(zip(FARE_NAMES, FARES[port], strict=True))
    calls = (
        Call("water_times_for_tides", json.dumps({"harbour": harbour}), json.dumps(told[0])),
        Call("ferry_fare_for_ships", json.dumps({"port": port}), json.dumps(told[1])),
    )
    tides, fares = (
        ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in each.items()) for each in told
    )
    answer = f"For high and low water in {harbour} I found {tides}. The ferry to {port} has {fares}."
    return Search(answered(answer, annotation_id=digest_of(harbour)), query, calls, answer)


PLANTED = list(planted_among([search("Brest", "Roscoff"), search("Cork", "Santander")], 2))


def solution(answer: str | None, calls: Sequence[Call]) -> Solution:
    return Solution(answer or "", tuple(Step(one.function, one.arguments, one.observation) for one in calls))


def judged(kind: Judged, one: Planted, *solutions: Solution) -> str:
    task = Judge(kind, one.search.query, [], list(solutions))
    label = judgement(task, one.id, TeacherFaults.none())[0][kind]
    assert isinstance(label, str)
    return label


def test_every_kind_is_planted() -> None:
    assert {one.kind for one in PLANTED} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_judge_says_what_is_true(kind: str) -> None:
    some = [one for one in PLANTED if one.kind == kind]
    assert [(judged("answer_status", one, solution(one.answer, one.calls)), one.answer) for one in some] == [
        (one.label, one.answer) for one in some
    ]


@pytest.mark.parametrize("kind", SURE)
def test_a_planted_value_is_listed_without_a_judge(kind: str) -> None:
    some = [one for one in PLANTED if one.kind == kind]
    found = [facts_of(annotation_of(one), ["ok", "ok"], one.search.query).unbacked for one in some]
    assert found == [one.values for one in some]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in {"right", "reworded", "plain"}])
def test_the_right_answer_is_preferred_in_both_orders(kind: str) -> None:
    for one in PLANTED:
        if one.kind == kind:
            right, other = solution(one.search.answer, one.search.calls), solution(one.answer, one.calls)
            assert judged("preference", one, right, other) == "A", one
            assert judged("preference", one, other, right) == "B", one
