"""What the replies of a result were asked with beside it, told again from the rows of its tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from weakref import ref

from tasks.llm.chat import Transcript
from tasks.search.rules import RULES
from tasks.search.search import diversity_message
from tasks.search.tree import Action, End, SearchNode, StepOutcome
from warehouse.tables.annotations import Annotation, Node


def asked_beside(annotation: Annotation, nodes: Sequence[Node]) -> list[str | None]:
    """For each reply on the way to the result, the diversity message that it answered; None: there was none.

    In the words that this version has for it.  nodes: all of the search, in order of node_id.
    """
    on_path = _on_path(annotation, nodes)
    return [
        _beside(annotation, nodes, reply[0]) if reply[0].shown else None
        for reply in _replies(nodes)
        if reply[-1].node_id in on_path
    ]


def _replies(nodes: Sequence[Node]) -> Iterator[list[Node]]:
    for number, reply in groupby(nodes, attrgetter("query_no")):
        if number is not None:
            yield list(reply)


def _on_path(annotation: Annotation, nodes: Sequence[Node]) -> set[int]:
    """The nodes down to the answer, else to the last give-up."""
    if annotation.win:
        return {node.node_id for node in nodes if node.on_answer_path}
    above = {node.node_id: node.parent_id for node in nodes}
    gave_up = [node for node in nodes if node.outcome == StepOutcome.GAVE_UP]
    at = max(gave_up, key=lambda node: -1 if node.entry is None else node.entry).node_id if gave_up else None
    path: set[int] = set()
    while at is not None:
        path.add(at)
        at = above[at]
    return path


def _beside(annotation: Annotation, nodes: Sequence[Node], first: Node) -> str | None:
    """first: of the reply.  What came after it was asked for is not there yet."""
    number = first.query_no or 0
    # Ranked siblings are all asked for before any of them is entered.
    entered = annotation.method != "dfs_ranked"
    of_row: dict[int, SearchNode] = {}
    for rows in [[node] for node in nodes if node.query_no is None] + [
        reply for reply in _replies(nodes) if (reply[0].query_no or 0) < number
    ]:
        parent = None if rows[0].parent_id is None else of_row[rows[0].parent_id]
        node = _node(rows, parent, entered=entered)
        if parent is not None:
            parent.children.append(node)
        of_row |= {row.node_id: node for row in rows}
    if first.parent_id is None or annotation.rules not in RULES:
        return None
    message, _ = diversity_message(of_row[first.parent_id], RULES[annotation.rules])
    return None if message is None else message.content


def _node(rows: Sequence[Node], parent: SearchNode | None, *, entered: bool) -> SearchNode:
    failure = next((row.outcome for row in rows if row.kind == "thought" and row.outcome), None)
    return SearchNode(
        transcript=Transcript(),
        above=None if parent is None else ref(parent),
        thought=next((row.thought for row in rows if row.kind == "thought"), None),
        actions=tuple(_action(row) for row in rows if row.kind == "action_input"),
        failure=None if failure is None else StepOutcome(failure),
        end=_end(rows, failed=failure is not None, entered=entered),
    )


def _action(row: Node) -> Action:
    return Action(
        function=row.function or "",
        arguments=row.arguments or "",
        repaired=row.repaired,
        observation=row.observation or "",
        outcome=row.outcome or "",
        code=row.code,
    )


def _end(rows: Sequence[Node], *, failed: bool, entered: bool) -> End | None:
    outcomes = {row.outcome for row in rows}
    if failed:
        return End.FAILED
    if rows[-1].terminal:
        return End.ANSWERED
    if StepOutcome.GAVE_UP in outcomes:
        return End.GAVE_UP
    return End.DEPTH_LIMIT if rows[-1].pruned and entered else None
