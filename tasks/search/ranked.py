"""Depth-first search that ranks a node's children before it visits them (`DFS_w2`, paper section A.4)."""

from __future__ import annotations

import re
from collections import deque
from itertools import combinations

import prompts
from tasks.llm.chat import Message, Reply, Transcript
from tasks.search.node import End, SearchNode
from tasks.search.rules import TOOLLOOM, Rules
from tasks.search.search import Search
from tasks.search.task import Ask, Execute, Limits, Task
from tasks.search.tree import SearchTree

_WORD = re.compile(r"\b[AB]\b")


async def dfs_ranked(
    task: Task, *, ask: Ask, execute: Execute, rules: Rules = TOOLLOOM, limits: Limits | None = None
) -> SearchTree:
    """Searches as `dfsdt` does, but all children of a node are asked for first, then the best is visited.

    Each pair is compared twice, once in either order; the votes give a child its score, and a tie keeps
    the order.  Comparisons count as queries.
    """
    search = Search(task, ask=ask, execute=execute, rules=rules, limits=limits or Limits())
    await _explore(search)
    return search.tree


async def _explore(search: Search) -> None:
    search.enter(search.tree.root)
    unvisited = [await _best_first(search, search.tree.root)]
    while unvisited:
        siblings = unvisited[-1]
        if siblings is None:
            return
        if not siblings:
            unvisited.pop()
            continue
        child = siblings.popleft()
        end = search.enter(child)
        if end is End.ANSWERED:
            return
        if end is End.GAVE_UP and (len(unvisited) > 1 or not search.rules.root_outlives_give_up):
            unvisited.pop()  # a give-up skips the remaining siblings, too
        elif end is None:
            unvisited.append(await _best_first(search, child))


async def _best_first(search: Search, node: SearchNode) -> deque[SearchNode] | None:
    """The node's children, the best first; None when the queries ran out before they were all there."""
    children: list[SearchNode] = []
    while len(children) < search.limits.width:
        child = await search.grow(node)
        if child is None:
            return None
        if child.end is End.ANSWERED and search.rules.answer_ends_ranking:
            return deque([child])
        children.append(child)
    await _rank(search, node, children)
    return deque(sorted(children, key=lambda child: -(child.votes or 0.0)))


async def _rank(search: Search, node: SearchNode, children: list[SearchNode]) -> None:
    for child in children:
        child.votes = 0.0
    for one, other in combinations(children, 2):
        for first, second in ((one, other), (other, one)):
            winner = await _preferred(search, node, first, second)
            if winner is not None and winner.votes is not None:
                winner.votes += 1.0


async def _preferred(
    search: Search, node: SearchNode, first: SearchNode, second: SearchNode
) -> SearchNode | None:
    question = prompts.load("search/rank").render(
        request=node.path()[0].transcript.messages()[-1].content,
        steps=[_step(earlier) for earlier in node.path()[1:]],
        first=_step(first),
        second=_step(second),
    )
    opening = Message("system", prompts.load("search/rank_system").render())
    reply = await search.ask_aside(Transcript.of(opening, Message("user", question)))
    vote = None if reply is None else _vote(reply, search.rules)
    return None if vote is None else first if vote == "A" else second


def _step(node: SearchNode) -> dict[str, object]:
    calls = [
        {"function": action.function, "arguments": action.arguments, "observation": action.observation}
        for action in node.actions
    ]
    return {"thought": node.thought, "calls": calls}


def _vote(reply: Reply, rules: Rules) -> str | None:
    text = (reply.content or "").strip()
    if not rules.vote_is_a_word:
        return "A" if text.lower().endswith("a") else "B"
    words = _WORD.findall(text.upper() if len(text) <= 2 else text)
    return words[-1] if words else None
