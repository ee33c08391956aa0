"""Function calls that a model wrote as text, read as leniently as they are written.  Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

import orjson

from tasks.errors import BadRow
from tasks.llm.chat import Json, ToolCall
from tasks.llm.replies import json_object_of

# A label stands at the beginning of a line, perhaps dressed up: "**Action:** `name`".
_DRESS = r"[ \t>*_#`-]*"
_ACTION = re.compile(rf"^{_DRESS}Action{_DRESS}:{_DRESS}(?P<name>[^\n]*)$", re.IGNORECASE | re.MULTILINE)
_INPUT = re.compile(rf"^{_DRESS}Action[ _-]?Input{_DRESS}:[ \t*_]*", re.IGNORECASE | re.MULTILINE)
_OBSERVATION = re.compile(rf"^{_DRESS}Observation{_DRESS}:", re.IGNORECASE | re.MULTILINE)
_THOUGHT = re.compile(rf"^{_DRESS}Thought{_DRESS}:[ \t*_]*", re.IGNORECASE | re.MULTILINE)
_NAME = re.compile(r"[\w./-]+")
_NONE = frozenset({"none", "n/a", "na", "no", "nothing"})
# As models of several families write calls when nobody reads them for them.
_MARKED = re.compile(
    r"<(?P<tag>tool_call|function_call|tool_calls)>(?P<tagged>.*?)(?:</(?P=tag)>|\Z)"
    r"|\[TOOL_CALLS\](?P<listed>.*)"
    r"|<function=(?P<name>[\w./-]+)>(?P<arguments>.*?)(?:</function>|\Z)",
    re.DOTALL,
)
_NAME_KEYS = ("name", "function", "action", "tool", "tool_name", "function_name")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "action_input", "input", "tool_input")
_LIST_KEYS = ("tool_calls", "calls", "actions")
_THOUGHT_KEYS = ("thought", "reasoning")
_DECODER = json.JSONDecoder()


def read_calls(text: str, offered: Collection[str]) -> tuple[str | None, tuple[ToolCall, ...]]:
    """(what was said beside the calls, the calls).

    `Action:` / `Action Input:` first, then calls between marks (`<tool_call>` and the like), then JSON
    that names a function; offered: the names on offer, which JSON without arguments must use.  Anything
    behind an `Observation:` was made up by the model and is left out.
    """
    invented = _OBSERVATION.search(text)
    said = text if invented is None else text[: invented.start()]
    thought, calls = _labelled(said) or _marked(said, offered) or _bare(said, offered) or (said, [])
    numbered = (ToolCall(f"call_{n}", name, arguments) for n, (name, arguments) in enumerate(calls))
    return _THOUGHT.sub("", thought).strip() or None, tuple(numbered)


_Found = tuple[str, list[tuple[str, str]]]


def _labelled(text: str) -> _Found | None:
    """The first action; later ones stand on observations that were never made."""
    action = _ACTION.search(text)
    name = None if action is None else _NAME.search(action["name"])
    if action is None or name is None or name[0].lower() in _NONE:
        return None
    following = _ACTION.search(text, action.end())
    rest = text[action.end() : None if following is None else following.start()]
    label = _INPUT.search(rest)
    return text[: action.start()], [(name[0], _arguments_in(rest if label is None else rest[label.end() :]))]


def _arguments_in(text: str) -> str:
    """The JSON object in what was written; where it does not parse, the text from its brace on."""
    start = text.find("{")
    if start < 0:
        return text.strip() or "{}"
    try:
        _, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return text[start:].strip().removesuffix("```").strip()
    return text[start:end]


def _marked(text: str, offered: Collection[str]) -> _Found | None:
    marks = list(_MARKED.finditer(text))
    calls: list[tuple[str, str]] = []
    for mark in marks:
        if mark["name"]:
            calls.append((mark["name"], _arguments_in(mark["arguments"])))
        else:
            calls += _calls_of(_json_in(mark["tagged"] or mark["listed"]), offered)
    return (text[: marks[0].start()], calls) if calls else None


def _bare(text: str, offered: Collection[str]) -> _Found | None:
    value = _json_in(text)
    calls = list(_calls_of(value, offered))
    if not calls:
        return None
    within = (
        next((value[key] for key in _THOUGHT_KEYS if isinstance(value.get(key), str)), "")
        if (isinstance(value, dict))
        else ""
    )
    before = re.split(r"```|[\[{]", text, maxsplit=1)[0]
    return f"{before}\n{within}", calls


def _json_in(text: str) -> Any:
    try:
        return json_object_of(text)
    except BadRow:
        return None


def _calls_of(value: Any, offered: Collection[str]) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _calls_of(item, offered)
        return
    if not isinstance(value, dict):
        return
    inner = next((value[key] for key in _LIST_KEYS if isinstance(value.get(key), list)), None)
    if inner is not None:
        yield from _calls_of(inner, offered)
    elif isinstance(value.get("function"), dict):
        yield from _calls_of(value["function"], offered)
    else:
        yield from _call_of(value, offered)


def _call_of(value: Json, offered: Collection[str]) -> Iterator[tuple[str, str]]:
    name = next((value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
    given = next((key for key in _ARGUMENT_KEYS if key in value), None)
    if not name or (given is None and name not in offered):
        return
    arguments = {} if given is None or value[given] is None else value[given]
    yield name, arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
