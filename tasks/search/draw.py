"""Search trees as text, for people and for golden tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from warehouse.tables.annotations import Node

_WIDTH = 60


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
    return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."
