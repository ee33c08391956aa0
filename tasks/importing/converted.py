"""Converted answers, as ToolEval reads them: {query_id: {query, available_tools, answer}}, a file a test set.

`answer` is {method, total_steps, final_answer, answer_details}, and the last of them a tree of steps, each
{role, message, next}.  The path that is judged goes by the first of the next ones, as in the published
scripts.  The message of a tool is {name, arguments, response}; in files of 2023 it is text, as Python writes
such a thing, cut to 100 characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tasks import exact_json
from tasks.errors import BadRow
from tasks.exact_json import Json
from tasks.importing.answer_files import MALFORMED, functions_in, text_of
from tasks.importing.queries import Asked
from tasks.importing.rows import (
    FINISH,
    ImportedRows,
    OfSet,
    annotation_of,
    answer_text,
    api_id_of,
    instruction_of,
    method_of,
)
from warehouse.tables.annotations import LOST, AnswerMessage, MessageToolCall, Node

_NUMBER = re.compile(r"[0-9]{1,18}")
_GIVES_UP = "give_up_and_restart"
_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_PART = re.compile(rf"[{{,] ?'(name|arguments|response)': (?:({_QUOTED})|(.*))", re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U000[0-9a-f]{5}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\n": ""}


@dataclass(slots=True)
class Step:
    """A step of an answer.  kind: root, thought or call; text: of a call the name.

    response: None where the file does not have it.  parent: its place among the steps, which are in
    pre-order; is_first: whether it is the first to follow it.
    """

    kind: str
    text: str
    arguments: str = ""
    response: str | None = None
    parent: int | None = None
    depth: int = 0
    is_first: bool = True

    @property
    def is_finish(self) -> bool:
        return self.kind == "call" and self.text == FINISH

    @property
    def is_cut(self) -> bool:
        return self.kind == "call" and self.response is None


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer of a file.  is_cut: whether what its calls returned is lost."""

    rows: ImportedRows
    is_cut: bool


def read_entry(file: OfSet, model: str, number: str, content: Any, asked: Asked | None) -> Entry:
    """asked: what a query file says of it.  Raises `BadRow` for what is no converted answer."""
    query, functions, answer = _parts(content)
    method, width = method_of(text_of(answer["method"]))
    steps = _steps(answer["answer_details"])
    path = _judged_path(steps)
    final = text_of(answer["final_answer"])
    calls = [steps[at] for at in path if steps[at].kind == "call"]
    finished = bool(calls) and calls[-1].is_finish
    if finished and calls[-1].is_cut:
        calls[-1].arguments = final or calls[-1].arguments
    gave_up = finished and _GIVES_UP in (final or calls[-1].arguments)
    told = answer_text(final)
    is_won = finished and not gave_up and bool(told.strip())
    offered = [api_id_of(each["name"]) for each in functions if each["name"] != FINISH]
    rows = annotation_of(
        instruction_of(file, int(number), query, offered, asked),
        method=method,
        width=width,
        model=model,
        finish_type="give_up" if gave_up else "give_answer" if finished else "none",
        final_answer=told if told.strip() and not gave_up else None,
        functions=functions,
        messages=_messages(query, steps, path),
        nodes=lambda annotation_id: _nodes(annotation_id, steps, path if is_won else ()),
    )
    return Entry(rows, any(step.is_cut for step in steps))


def is_query_id(number: str) -> bool:
    return _NUMBER.fullmatch(number) is not None


def _parts(entry: Any) -> tuple[str, list[Json], Json]:
    """The query, the functions offered, and the answer with all its fields."""
    if not isinstance(entry, dict):
        raise BadRow(MALFORMED, "it is no JSON object with query, available_tools and answer")
    answer = entry.get("answer")
    missing = [name for name in ("query", "available_tools", "answer") if entry.get(name) is None]
    if answer is not None and not isinstance(answer, dict):
        raise BadRow(MALFORMED, "its answer is no JSON object")
    needed = ("method", "final_answer", "answer_details")
    missing += [f"answer.{name}" for name in needed if answer is not None and answer.get(name) is None]
    if missing:
        raise BadRow(MALFORMED, f"it has no {', '.join(missing)}")
    assert isinstance(answer, dict), "it is not missing"
    query = text_of(entry["query"])
    if not query.strip() or not text_of(answer["method"]).strip():
        raise BadRow(MALFORMED, "its query or its method is empty")
    functions = functions_in(entry["available_tools"], "available_tools")
    if not all(isinstance(each.get("name"), str) and each["name"] for each in functions):
        raise BadRow(MALFORMED, "one of its available_tools has no name")
    return query, functions, answer


def _steps(details: Any) -> list[Step]:
    """In pre-order below a root; what the system and the person said are no steps of the search."""
    steps = [Step("root", "")]
    followed: set[int] = set()
    waiting: list[tuple[Any, int]] = [(details, 0)]
    while waiting:
        raw, parent = waiting.pop()
        if isinstance(raw, list):
            waiting += [(each, parent) for each in reversed(raw)]
            continue
        if not isinstance(raw, dict) or not isinstance(raw.get("next", []), list):
            raise BadRow(MALFORMED, "a step of answer_details is no JSON object with a list of next ones")
        role, at = raw.get("role"), parent
        if role in ("assistant", "tool"):
            step = _step(role, raw.get("message"))
            step.parent, step.is_first = parent, parent not in followed
            step.depth = steps[parent].depth + (2 if step.kind == "call" else 1)
            followed.add(parent)
            at = len(steps)
            steps.append(step)
        elif role not in ("system", "user"):
            raise BadRow(MALFORMED, f"a step has the role {text_of(role)[:40]!r}")
        waiting.append((raw.get("next", []), at))
    return steps


def _step(role: str, message: Any) -> Step:
    if role == "assistant":
        return Step("thought", text_of(message))
    if isinstance(message, str):
        return _written_step(message)
    name = text_of(message.get("name")).strip() if isinstance(message, dict) else ""
    if not name:
        raise BadRow(MALFORMED, "the message of a tool has no name")
    response = text_of(message.get("response"))
    arguments = text_of(message.get("arguments"))
    return Step("call", name, arguments, None if response == LOST else response)


def _written_step(message: str) -> Step:
    """Of a call as Python writes it, as far as it goes."""
    found = {part[1]: part for part in _PART.finditer(message)}
    name, arguments, response = (
        _unquoted((found[part][2] or found[part][3].rstrip("\\")) if part in found else "")
        for part in ("name", "arguments", "response")
    )
    if not name.strip():
        raise BadRow(MALFORMED, f"the message of a tool is no call: {message[:60]!r}")
    is_whole = "response" in found and found["response"][2] is not None
    return Step("call", name.strip(), arguments, response if is_whole else None)


def _unquoted(text: str) -> str:
    """What Python's text stands for; its end may be lost."""
    quote, inner = text[:1], text[1:]
    if quote not in ("'", '"'):
        return ""
    return text_of(_ESCAPE.sub(_unescaped, inner.removesuffix(quote)))


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, code)


def _judged_path(steps: Sequence[Step]) -> list[int]:
    path = [0]
    for at, step in enumerate(steps):
        if step.parent == path[-1] and step.is_first:
            path.append(at)
    return path


def _messages(query: str, steps: Sequence[Step], path: Sequence[int]) -> tuple[AnswerMessage, ...]:
    """The conversation along the path; a thought goes with the call that follows it."""
    messages = [_said("user", query)]
    thought: str | None = None
    for at in path[1:]:
        step = steps[at]
        if step.kind == "thought":
            messages += [] if thought is None else [_said("assistant", thought)]
            thought = step.text
            continue
        call = MessageToolCall(id=f"call_{at}", name=step.text, arguments=step.arguments)
        messages.append(
            AnswerMessage(role="assistant", content=thought, tool_calls=(call,), tool_call_id=None)
        )
        thought = None
        if not step.is_finish:
            seen = LOST if step.response is None else step.response
            messages.append(AnswerMessage(role="tool", content=seen, tool_calls=(), tool_call_id=call.id))
    return (*messages, *([] if thought is None else [_said("assistant", thought)]))


def _said(role: str, content: str) -> AnswerMessage:
    return AnswerMessage(role=role, content=content, tool_calls=(), tool_call_id=None)


def _nodes(annotation_id: str, steps: Sequence[Step], path: Sequence[int]) -> Iterator[Node]:
    """A call is two nodes, as in ToolBench's trees.  A thought and the call that follows it are one reply."""
    below: list[int] = []  # of each step, the node that what follows hangs below
    replies: list[int | None] = []
    on_path = frozenset(path)
    number = asked = 0
    for at, step in enumerate(steps):
        above = None if step.parent is None else steps[step.parent]
        reply: int | None = None
        if step.parent is not None and above is not None:
            goes_on = step.kind == "call" and above.kind == "thought" and step.is_first
            reply = replies[step.parent] if goes_on else asked
            asked += not goes_on
        replies.append(reply)
        parent = None if step.parent is None else below[step.parent]
        for kind in ("action", "action_input") if step.kind == "call" else (step.kind,):
            is_input = kind == "action_input"
            yield Node(
                annotation_id=annotation_id,
                node_id=number,
                parent_id=parent,
                entry=None,
                depth=step.depth - (kind == "action"),
                kind=kind,
                query_no=reply,
                shown=0,
                thought=step.text if kind == "thought" else None,
                function=step.text if step.kind == "call" else None,
                arguments=step.arguments if is_input else None,
                repaired=False,
                observation=step.response if is_input else None,
                outcome=_outcome(step) if is_input else None,
                code=None,
                tokens=0,
                finish_reason=None,
                votes=None,
                pruned=False,
                terminal=is_input and step.is_finish and _GIVES_UP not in step.arguments,
                on_answer_path=at in on_path,
            )
            parent = number
            number += 1
        below.append(number - 1)


def _outcome(step: Step) -> str | None:
    """How a call ended; None where the file does not say."""
    if step.is_finish:
        return "gave_up" if _GIVES_UP in step.arguments else "answered"
    if step.response is None:
        return None
    try:
        told = exact_json.lenient(step.response)
    except (ValueError, RecursionError):
        return "ok" if step.response.strip() else "error_message"
    failed = isinstance(told, dict) and bool(told.get("error"))
    return "error_message" if failed else "ok"
