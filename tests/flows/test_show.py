"""A search drawn as text."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flows.text.show import drawn, first_steps, show
from tasks.errors import UsageError
from warehouse.manifest import commit

WIDTH = 60


def node(
    node_id: int, parent_id: int | None, query_no: int | None, kind: str, **fields: Any
) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "thought": None,
        "function": None,
        "arguments": None,
        "observation": None,
        "outcome": None,
        "finish_reason": "tool_calls",
        "votes": None,
        "entry": 1,
        "pruned": False,
        "terminal": False,
        "on_answer_path": False,
    }
    return {
        "node_id": node_id,
        "parent_id": parent_id,
        "query_no": query_no,
        "kind": kind,
        **usual,
        **fields,
    }


def thought(node_id: int, parent_id: int, query_no: int, text: str) -> dict[str, Any]:
    return node(node_id, parent_id, query_no, "thought", thought=text)


def call(node_id: int, parent_id: int, query_no: int, **fields: Any) -> dict[str, Any]:
    return node(node_id, parent_id, query_no, "action_input", **fields)


ROOT = node(0, None, None, "root")
GIVE_UP = {"function": "Finish", "arguments": '{"return_type":"give_up_and_restart"}', "outcome": "gave_up"}
ANSWER = {
    "function": "Finish",
    "arguments": '{"return_type":"give_answer","final_answer":"It is 21 degrees."}',
    "outcome": "answered",
}
SKY = {"function": "sky", "arguments": '{"city":"Łódź"}', "observation": '{"t":21}', "outcome": "ok"}


def text_of(*nodes: dict[str, Any], full: bool = False) -> list[str]:
    return [line.plain for line in drawn(first_steps(nodes), WIDTH, full=full)]


def test_a_chain_stays_in_its_column() -> None:
    assert text_of(
        ROOT,
        thought(1, 0, 0, "I look at the sky."),
        node(2, 1, 0, "action", function="sky"),
        call(3, 2, 0, **SKY),
        call(4, 3, 1, **ANSWER),
    ) == [
        " 1 I look at the sky.",
        '   sky(city="Łódź")',
        '   → ok: {"t":21}',
        " 2 ✓ It is 21 degrees.",
    ]


def test_what_was_abandoned_is_a_branch() -> None:
    assert text_of(
        ROOT,
        call(1, 0, 0, **SKY),
        call(2, 1, 1, **GIVE_UP),
        thought(3, 0, 2, "Another way."),
        call(4, 3, 2, **ANSWER),
    ) == [
        '├─  1 sky(city="Łódź")',
        '│     → ok: {"t":21}',
        "│   2 ✗ gave up",
        "└─  3 Another way.",
        "      ✓ It is 21 degrees.",
    ]


def test_all_calls_of_a_reply_are_one_step() -> None:
    assert text_of(ROOT, call(1, 0, 0, **SKY), call(2, 1, 0, **SKY), call(3, 2, 1, **ANSWER)) == [
        ' 1 sky(city="Łódź")',
        '   → ok: {"t":21}',
        '   sky(city="Łódź")',
        '   → ok: {"t":21}',
        " 2 ✓ It is 21 degrees.",
    ]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ('{"city": "Ł', '{"city": "Ł'),
        ('["a"]', '["a"]'),
        ("{}", ""),
        (None, ""),
        ('{"a": {"b": null}}', 'a={"b":null}'),
    ],
)
def test_arguments_as_the_model_wrote_them(arguments: str | None, shown: str) -> None:
    assert text_of(ROOT, call(1, 0, 0, **SKY | {"arguments": arguments}))[0] == f" 1 sky({shown})"


def test_an_empty_reply_is_shown() -> None:
    assert text_of(ROOT, node(1, 0, 0, "thought", finish_reason="length")) == [" 1 (an empty reply: length)"]


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"outcome": "refused", "observation": "too long", "pruned": True}, [" 1 ✗ no reply: too long"]),
        ({"outcome": "refused"}, [" 1 ✗ no reply: the endpoint refused this request"]),
        ({"outcome": "empty_reply", "pruned": True}, [" 1 (an empty reply: tool_calls)"]),
        (
            {"thought": "Deep.", "pruned": True},
            [" 1 Deep.", "   ✗ as deep as it may go"],
        ),
        (
            {"thought": "Worse.", "entry": None, "votes": 1.0},
            [" 1 Worse.", "   ✗ not followed: another reply was preferred (1 vote)"],
        ),
    ],
)
def test_why_a_branch_was_abandoned(fields: dict[str, Any], shown: list[str]) -> None:
    assert text_of(ROOT, node(1, 0, 0, "thought", **fields)) == shown


def test_what_gave_up_needs_no_other_reason() -> None:
    unvisited = {"entry": None, "votes": 0.0, "pruned": True}
    assert text_of(ROOT, call(1, 0, 0, **GIVE_UP | unvisited)) == [" 1 ✗ gave up"]


def test_an_answer_that_was_cut_off_is_shown_as_it_was_written() -> None:
    cut = ANSWER | {"arguments": '{"return_type":"give_answer","final_answer":"It i'}
    assert text_of(ROOT, call(1, 0, 0, **cut)) == [' 1 ✓ {"return_type":"give_answer","final_answer":"It i']


def test_nothing_an_api_sent_controls_the_terminal() -> None:
    evil = {"observation": "\x1b[31mred\x07\nnext", "outcome": "ok"}
    assert text_of(ROOT, call(1, 0, 0, **SKY | evil))[1] == "   → ok: [31mred next"


def test_long_observations_are_cut_unless_all_is_wanted() -> None:
    long = call(1, 0, 0, **SKY | {"observation": "x" * 300})
    assert text_of(ROOT, long)[1:] == [
        "   → ok: " + "x" * 51,
        " " * 5 + "x" * 55,
        " " * 5 + "x" * 50 + " ...",
    ]
    assert "".join(text_of(ROOT, long, full=True)).count("x") == 300


@pytest.mark.parametrize(
    ("beginning", "said"),
    [
        ("annotation-1", "G1  annotation-1"),
        ("instruction-2", "G1  annotation-3"),
        ("latest", "there is no search 'latest', and no instruction"),
        (
            "instruction-1",
            "2 searches or their instructions begin with 'instruction-1':\n"
            "  annotation-1  of instruction-, dfsdt: Will it rain in Oslo? ...\n"
            "  annotation-2  of instruction-, react: Will it rain in Oslo? ...",
        ),
    ],
)
def test_a_search_is_named_by_its_id_or_its_instructions(
    tmp_path: Path, build: ModuleType, beginning: str, said: str
) -> None:
    rows = [
        build.instruction(),
        build.instruction(instruction_id="instruction-2"),
        build.annotation(),
        build.annotation(annotation_id="annotation-2", method="react"),
        build.annotation(annotation_id="annotation-3", instruction_id="instruction-2"),
    ]
    commit(tmp_path, build.snapshot(tmp_path, *rows))
    try:
        shown = show(tmp_path, beginning, run=None, width=80, full=False).plain.splitlines()[0]
    except UsageError as error:
        shown = error.message
    assert shown == said


def test_a_line_counts_cells() -> None:
    sky = SKY | {"observation": "天气预报 " * 12}
    assert text_of(ROOT, call(1, 0, 0, **sky))[1:] == [
        "   → ok: " + " ".join(["天气预报"] * 5),
        "     " + " ".join(["天气预报"] * 6),
        "     天气预报",
    ]
