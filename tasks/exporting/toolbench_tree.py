"""A search tree as ToolBench writes it: nested nodes, field by field as in its published answer files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from tasks.exporting.searches import Search
from warehouse.tables.annotations import Node

Json: TypeAlias = dict[str, Any]

_TYPES = {"root": "Action Input", "thought": "Thought", "action": "Action", "action_input": "Action Input"}
_ELO = 1000.0  # what a node has that was never compared with another
_CALLS_FINISHED = 3  # calls, from the answer upwards, whose nodes count as finished


class ToolbenchTree:
    """The nodes of a search by id; `children` are nested in them."""

    def __init__(self, search: Search) -> None:
        self._rows = {row.node_id: row for row in search.nodes}
        finished = self._finished(search.nodes)
        n_children = dict.fromkeys(self._rows, 0)
        for row in search.nodes:
            if row.parent_id is not None:
                n_children[row.parent_id] += 1
        self._nodes = {
            row.node_id: _node(row, row.node_id in finished, n_children[row.node_id]) for row in search.nodes
        }

    def nested(self) -> Json:
        """size, max_length and the tree itself."""
        nested = {node_id: {**node, "children": []} for node_id, node in self._nodes.items()}
        for row in self._rows.values():
            if row.parent_id is not None:
                nested[row.parent_id]["children"].append(nested[row.node_id])
        longest = 1 + max(row.depth for row in self._rows.values())
        return {"size": len(nested), "max_length": longest, "tree": nested[min(nested)]}

    def answers(self) -> list[list[Json]]:
        """For each answer, the nodes from below the root down to it, without their children."""
        return [self._chain(row) for row in self._rows.values() if row.terminal]

    def tries(self) -> list[Json]:
        """For chains: each chain from below the root to its last node, and whether it was won."""
        parents = {row.parent_id for row in self._rows.values()}
        ends = [
            row for row in self._rows.values() if row.node_id not in parents and row.parent_id is not None
        ]
        return [{"chain": self._chain(row), "win": row.terminal} for row in ends]

    def _chain(self, row: Node) -> list[Json]:
        return [self._nodes[node.node_id] for node in reversed(list(self._upwards(row)))]

    def _upwards(self, row: Node) -> Iterable[Node]:
        """From a node to the one below the root."""
        while row.parent_id is not None:
            yield row
            row = self._rows[row.parent_id]

    def _finished(self, rows: Sequence[Node]) -> set[int]:
        finished: set[int] = set()
        for row in rows:
            if row.terminal:
                calls = 0
                for node in self._upwards(row):
                    finished.add(node.node_id)
                    calls += node.kind == "action_input"
                    if calls == _CALLS_FINISHED:
                        break
                else:
                    finished.add(rows[0].node_id)  # the root is of type Action Input as well
        return finished


def _node(row: Node, finished: bool, n_children: int) -> Json:
    node: Json = {
        "is_terminal": False,  # so in all published files, answers among them
        "pruned": row.pruned,
        "finished": finished,
        "depth": row.depth,
        "node_type": _TYPES[row.kind],
        "description": _description(row),
        "Elo": _ELO if row.votes is None else row.votes,
    }
    if row.votes is not None:
        node["matching_time"] = 0
    if row.kind == "action_input" and row.observation is not None:
        node["observation"] = row.observation
    if row.code is not None:
        node["observation_code"] = row.code
    node |= {"child_count": n_children, "expand_num": row.entry or 0}
    return node | ({"io_state": {}} if _TYPES[row.kind] == "Action Input" else {})


def _description(row: Node) -> str:
    """A reply that failed is a thought that says why."""
    if row.kind == "thought":
        return row.thought if row.thought is not None else row.observation or ""
    return (row.function if row.kind == "action" else row.arguments) or ""
