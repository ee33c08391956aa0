"""From a search tree to rows: its nodes in pre-order, the messages of its result; and rows drawn as text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tasks.llm.chat import Message
from tasks.search.tree import CODES, Action, End, SearchNode, SearchTree
from warehouse.tables.annotations import AnswerMessage, MessageToolCall, Node

_DRAWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Trace:
    """The rows of a tree.  node_of_call: the node_id of each API call, by its number."""

    nodes: tuple[Node, ...]
    node_of_call: dict[int, int]


def trace(tree: SearchTree, annotation_id: str) -> Trace:
    """The tree's rows.

    A reply is a chain of rows: its thought, then an action and an action input per call.  All of them
    carry its query_no, shown and finish_reason; the first its tokens and thinking; the last its entry and
    whether it is pruned or terminal.  A failed reply is a thought whose outcome says why it failed.
    """
    writer = _Writer(annotation_id, frozenset(tree.answer.path()) if tree.answer is not None else frozenset())
    for node in tree.root.preorder():
        writer.write(node)
    return Trace(tuple(writer.rows), writer.node_of_call)


def answer_messages(tree: SearchTree) -> tuple[AnswerMessage, ...]:
    """The conversation of the answer path, else of the last give-up; none when there is neither."""
    if tree.result is None:
        return ()
    return tuple(_answer_message(message) for message in tree.result.transcript)


def _answer_message(message: Message) -> AnswerMessage:
    return AnswerMessage(
        role=message.role,
        content=message.content,
        tool_calls=tuple(
            MessageToolCall(id=call.id, name=call.name, arguments=call.arguments)
            for call in message.tool_calls
        ),
        tool_call_id=message.tool_call_id,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """One row of a reply's chain, before it has its place."""

    kind: str
    depth: int
    text: str | None = None
    action: Action | None = None


def _chain(node: SearchNode) -> Iterator[_Link]:
    if node.parent is None:
        yield _Link(kind="root", depth=0)
        return
    depth = node.parent.depth
    if node.thought is not None or not node.actions:
        depth += 1
        yield _Link(kind="thought", depth=depth, text=node.thought)
    for action in node.actions:
        yield _Link(kind="action", depth=depth + 1, action=action)
        yield _Link(kind="action_input", depth=depth + 2, action=action)
        depth += 2


def _shown(node: SearchNode, seen: Action | None) -> tuple[str | None, str | None, int | None]:
    """Observation, outcome and code: of a call, or of a reply that failed."""
    if seen is not None:
        return seen.observation, seen.outcome, seen.code
    if node.failure is not None:
        return node.failure_detail, node.failure.value, CODES[node.failure]
    return None, None, None


@dataclass(slots=True)
class _Writer:
    annotation_id: str
    answer_path: frozenset[SearchNode]
    rows: list[Node] = field(default_factory=list)
    node_of_call: dict[int, int] = field(default_factory=dict)
    _last_row: dict[SearchNode, int] = field(default_factory=dict)

    def write(self, node: SearchNode) -> None:
        links = list(_chain(node))
        parent_id = None if node.parent is None else self._last_row[node.parent]
        for link in links:
            node_id = len(self.rows)
            self.rows.append(self._row(node, link, parent_id, first=link is links[0], last=link is links[-1]))
            if link.kind == "action_input" and link.action is not None and link.action.call_no is not None:
                self.node_of_call[link.action.call_no] = node_id
            parent_id = node_id
        self._last_row[node] = len(self.rows) - 1

    def _row(self, node: SearchNode, link: _Link, parent_id: int | None, *, first: bool, last: bool) -> Node:
        seen = link.action if link.kind == "action_input" else None
        observation, outcome, code = _shown(node, seen)
        return Node(
            annotation_id=self.annotation_id,
            node_id=len(self.rows),
            parent_id=parent_id,
            entry=node.entry if last else None,
            depth=link.depth,
            kind=link.kind,
            query_no=node.query_no,
            shown=node.shown,
            thinking=node.thinking if first else None,
            thought=link.text,
            function=None if link.action is None else link.action.function,
            arguments=None if seen is None else seen.arguments,
            repaired=seen is not None and seen.repaired,
            observation=observation,
            outcome=outcome,
            code=code,
            tokens=node.tokens if first else 0,
            finish_reason=node.finish_reason,
            votes=node.votes if last else None,
            pruned=last and node.end not in {None, End.ANSWERED},
            terminal=last and node.end is End.ANSWERED,
            on_answer_path=node in self.answer_path,
        )


def draw(nodes: Sequence[Node]) -> str:
    """One line a reply, indented below the one it follows.

    `#` is the number of the query, `shown` how many earlier candidates it was shown; each call is written
    `function(arguments) -> outcome`; the line ends with how the branch ended.  nodes: of one search, in
    order of node_id.
    """
    levels: dict[int, int] = {}
    lines: list[str] = []
    for reply in _replies(nodes):
        first = reply[0]
        level = 0 if first.parent_id is None else levels[first.parent_id] + 1
        levels.update(dict.fromkeys((row.node_id for row in reply), level))
        lines.append("  " * level + " ".join(_words(reply)))
    return "".join(f"{line}\n" for line in lines)


def _replies(nodes: Iterable[Node]) -> Iterator[list[Node]]:
    reply: list[Node] = []
    for node in nodes:
        if reply and node.query_no != reply[0].query_no:
            yield reply
            reply = []
        reply.append(node)
    if reply:
        yield reply


def _words(reply: Sequence[Node]) -> Iterator[str]:
    first, last = reply[0], reply[-1]
    yield "root" if first.query_no is None else f"#{first.query_no}"
    if first.shown:
        yield f"(shown {first.shown})"
    for row in reply:
        if row.kind == "thought":
            yield (
                json.dumps(_clipped(row.thought), ensure_ascii=False)
                if row.outcome is None
                else f"-> {row.outcome}"
            )
        elif row.kind == "action_input":
            mended = " repaired" if row.repaired else ""
            yield f"{row.function}({_clipped(row.arguments)}){mended} -> {row.outcome}"
    if last.terminal:
        yield "= answer"
    elif last.pruned:
        yield "= pruned"


def _clipped(text: str | None) -> str:
    line = " ".join((text or "").split())
    return line if len(line) <= _DRAWN_CHARACTERS else line[: _DRAWN_CHARACTERS - 3] + "..."
