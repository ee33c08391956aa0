"""The chat template: what it writes, and that no turn depends on a later one."""

from __future__ import annotations

import pytest
from chat_template import CONVERSATIONS, NOOP, calls, rendered, result, says, with_text

from tasks.serving.template import chatml_tools


def test_functions_calls_and_results() -> None:
    messages = [
        says("system", "Be brief."),
        says("user", "Do it."),
        calls("First this.", ("noop", {"a": [1, "é"]}), ("noop", {})),
        result("done"),
        result("", 1),
        says("assistant", "It is done."),
    ]
    assert rendered(chatml_tools(), messages, [NOOP]) == (
        "<|im_start|>system\nBe brief.\n\n"
        "You can call these functions:\n<tools>\n"
        '{"type": "function", "function": {"name": "noop", "description": "", '
        '"parameters": {"type": "object", "properties": {}}}}\n'
        "</tools>\nTo call one, write its name and its arguments as a JSON object between these marks:\n"
        '<tool_call>\n{"name": <name>, "arguments": <arguments>}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\nDo it.<|im_end|>\n"
        "<|im_start|>assistant\nFirst this.\n"
        '<tool_call>\n{"name": "noop", "arguments": {"a": [1, "é"]}}\n</tool_call>\n'
        '<tool_call>\n{"name": "noop", "arguments": {}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\ndone\n</tool_response>\n"
        "<tool_response>\n\n</tool_response><|im_end|>\n"
        "<|im_start|>assistant\nIt is done.<|im_end|>\n"
    )


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_what_is_shown_at_a_turn_is_the_beginning_of_what_is_shown_with_it(name: str) -> None:
    messages, tools = CONVERSATIONS[name]
    for turn, message in enumerate(messages):
        if message["role"] == "assistant":
            asked = rendered(chatml_tools(), messages[:turn], tools, answer=True)
            assert rendered(chatml_tools(), messages[: turn + 1], tools).startswith(asked)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_arguments_may_be_objects_or_text(name: str) -> None:
    messages, tools = CONVERSATIONS[name]
    assert rendered(chatml_tools(), with_text(messages), tools) == rendered(chatml_tools(), messages, tools)
