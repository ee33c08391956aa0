"""Renders a chat template as training does; and conversations to render."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from tasks.training.rendering import ChatTemplate

Json = dict[str, Any]


def rendered(
    template: str, messages: Sequence[Json], tools: Sequence[Json] | None, *, answer: bool = False
) -> str:
    """As training shows it.  answer: up to where the assistant begins to write."""
    return ChatTemplate("tested", template, ["<|im_end|>"]).render(messages, tools or (), prompt=answer)


def with_text(messages: Sequence[Json]) -> list[Json]:
    """The messages as they are sent: a call's arguments are JSON text."""
    sent = deepcopy(list(messages))
    for message in sent:
        for call in message.get("tool_calls", ()):
            arguments = call["function"]["arguments"]
            call["function"]["arguments"] = json.dumps(arguments, ensure_ascii=False)
    return sent


def function(name: str, **more: Any) -> Json:
    return {"type": "function", "function": {"name": name, **more}}


def says(role: str, content: str | None, **more: Any) -> Json:
    return {"role": role, "content": content, **more}


def calls(content: str | None, *named: tuple[str, Json]) -> Json:
    made = [
        {"id": f"call{number:05}", **function(name, arguments=arguments)}
        for number, (name, arguments) in enumerate(named)
    ]
    return says("assistant", content, tool_calls=made)


def result(content: str, number: int = 0) -> Json:
    return says("tool", content, tool_call_id=f"call{number:05}")


WEATHER = function(
    "get_weather",
    description="The <weather> & \"more\" 'now': größe 天気 🌦",
    parameters={
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "d'été\\n\n\t"},
            "days": {"type": "integer", "enum": [1, 2], "default": -3},
            "radius": {"type": "number", "minimum": 0.5, "maximum": 1000.0, "default": 48.85661312},
            "odd": {"type": ["string", "null"], "default": None},
            "short": {"type": "boolean", "default": True},
            "lists": {"type": "array", "items": {}},
        },
        "required": ["city"],
        "additionalProperties": False,
    },
)
NOOP = function("noop", parameters={"type": "object", "properties": {}})
BARE = function("bare")
RULES = says("system", "Be helpful.")
QUESTION = says("user", 'Wie heißt "das" <b>&amp;</b>?\n\n  behind  ')
ALL_KINDS: Json = {
    "city": 'Zürich "x" \\ / \u2028 <a>&\'',
    "whole": 1,
    "numbers": [1.5, 1.0, -7.0, 0.0, 0.1, 0.0001, 0.00123, 99.99, 100.05, 1e21, 1e-7, 2**53 + 1],
    "places": {"lat": 47.3768866, "lon": -122.4194155, "at": 1730000000.123, "pi": 3.141592653589793},
    "none": None,
    "yes": True,
    "nested": [1, [2, {"a": []}], {}],
    "empty": "",
}
CONVERSATIONS: dict[str, tuple[list[Json], list[Json] | None]] = {
    "plain": ([QUESTION], None),
    "with rules": ([RULES, QUESTION], None),
    "functions without rules": ([QUESTION], [WEATHER]),
    "functions and empty rules": ([says("system", ""), QUESTION], [WEATHER]),
    "several functions": ([RULES, QUESTION], [WEATHER, NOOP, BARE]),
    "arguments": ([RULES, QUESTION, calls("I look.", ("get_weather", ALL_KINDS)), result("é")], [WEATHER]),
    "no thought": ([RULES, QUESTION, calls("", ("get_weather", {})), result("")], [WEATHER]),
    "null": ([QUESTION, calls(None, ("noop", {"c": "\x01\x1f\x7f\u0085\ufeff"})), result("\r\n")], [NOOP]),
    "two calls": (
        [
            RULES,
            QUESTION,
            calls("Both.", ("get_weather", {"city": "x"}), ("noop", {})),
            result("a"),
            result("b", 1),
            says("assistant", "Done."),
            says("user", "And then?"),
        ],
        [WEATHER, NOOP],
    ),
    "two calls without a thought": (
        [QUESTION, calls("", ("noop", {}), ("noop", {"n": 1})), result("a"), result("b", 1)],
        [NOOP],
    ),
    "a word after a result": (
        [
            QUESTION,
            calls("", ("noop", {})),
            result("a"),
            says("user", "Try another."),
            says("assistant", "Hm."),
            says("user", "Go on."),
        ],
        [NOOP],
    ),
    "rules in between": ([RULES, QUESTION, says("assistant", "x"), says("system", "s"), QUESTION], [NOOP]),
}
TEXTS = [
    "Hello",
    '{"a": [\n   1,\n\n  22.5, "größe 天気 🌦"], "b": null}',
    "it's   we'll  x\t\n\n 3 \r\n\r\n--- 1999-12-31T00:00:00Z",
    "<|im_start|>user\nthe <tool_call><|im_end|>",
    "\u2028 \u00a0 é e\u0301 ½ ² ٣ Ⅷ",
]
