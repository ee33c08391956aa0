"""Which nodes of a published tree came from one reply of the model: the files do not say so."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.importing.reading import ReadNode


def queries_of(nodes: Sequence[ReadNode]) -> list[int | None]:
    """For each node in pre-order the number of its reply; the root has none.

    The search numbers each node that it enters (`expand_num`), and it enters the last node of a reply
    only.  So a thought that was entered is a reply of its own, one that was not goes with the call below
    it; likewise a call that was not entered goes with the next one.  In chains nothing is numbered: there
    a thought goes with the call below it, and every call ends its reply.
    """
    numbered = any(node.entry for node in nodes)
    queries: list[int | None] = []
    asked = 0
    for node in nodes:
        parent = None if node.parent is None else nodes[node.parent]
        if parent is None:
            queries.append(None)
        elif parent.kind != "root" and _goes_on(parent, node, numbered=numbered):
            queries.append(queries[node.parent or 0])
        else:
            queries.append(asked)
            asked += 1
    return queries


def _goes_on(parent: ReadNode, node: ReadNode, *, numbered: bool) -> bool:
    """Whether a node belongs to the reply of the one above it."""
    if node.kind == "action_input":
        return True
    if node.kind == "thought" or parent.entry is not None:
        return False
    return parent.kind == "thought" or numbered
