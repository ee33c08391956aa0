"""Rows for fine-tuning with OpenAI's protocol: a conversation and the tools it was offered.

<level>.jsonl             a row for each search that was won
<level>_give_up.jsonl     with --give-ups, a row for each that gave up
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from hashlib import blake2b

import orjson

from tasks import exact_json
from tasks.exact_json import Json
from tasks.exporting.folder import ExportFolder, json_streams
from tasks.exporting.searches import Source
from warehouse.tables.annotations import Annotation, AnswerMessage, MessageToolCall, Node

_NO_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_ID = re.compile(r"[a-zA-Z0-9]{9}")
_LONGEST_NAME = 64
NO_JSON = "it calls a function with arguments that are no JSON object"


class NotJson(ValueError):
    """Arguments that no reader of the format would take."""


def export_openai(source: Source, folder: ExportFolder) -> None:
    """Writes a file of lines for each level of generalisation."""
    with json_streams(folder) as streams:
        for search in source.results():
            try:
                row = training_example(search.annotation, search.instruction.query)
            except NotJson:
                source.left_out[NO_JSON] += 1
                continue
            streams.write(f"{search.label}.jsonl", row)


def training_example(annotation: Annotation, query: str, *, merged: bool = True) -> Json:
    """`messages`, which end with the model's last word, and `tools`.  merged: see `chat_messages`.

    query: what the person asked; the user's turn says that and nothing else, whatever a search put around
    it.  Raises `NotJson`.
    """
    tools = exact_json.loads(annotation.functions)
    offered = {tool["function"]["name"] for tool in tools}
    messages = [_unlearned(message, offered) for message in chat_messages(annotation.messages, merged=merged)]
    asked = next((message for message in messages if message["role"] == "user"), None)
    if asked is not None and query.strip() in (asked["content"] or ""):
        asked["content"] = query
    return {"messages": messages, "tools": tools}


def calls_with_ends(messages: Sequence[Json], nodes: Sequence[Node]) -> list[list[tuple[Json, Node]]] | None:
    """For each message its calls, each with the node that says how it ended; None where the tree has others.

    How a call ended is in the tree, its arguments in the conversation, where they are mended.  messages: of
    the way to an answer; nodes: the tree.
    """
    made = iter([node for node in nodes if node.on_answer_path and node.kind == "action_input"])
    found = [
        [(call["function"], next(made, None)) for call in each.get("tool_calls", ())] for each in messages
    ]
    if next(made, None) is not None or any(node is None for calls in found for _, node in calls):
        return None
    return [[(call, node) for call, node in calls if node is not None] for calls in found]


def _unlearned(message: Json, offered: Set[str]) -> Json:
    """With `weight` 0, which fine-tuning heeds, where a function is called that does not exist."""
    calls = message.get("tool_calls", ())
    strays = any(call["function"]["name"] not in offered for call in calls)
    return message | {"weight": 0} if strays else message


def chat_messages(messages: Sequence[AnswerMessage], *, merged: bool = True) -> list[Json]:
    """The messages of an answer path; every call has an id of its own, which its result names.

    merged: a reply of text alone is one turn with the reply after it, since many who read files want turns
    to alternate; else they are two, as the search showed them to its model.  What
    ends the attempt shows nothing that the model could act on, so its result is left out.  Raises `NotJson`.
    """
    ids = _Ids()
    written: list[Json] = []
    for message in messages:
        said = _message(message, ids)
        last = written[-1] if written else {}
        if merged and said["role"] == last.get("role") == "assistant" and "tool_calls" not in last:
            texts = (text for text in (last["content"], said["content"]) if text and text.strip())
            written[-1] = said | {"content": "\n\n".join(texts) or None}
        else:
            written.append(said)
    while written and written[-1]["role"] != "assistant":
        written.pop()
    return written


class _Ids:
    """Nine letters and digits, as Mistral's templates want; results answer calls in order."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._open: list[str] = []

    def of_call(self, call: MessageToolCall) -> str:
        number = len(self._given)
        wanted = call.id
        while not _ID.fullmatch(wanted) or wanted in self._given:
            wanted = blake2b(f"{call.id} {number}".encode(), digest_size=5).hexdigest()[:9]
            number += 1
        self._given.add(wanted)
        self._open.append(wanted)
        return wanted

    def of_result(self) -> str | None:
        return self._open.pop(0) if self._open else None


def _message(message: AnswerMessage, ids: _Ids) -> Json:
    if message.role == "tool":
        return {"role": "tool", "content": message.content or "", "tool_call_id": ids.of_result()}
    written: Json = {"role": message.role, "content": message.content}
    if message.tool_calls:
        written["content"] = message.content or None
        written["tool_calls"] = [_call(call, ids) for call in message.tool_calls]
    return written


def _call(call: MessageToolCall, ids: _Ids) -> Json:
    name = _NO_NAME.sub("_", call.name)[-_LONGEST_NAME:]
    function = {"name": name, "arguments": _arguments(call.arguments)}
    return {"id": ids.of_call(call), "type": "function", "function": function}


def _arguments(text: str) -> str:
    """JSON text of an object; published answers have line breaks within strings, which JSON has not."""
    try:
        value = exact_json.lenient(text)
    except ValueError as error:
        raise NotJson(text) from error
    if not isinstance(value, dict):
        raise NotJson(text)
    return text if _is_strict(text) else exact_json.text_of(value, ", ", ": ")


def _is_strict(text: str) -> bool:
    try:
        exact_json.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
