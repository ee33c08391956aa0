"""Thinking in the text of a reply."""

from __future__ import annotations

from time import perf_counter

import pytest

from tasks.llm.thinking import without_thinking


@pytest.mark.parametrize(
    ("text", "said", "thought"),
    [
        ("<think>\nHm.\n</think>\n\nYes.", "Yes.", "Hm."),
        ("<THINKING>Hm.</THINKING>Yes.", "Yes.", "Hm."),
        ("<thought>Hm.</thought>Yes.", "Yes.", "Hm."),
        ("<reasoning effort='low'>Hm.</reasoning>Yes.", "Yes.", "Hm."),
        ("<seed:think>Hm.</seed:think>Yes.", "Yes.", "Hm."),
        ("[THINK]Hm.[/THINK]Yes.", "Yes.", "Hm."),
        ("\u25c1think\u25b7Hm.\u25c1/think\u25b7Yes.", "Yes.", "Hm."),
        ("<|begin_of_thought|>Hm.<|end_of_thought|>Yes.", "Yes.", "Hm."),
        ("<|channel>thought\nHm.<channel|>Yes.", "Yes.", "Hm."),
        ("Here is my thought process: Hm. Here is my response: Yes.", "Yes.", "Hm."),
        ("<antThinking>Hm.</antThinking>Yes.", "Yes.", "Hm."),
        ("<analysis>Hm.</analysis>Yes.", "Yes.", "Hm."),
        ("<chain_of_thought>Hm.</chain_of_thought>Yes.", "Yes.", "Hm."),
        ("<scratch_pad>Hm.</scratch_pad>Yes.", "Yes.", "Hm."),
        (
            "Here are my reasoning steps:\nHm.\n[BEGIN FINAL RESPONSE]\nYes.\n[END FINAL RESPONSE]",
            "Yes.",
            "Hm.",
        ),
        ("Hm.\n[BEGIN FINAL RESPONSE]\nYes.", "Yes.", "Hm."),
        ("<think>I'd <think>hm</think> say</think>Yes.", "Yes.", "I'd <think>hm</think> say"),
        (
            "<think>I'd <think> here.</think>Well. <think>Mm.</think>Yes.",
            "Well. Yes.",
            "I'd <think> here.\n\nMm.",
        ),
        ("Hm.</think>Yes.", "Yes.", "Hm."),
        ("Hm.\n[/THINK]\nYes.", "Yes.", "Hm."),
        ("<think>Hm.", None, "Hm."),
        ("Well.\n<think>Hm.", "Well.", "Hm."),
        ("<think></think>\n\nYes.", "Yes.", None),
        ("<think>Hm.</think>", None, "Hm."),
        ("<think>Hm.</think>\n\n</think>\n\nYes.", "Yes.", "Hm."),
        ("<think>Hm.</think>Well.\n<think>Mm.</think>\nYes.", "Well.\n\nYes.", "Hm.\n\nMm."),
        ("<think>I'd <thinking>hm</thinking> say</think>Yes.", "Yes.", "I'd <thinking>hm</thinking> say"),
        (
            '<think>Action: f\nAction Input: {"a": "</think>"}\nNo.</think>Yes.',
            "Yes.",
            'Action: f\nAction Input: {"a": "</think>"}\nNo.',
        ),
        ('A draft: {"a": 1}\n</think>\n{"a": "</think>"}', '{"a": "</think>"}', 'A draft: {"a": 1}'),
        ('It has 5" pipes.</think>Take 6" pipes.', 'Take 6" pipes.', 'It has 5" pipes.'),
        ("<think>Hm. <tool_call>{}</tool_call>", "<tool_call>{}</tool_call>", "Hm."),
    ],
)
def test_thinking_is_taken_off(text: str, said: str | None, thought: str | None) -> None:
    assert without_thinking(text) == (said, thought)


@pytest.mark.parametrize(
    ("text", "said", "thought"),
    [
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes."
            "<|return|>",
            "Yes.",
            "Hm.",
        ),
        ("analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.", "Yes.", "Hm."),
        ("<|channel|>analysis<|message|>Hm", None, "Hm"),
        ("analysisHm.assistantfinalYes.", "Yes.", "Hm."),
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary<|message|>"
            'I look.<|end|><|start|>assistant<|channel|>commentary to=functions.f<|message|>{"a": 1}<|call|>',
            'I look.<|start|>assistant<|channel|>commentary to=functions.f<|message|>{"a": 1}<|call|>',
            "Hm.",
        ),
    ],
)
def test_channels(text: str, said: str | None, thought: str | None) -> None:
    assert without_thinking(text) == (said, thought)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " Yes. ",
        '{"final_answer": "Close it with </think>."}',
        '{"final_answer": "<think> opens it"}',
        "The tag `</think>` closes it.",
        'The tag "<think>" opens it.',
        "Use <think> with care.",
        'get_weather(city="</think>")',
        "<tool_call><function=f><parameter=tag>\n</think>\n</parameter></function></tool_call>",
        "a < b and c > d",
        "analysis of the matter",
        "Here is my list: 1.",
    ],
)
def test_what_is_no_thinking_stays_as_it_is(text: str) -> None:
    assert without_thinking(text) == (text, None)


@pytest.mark.parametrize(
    "text",
    [
        "<think>" * 5000,
        "</think>" * 5000,
        "[1," * 10_000 + "<think>",
        '{"a":"' * 10_000 + "</think>",
        "`<think>` " * 5000,
        "<|channel|>" + "a" * 50_000,
        "<parameter=x>" * 5000 + "<think>",
    ],
    ids=["open", "close", "lists", "objects", "quoted", "channel", "parameters"],
)
def test_odd_texts_are_read_in_time(text: str) -> None:
    begun = perf_counter()
    without_thinking(text)
    assert perf_counter() - begun < 5
