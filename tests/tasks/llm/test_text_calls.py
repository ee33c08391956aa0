from __future__ import annotations

import pytest

from tasks.llm.chat import ToolCall
from tasks.llm.text_calls import read_calls

OFFERED = {"get_weather", "Finish"}
ARGUMENTS = '{"city": "Oslo"}'


@pytest.mark.parametrize(
    ("text", "thought"),
    [
        (f"Thought: Look it up.\nAction: get_weather\nAction Input: {ARGUMENTS}", "Look it up."),
        (f"Look it up.\n\n**Action:** `get_weather`\n**Action Input:** {ARGUMENTS}", "Look it up."),
        (f"action: get_weather\naction_input:\n```json\n{ARGUMENTS}\n```", None),
        (f"Action: get_weather\n{ARGUMENTS}\nThis will tell us.", None),
        (f"Action: get_weather()\nAction Input: {ARGUMENTS}\nObservation: rain\nThought: done", None),
        (
            f"Action: get_weather\nAction Input: {ARGUMENTS}\n\nAction: Finish\nAction Input: {{}}",
            None,
        ),
        (
            f'Look it up. <tool_call>\n{{"name": "get_weather", "arguments": {ARGUMENTS}}}\n</tool_call>',
            "Look it up.",
        ),
        (f'<tool_call>{{"name": "get_weather", "arguments": {ARGUMENTS}}}', None),
        (f'[TOOL_CALLS] [{{"name": "get_weather", "arguments": {ARGUMENTS}}}]', None),
        (f"<function=get_weather>{ARGUMENTS}</function>", None),
        (f'Look it up.\n```json\n{{"name": "get_weather", "parameters": {ARGUMENTS}}}\n```', "Look it up."),
        (
            f'{{"thought": "Look it up.", "action": "get_weather", "action_input": {ARGUMENTS}}}',
            "Look it up.",
        ),
        (f'{{"tool_calls": [{{"function": {{"name": "get_weather", "arguments": {ARGUMENTS}}}}}]}}', None),
        ("{'name': 'get_weather', 'arguments': {'city': 'Oslo'},}", None),
    ],
)
def test_a_call_as_models_write_it(text: str, thought: str | None) -> None:
    said, calls = read_calls(text, OFFERED)
    assert said == thought
    assert [(call.id, call.name, call.arguments.replace('":"', '": "')) for call in calls] == [
        ("call_0", "get_weather", ARGUMENTS)
    ]


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("Action: Finish", (ToolCall("call_0", "Finish", "{}"),)),
        ("Action: no_such_function\nAction Input: {}", (ToolCall("call_0", "no_such_function", "{}"),)),
        ("Action: get_weather\nAction Input: Oslo", (ToolCall("call_0", "get_weather", "Oslo"),)),
        (
            'Action: get_weather\nAction Input: {"city": "Os',
            (ToolCall("call_0", "get_weather", '{"city": "Os'),),
        ),
        ('{"name": "Finish"}', (ToolCall("call_0", "Finish", "{}"),)),
        (
            '<tool_call>{"name": "a", "arguments": {"b": 1}}</tool_call>\n'
            '<tool_call>{"name": "c", "arguments": null}',
            (ToolCall("call_0", "a", '{"b":1}'), ToolCall("call_1", "c", "{}")),
        ),
    ],
)
def test_what_is_odd_is_left_to_the_search(text: str, calls: tuple[ToolCall, ...]) -> None:
    assert read_calls(text, OFFERED)[1] == calls


@pytest.mark.parametrize(
    "text",
    [
        "It rains in Oslo.",
        "Action: None",
        'The reply was {"city": "Oslo", "name": "Oslo"}.',
        "Observation: I made this up.\nAction: get_weather\nAction Input: {}",
        "[as you asked]",
        "",
        "{" * 5000,
    ],
)
def test_what_is_no_call(text: str) -> None:
    assert read_calls(text, OFFERED)[1] == ()
