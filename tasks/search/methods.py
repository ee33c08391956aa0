"""The methods of search: where a tree grows next.

`dfsdt` searches a decision tree depth first (paper section 2.3), `dfs_ranked` ranks a node's children before
it visits them (`DFS_w2`, section A.4), and `chains` are thought and action without a tree: ReACT, and CoT@N
as the paper's baseline (section 3.2).
"""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from itertools import combinations

import prompts
from tasks.errors import UsageError
from tasks.llm.chat import Message, Reply, Transcript
from tasks.search.rules import TOOLLOOM, Rules
from tasks.search.search import Search
from tasks.search.task import Ask, Execute, Limits, Task
from tasks.search.tree import End, SearchNode, SearchTree


async def dfsdt(
    task: Task, *, ask: Ask, execute: Execute, rules: Rules = TOOLLOOM, limits: Limits | None = None
) -> SearchTree:
    """Searches until an answer is given, nothing is left to try, or the queries are used up.

    Children are asked for one at a time and explored before the next is asked for.  No reply of the
    model raises; what `ask` and `execute` raise goes through, except the endpoint's refusal of a request.
    """
    search = Search(task, ask=ask, execute=execute, rules=rules, limits=limits or Limits())
    search.enter(search.tree.root)
    path = [search.tree.root]
    while path:
        node = path[-1]
        if len(node.children) >= search.limits.width:
            path.pop()
            continue
        child = await search.grow(node)
        if child is None:
            break
        end = search.enter(child)
        if end is End.ANSWERED:
            break
        if end is End.GAVE_UP and (len(path) > 1 or not search.rules.root_outlives_give_up):
            path.pop()  # a give-up abandons the node it was made at: that node's parent asks next
        elif end is None:
            path.append(child)
    return search.tree


async def chains(
    task: Task,
    *,
    ask: Ask,
    execute: Execute,
    rules: Rules = TOOLLOOM,
    limits: Limits | None = None,
    tries: int | None = 1,
) -> SearchTree:
    """Up to `tries` fresh chains with the same messages, until one answers.

    A chain ends where it answers, gives up, fails or reaches the depth limit; all are children of the
    root.  tries: None goes on until `limits.max_queries` or `max_tokens` is reached, with a reply that is
    used under any rules, since it is the cost of another search; neither bounds a number of tries.
    """
    limits = limits or Limits()
    if tries is None:
        rules = replace(rules, last_reply_counts=True)
    else:
        limits = replace(limits, max_queries=sys.maxsize, max_tokens=None)
    search = Search(task, ask=ask, execute=execute, rules=rules, limits=limits)
    search.enter(search.tree.root)
    while not search.tree.win and (tries is None or len(search.tree.root.children) < tries):
        if not await _chain(search):
            break
    return search.tree


async def _chain(search: Search) -> bool:
    """Plays one chain to its end; False when the queries ran out before."""
    node = search.tree.root
    end: End | None = None
    while end is None:
        child = await search.grow(node, diverse=False)
        if child is None:
            return False
        end = search.enter(child)
        node = child
    return True


async def dfs_ranked(
    task: Task, *, ask: Ask, execute: Execute, rules: Rules = TOOLLOOM, limits: Limits | None = None
) -> SearchTree:
    """Searches as `dfsdt` does, but all children of a node are asked for first, then the best is visited.

    Each pair is compared twice, once in either order; the votes give a child its score, and a tie keeps
    the order.  Comparisons count as queries.
    """
    search = Search(task, ask=ask, execute=execute, rules=rules, limits=limits or Limits())
    search.enter(search.tree.root)
    unvisited = [await _best_first(search, search.tree.root)]
    while unvisited:
        siblings = unvisited[-1]
        if siblings is None:
            break
        if not siblings:
            unvisited.pop()
            continue
        child = siblings.popleft()
        end = search.enter(child)
        if end is End.ANSWERED:
            break
        if end is End.GAVE_UP and (len(unvisited) > 1 or not search.rules.root_outlives_give_up):
            unvisited.pop()  # a give-up skips the remaining siblings, too
        elif end is None:
            unvisited.append(await _best_first(search, child))
    return search.tree


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
    words = re.findall(r"\b[AB]\b", text.upper() if len(text) <= 2 else text)
    return words[-1] if words else None


Method = Callable[..., Awaitable[SearchTree]]


def method_of(name: str) -> Method:
    """The search called `name`: dfsdt, dfs_ranked, react, react@<tries> or react@budget.

    All take `(task, *, ask, execute, rules, limits)`.  Raises `UsageError` for any other name.
    """
    kind, _, tries = name.partition("@")
    if name == "dfsdt":
        return dfsdt
    if name == "dfs_ranked":
        return dfs_ranked
    if kind == "react" and (tries == "budget" or tries.isdecimal() or name == kind):
        return partial(chains, tries=None if tries == "budget" else int(tries or 1))
    raise UsageError(
        f"[annotate] method = {name!r} is unknown",
        fix="use dfsdt, dfs_ranked, react, react@5 (any number of tries) or react@budget",
    )
