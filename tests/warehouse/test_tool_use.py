"""What the tables say of answers without a judge, and how likely all of several tries pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from warehouse.tables.evaluations import Evaluation

Ask = Callable[..., list[tuple[Any, ...]]]
STORMS, TIDES = "Weather/skies/storms", "Sea/coast/tides"
NAMES = {"Weather/skies/forecast": "forecast", STORMS: "storms", TIDES: "tides"}


def searched(
    build: ModuleType, *calls: tuple[str, str, str | None], wrapped: bool = True, **given: Any
) -> list[Any]:
    """A search that was offered three APIs, and made the calls (function, arguments, outcome)."""
    described = [{"name": name} for name in (*NAMES.values(), "Finish")]
    functions = [{"type": "function", "function": each} for each in described] if wrapped else described
    row = build.annotation(offered_api_ids=tuple(NAMES), functions=json.dumps(functions), **given)
    nodes = [
        build.node(
            number,
            annotation_id=row.annotation_id,
            kind="action_input",
            function=function,
            arguments=arguments,
            outcome=outcome,
        )
        for number, (function, arguments, outcome) in enumerate(calls, 1)
    ]
    return [row, *nodes]


SELECTED = {
    "both, and no other": (["forecast", "storms"], (2, 2, 2, 1.0, 1.0, 1.0)),
    "one of two": (["forecast"], (1, 2, 1, 1.0, 0.5, 2 / 3)),
    "one that is not needed": (["forecast", "tides"], (2, 2, 1, 0.5, 0.5, 0.5)),
    "one that was not offered": (["forecast", "storms", "snow"], (3, 2, 2, 2 / 3, 1.0, 0.8)),
    "the same one twice": (["forecast", "forecast"], (1, 2, 1, 1.0, 0.5, 2 / 3)),
    "none": ([], (0, 2, 0, None, 0.0, 0.0)),
}


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("case", SELECTED)
def test_apis_that_were_called_are_compared_with_those_that_are_needed(
    case: str, wrapped: bool, rows_of: Ask, build: ModuleType
) -> None:
    functions, expected = SELECTED[case]
    found = rows_of(
        "SELECT n_chosen, n_needed, n_right, selection_precision, selection_recall, selection_f1 "
        "FROM answer_steps",
        build.instruction(relevant_apis=(build.relevant(build.FORECAST), build.relevant(STORMS))),
        *searched(build, *((name, "{}", "ok") for name in (*functions, "Finish")), wrapped=wrapped),
    )
    assert found == [pytest.approx(expected)]


def test_where_no_api_is_known_to_be_needed_nothing_is_said_of_the_choice(
    rows_of: Ask, build: ModuleType
) -> None:
    found = rows_of(
        "SELECT n_chosen, n_needed, selection_precision, selection_recall, selection_f1 FROM answer_steps",
        build.instruction(relevant_apis=()),
        *searched(build, ("forecast", "{}", "ok")),
    )
    assert found == [(1, 0, None, None, None)]


OSLO, ROME = '{"city": "Oslo"}', '{"city": "Rome"}'
CUT = (2, None, None, None)
WENT: dict[str, Any] = {
    "well": ([("forecast", OSLO, "ok")], True, (1, 0, 0, None)),
    "with a repeated call": ([("forecast", OSLO, "ok")] * 3, True, (3, 0, 2, None)),
    "with other arguments": ([("forecast", OSLO, "ok"), ("forecast", ROME, "ok")], True, (2, 0, 0, None)),
    "past an error": ([("forecast", OSLO, "timeout"), ("forecast", OSLO, "ok")], True, (2, 1, 1, True)),
    "to an error": ([("forecast", OSLO, "ok"), ("storms", OSLO, "timeout")], True, (2, 1, 0, False)),
    "nowhere": ([("forecast", OSLO, "timeout"), ("storms", OSLO, "ok")], False, (2, 1, 0, False)),
    "without a call": ([], True, (0, 0, 0, None)),
    "with steps that are cut": ([("forecast", '{"ci', None), ("forecast", '{"ci', None)], True, CUT),
}


@pytest.mark.parametrize("case", WENT)
def test_calls_that_fail_or_are_repeated_are_counted_and_errors_that_were_overcome(
    case: str, rows_of: Ask, build: ModuleType
) -> None:
    calls, win, expected = WENT[case]
    found = rows_of(
        "SELECT n_calls, n_failed, n_repeated, recovered FROM answer_steps",
        *searched(build, *calls, ("Finish", "{}", "answered"), win=win),
    )
    assert found == [expected]


def test_searches_of_a_method_are_told_together(rows_of: Ask, build: ModuleType) -> None:
    found = rows_of(
        "SELECT method, scenario, n_searches, selection_f1, mean_calls, mean_failed, mean_repeated, "
        "n_met_errors, recovered FROM tool_use",
        build.instruction(relevant_apis=(build.relevant(build.FORECAST),)),
        *searched(build, ("forecast", OSLO, "timeout"), ("forecast", OSLO, "ok")),
        *searched(build, annotation_id="annotation-2"),
    )
    assert found == [("dfsdt", "G1", 2, 0.5, 1.0, 0.5, 0.5, 1, 1.0)]


def vote(annotation_id: str, instruction_id: str, label: str) -> Evaluation:
    return Evaluation(
        subject_id=annotation_id,
        question="answer",
        judge="judge",
        vote=0,
        instruction_id=instruction_id,
        label=label,
        by_rule=False,
        reason="It is so.",
        prompt_digest="prompt",
    )


def test_of_repeated_searches_all_of_k_pass_as_often_as_draws_without_replacement(
    rows_of: Ask, build: ModuleType
) -> None:
    """Of three searches of one instruction two pass and one half, of one of another all."""
    labels = {"a": ["Solved", "Solved", "Unsure"], "b": ["Solved"]}
    found = rows_of(
        "SELECT k, n_instructions, all_pass, any_passes FROM repeated_passes "
        "WHERE rules = 'toolloom' ORDER BY k",
        *(
            row
            for instruction, said in labels.items()
            for number, label in enumerate(said)
            for row in (
                build.annotation(
                    annotation_id=f"{instruction}{number}",
                    instruction_id=instruction,
                    offer=f"offer {number}",
                ),
                vote(f"{instruction}{number}", instruction, label),
            )
        ),
    )
    assert found == [
        (1, 2, pytest.approx((2.5 / 3 + 1) / 2), pytest.approx((2.5 / 3 + 1) / 2)),
        (2, 1, pytest.approx(2 / 3), 1.0),
        (3, 1, 0.5, 1.0),
    ]
