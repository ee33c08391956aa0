"""Every prompt as a model gets to see it.

After a deliberate change, write the golden files anew with `UPDATE_GOLDEN=1 pytest tests/prompts`
and review them like code.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import prompts

GOLDEN = Path(__file__).parent / "golden"

TIDES = (
    '{"tool_name":"Tide Tables","tool_description":"Tides of harbours.","category":"Sea",'
    '"api_name":"High Water","api_description":"Returns the high waters of a harbour on a day.",'
    '"method":"GET","parameters":[{"name":"harbour","type":"string","required":true,'
    '"description":"Name of the harbour."}],"response":{"harbour":"Brest","high_waters":["05:12"]}}'
)
LAMPS = (
    '{"tool_name":"Lighthouses","tool_description":"Lights along the coast.","category":"Sea",'
    '"api_name":"Find Light","api_description":"Finds the light nearest to a harbour.","method":"GET",'
    '"parameters":[],"response":null}'
)
SEED = {
    "query": "We sail to Brest on Friday with three friends. When is high water there?",
    "relevant_apis": [["Tide Tables", "High Water"]],
    "documents": [TIDES],
}
SHORTENED = {
    "document": TIDES,
    "response": '{"harbour":"Brest","high_waters":["05:12"],"logo":"http://x.test/l.png"}',
    "description": "High waters of a harbour on a day.",
    "keep": ["harbour", "high_waters"],
}
CALL = {
    "function": "high_water_for_tides",
    "arguments": '{"harbour":"Brest"}',
    "observation": '{"error":"timeout"}',
}
NOTHING: dict[str, Any] = {"thought": "", "calls": []}
STEP = {"thought": "First the tide.", "calls": [CALL]}

SOLVED = {"answer": "High water in Brest is at 05:12.", "steps": [STEP, NOTHING]}
UNSOLVED: dict[str, Any] = {"answer": None, "steps": []}
HIGH_WATER = {
    "name": "high_water_for_tides",
    "description": "High waters of a harbour on a day.",
    "parameters": {"type": "object", "properties": {"harbour": {"type": "string"}}, "required": ["harbour"]},
}

TEN = {"n": 10, "n_specific": 7, "n_complex": 3}

CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("compress/system", "", {"max_tokens": 2048}),
    (
        "compress/user",
        "",
        {
            "document": TIDES,
            "response": '{"harbour":"Brest"}',
            "shape": '{"harbour":"string"}',
            "max_tokens": 2048,
            "examples": [SHORTENED],
        },
    ),
    ("again/unusable_reply", "", {"why": "a score is not from 1 to 5: 9"}),
    ("instruct/system", "", {}),
    (
        "instruct/single_tool",
        "",
        {**TEN, "documents": [TIDES], "examples": [SEED], "min_words": 30, "language": "English"},
    ),
    (
        "instruct/single_tool",
        "no_examples",
        {
            "n": 1,
            "n_specific": 1,
            "n_complex": 0,
            "documents": [TIDES],
            "examples": [],
            "min_words": 30,
            "language": "",
        },
    ),
    (
        "instruct/multi_tool",
        "",
        {**TEN, "documents": [TIDES, LAMPS], "examples": [SEED], "min_words": 30, "language": "English"},
    ),
    ("search/system", "", {"tools": [{"name": "Tide Tables", "description": "Tides of harbours."}]}),
    ("search/system_brief", "", {}),
    ("search/user", "", {"query": "When is high water in Brest?"}),
    ("search/function_published", "", {"tool_name": "tides", "api_description": "Says when."}),
    ("search/function_published", "undescribed", {"tool_name": "tides", "api_description": ""}),
    (
        "search/diversity",
        "",
        {
            "candidates": [CALL | {"ended": "gave up"}, {"thought": "Hm.", "ended": "depth limit"}],
            "last_observation": '{"harbour":"Brest"}',
        },
    ),
    (
        "search/diversity",
        "at_the_start",
        {"candidates": [CALL | {"ended": "gave up"}], "last_observation": None},
    ),
    ("search/diversity_plain", "", {"candidates": [CALL], "last_observation": "{}"}),
    (
        "search/unknown_function",
        "",
        {"name": "high_waters", "nearest": ["high_water_for_tides", "lows"]},
    ),
    ("search/unknown_function", "nothing_near", {"name": "high_waters", "nearest": []}),
    ("search/bad_arguments", "", {"name": "high_water_for_tides", "problem": "they are no JSON object"}),
    ("search/bad_finish", "", {"problem": "final_answer is blank"}),
    ("search/finish_tool", "", {}),
    ("search/finish_return_type", "", {}),
    ("search/finish_final_answer", "", {}),
    ("search/finish_answered", "", {}),
    ("search/finish_gave_up", "", {}),
    (
        "search/function",
        "",
        {"api_description": "High waters of a day", "tool_name": "Tide Tables", "category": "Sea"},
    ),
    ("search/rank_system", "", {}),
    (
        "search/rank",
        "",
        {
            "request": "When is high water?",
            "steps": [STEP],
            "first": STEP,
            "second": {"thought": "", "calls": []},
        },
    ),
    ("judge/answer_status_system", "", {}),
    ("judge/answer_status", "", {"query": "When is high water in Brest?"} | SOLVED),
    ("judge/answer_status", "nothing", {"query": "When is high water in Brest?"} | UNSOLVED),
    ("judge/answer_alone_system", "", {}),
    ("judge/answer_alone", "", {"query": "When is high water in Brest?", "answer": "At 14:32."}),
    ("judge/answer_alone", "no_answer", {"query": "When is high water in Brest?", "answer": None}),
    ("judge/task_status_system", "", {}),
    ("judge/task_status", "", {"query": "When is high water in Brest?", "functions": [HIGH_WATER]}),
    ("judge/task_status", "no_functions", {"query": "When is high water in Brest?", "functions": []}),
    ("judge/preference_system", "", {}),
    (
        "judge/preference",
        "",
        {"query": "When is high water in Brest?", "first": SOLVED, "second": UNSOLVED},
    ),
    ("judge/verify_instruction_system", "", {}),
    (
        "judge/verify_instruction",
        "",
        {"query": "We sail to Brest with three friends. When is high water?", "documents": [TIDES, LAMPS]},
    ),
    ("endpoint/functions_in_words", "", {"functions": [HIGH_WATER]}),
    ("endpoint/go_on", "", {}),
    ("endpoint/json_object", "", {}),
    ("endpoint/json_schema", "", {"schema": HIGH_WATER["parameters"]}),
    ("endpoint/trial_word", "", {}),
    ("endpoint/trial_function", "", {}),
    ("endpoint/trial_function_again", "", {}),
    ("endpoint/trial_json", "", {}),
    ("endpoint/trial_more", "", {}),
    ("endpoint/trial_result", "", {}),
    ("endpoint/trial_system", "", {}),
    ("search/enum_in_words", "", {"values": ["1", "2.5", "null"]}),
    ("search/object_in_words", "", {"properties": '{"port name": {"type": "string"}}'}),
    ("probe/system", "", {}),
    (
        "probe/user",
        "",
        {
            "document": TIDES,
            "parameters": ["harbour"],
            "calls": [{"arguments": '{"harbour":"x"}', "answer": "not_found (404): no such harbour"}],
        },
    ),
    ("export/act_sentence", "", {}),
    ("judge/verify_instruction", "no_documents", {"query": "When is high water?", "documents": []}),
]


def golden_file(name: str, variant: str) -> Path:
    return GOLDEN / f"{name.replace('/', '.')}{f'.{variant}' if variant else ''}.txt"


@pytest.mark.parametrize(
    ("name", "variant", "variables"), CASES, ids=[f"{name}-{variant}" for name, variant, _ in CASES]
)
def test_rendered(name: str, variant: str, variables: dict[str, Any]) -> None:
    rendered = prompts.load(name).render(**variables)
    file = golden_file(name, variant)
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(rendered + "\n", encoding="utf-8")

    assert f"{rendered}\n" == file.read_text(encoding="utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert {file.name for file in GOLDEN.iterdir()} == {golden_file(name, of).name for name, of, _ in CASES}


def test_every_prompt_is_here() -> None:
    assert {name for name, _, _ in CASES} == set(prompts.names())
