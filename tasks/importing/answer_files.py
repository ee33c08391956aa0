"""An answer file of ToolBench, read: foreign JSON, so that nothing in it is believed."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks import exact_json
from tasks.errors import BadRow
from tasks.exact_json import Json

MALFORMED = "malformed"
UNREADABLE = "unreadable"
TOO_LARGE = "too_large"

_LARGEST = 300_000_000  # bytes; published answers have 5 million at most
_LARGE = 1 << 31  # beyond any number that these files really have
_USUAL_ELO = 1000
_KINDS = {"Thought": "thought", "Action": "action", "Action Input": "action_input"}


@dataclass(slots=True, kw_only=True)
class ReadNode:
    """A node of the file.  kind: root, thought, action or action_input; elo: None for the usual 1000."""

    kind: str
    text: str
    observation: str | None
    code: int | None
    pruned: bool
    entry: int | None
    elo: float | None
    depth: int
    parent: int | None
    n_children: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAnswer:
    """A whole file.  nodes: in pre-order.  chains: whether they are separate tries, without a tree.

    messages: the last of `train_messages`, empty when there is no result.  own_replies: positions of
    messages that the model said without a call; other texts go with the call that follows them.
    noted: what is odd within a file that is taken.
    """

    win: bool
    chains: bool
    nodes: list[ReadNode]
    limits: Json
    valid: bool
    n_queries: int
    n_tokens: int
    final_answer: str
    functions: list[Json]
    messages: list[Json]
    own_replies: frozenset[int]
    query: str
    noted: str


def read_answer(path: Path) -> ReadAnswer:
    """Raises `BadRow` for a file that is no answer of ToolBench."""
    repeated: list[str] = []
    content = _object(parsed(read_text(path), repeated), "the file")
    made = _object(content.get("answer_generation"), "answer_generation")
    said = made.get("train_messages")
    valid = made.get("valid_data") is True
    return ReadAnswer(
        win=content.get("win") is True,
        chains="trys" in content,
        nodes=_nodes(content),
        limits=content["forward_args"] if isinstance(content.get("forward_args"), dict) else {},
        valid=valid,
        n_queries=_number(made, "query_count"),
        n_tokens=_number(made, "total_tokens"),
        final_answer=text_of(made.get("final_answer")),
        functions=functions_in(made.get("function"), "function"),
        messages=_messages(said) if valid else [],
        own_replies=_own_replies(said) if valid else frozenset(),
        query=_needed_text(made, "query"),
        noted=of_repeated(repeated),
    )


def read_text(path: Path) -> str:
    """Raises `BadRow` for a file that is too large, cannot be read, or is no text."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe or a device may never end
            raise BadRow(UNREADABLE, "it is no regular file")
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise BadRow(TOO_LARGE, f"it has more than {_LARGEST:,} bytes")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise BadRow(UNREADABLE, f"it cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise BadRow(MALFORMED, f"it is no JSON: {error}") from error


def parsed(text: str, repeated: list[str] | None = None) -> Any:
    """Raises `BadRow` for a text that is no JSON.  repeated: takes the keys that an object has twice."""
    try:
        return exact_json.lenient(text, repeated)
    except ValueError as error:
        raise BadRow(MALFORMED, f"it is no JSON: {error}") from error
    except RecursionError as error:
        raise BadRow(MALFORMED, "its JSON is nested too deeply") from error


def of_repeated(keys: Sequence[str]) -> str:
    """What is said of keys that objects of a file have twice; nothing of none."""
    named = ", ".join(repr(each[:40]) for each in dict.fromkeys(keys))
    return f"an object in it has a key twice ({named}): the last one counts" if keys else ""


def _nodes(content: Json) -> list[ReadNode]:
    if "tree" in content:
        root = _object(_object(content["tree"], "tree").get("tree"), "tree.tree")
        return list(_walk(root))
    chains = [
        _list(_object(each, "a try").get("chain"), "chain") for each in _list(content.get("trys"), "trys")
    ]
    return _of_chains(chains)


def _walk(root: Json) -> Iterator[ReadNode]:
    """In pre-order, without recursion: a file may be as deep as it likes."""
    waiting: list[tuple[Any, int | None, int]] = [(root, None, 0)]
    number = 0
    while waiting:
        raw, parent, depth = waiting.pop()
        children = _list(_object(raw, "a node").get("children", []), "children")
        yield _node(raw, parent, depth, len(children))
        waiting += [(child, number, depth + 1) for child in reversed(children)]
        number += 1


def _of_chains(chains: list[list[Any]]) -> list[ReadNode]:
    """Chains below a root, as they were made."""
    root: Json = {"node_type": "Action Input", "description": ""}
    nodes = [_node(root, None, 0, len(chains))]
    for chain in chains:
        parent = 0
        for depth, raw in enumerate(chain, start=1):
            nodes.append(_node(_object(raw, "a node"), parent, depth, int(depth < len(chain))))
            parent = len(nodes) - 1
    return nodes


def _node(raw: Json, parent: int | None, depth: int, n_children: int) -> ReadNode:
    kind = _KINDS.get(str(raw.get("node_type"))) if parent is not None else "root"
    if kind is None:
        raise BadRow(MALFORMED, f"a node has the type {raw.get('node_type')!r}")
    seen = raw.get("observation")
    code = raw.get("observation_code")
    entered = _number(raw, "expand_num")
    elo: Any = raw.get("Elo")
    return ReadNode(
        kind=kind,
        text=text_of(raw.get("description")),
        observation=None if seen is None else text_of(seen),
        code=code if is_number(code) and isinstance(code, int) else None,
        pruned=raw.get("pruned") is True,
        entry=entered if entered or parent is None else None,
        elo=float(elo) if is_number(elo) and elo != _USUAL_ELO else None,
        depth=depth,
        parent=parent,
        n_children=n_children,
    )


def is_number(value: Any) -> bool:
    """Whether it is a number that these files may really have; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGE


def functions_in(value: Any, what: str) -> list[Json]:
    """Functions as they were offered.  Raises `BadRow` where they are none."""
    return [_function(each) for each in _list(value, what)]


def _function(value: Any) -> Json:
    """With the parts that its readers look into in their places."""
    function = _object(value, "a function")
    parameters = _object(function.get("parameters", {}), "parameters")
    _object(parameters.get("properties", {}), "properties")
    _list(parameters.get("required", []), "required")
    return function


def _messages(said: Any) -> list[Json]:
    lists = _list(said, "train_messages")
    if not lists:
        raise BadRow(MALFORMED, "it is valid data without train_messages")
    return _valid([_object(each, "a message") for each in _list(lists[-1], "train_messages")])


def _own_replies(said: Any) -> frozenset[int]:
    """Each list of `train_messages` goes as far as what the model said at once."""
    steps = [_valid(step) for step in said if isinstance(step, list)]
    return frozenset(len(step) - 1 for step in steps if step and "function_call" not in step[-1])


def _valid(messages: list[Any]) -> list[Json]:
    """Without what was shown for one request only."""
    return [each for each in messages if isinstance(each, dict) and each.get("valid") is not False]


def _object(value: Any, what: str) -> Json:
    if not isinstance(value, dict):
        raise BadRow(MALFORMED, f"{what} is no JSON object")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadRow(MALFORMED, f"{what} is no list")
    return value


def _number(value: Json, name: str) -> int:
    found = value.get(name, 0)
    if not is_number(found) or not isinstance(found, int) or found < 0:
        raise BadRow(MALFORMED, f"{name} is no count")
    return int(found)


def _needed_text(value: Json, name: str) -> str:
    text = text_of(value.get(name))
    if not text.strip():
        raise BadRow(MALFORMED, f"{name} is missing")
    return text


def text_of(value: Any) -> str:
    """Text that can be stored; halves of characters, which models do write, become question marks."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json_text(value)
    return text.encode(errors="replace").decode()


def json_text(value: Any) -> str:
    """With its numbers as the file has them, unless it is nested so deeply that only others write it."""
    try:
        return exact_json.text_of(value, ", ", ": ")
    except RecursionError:
        return json.dumps(value, ensure_ascii=False)
