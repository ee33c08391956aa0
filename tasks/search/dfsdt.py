"""Depth-first search of a decision tree for a solution path (paper section 2.3)."""

from __future__ import annotations

from tasks.search.node import End
from tasks.search.rules import TOOLLOOM, Rules
from tasks.search.search import Search
from tasks.search.task import Ask, Execute, Limits, Task
from tasks.search.tree import SearchTree


async def dfsdt(
    task: Task, *, ask: Ask, execute: Execute, rules: Rules = TOOLLOOM, limits: Limits | None = None
) -> SearchTree:
    """Searches until an answer is given, nothing is left to try, or the queries are used up.

    Children are asked for one at a time and explored before the next is asked for.  No reply of the
    model raises; what `ask` and `execute` raise goes through, except the endpoint's refusal of a request.
    """
    search = Search(task, ask=ask, execute=execute, rules=rules, limits=limits or Limits())
    await _explore(search)
    return search.tree


async def _explore(search: Search) -> None:
    search.enter(search.tree.root)
    path = [search.tree.root]
    while path:
        node = path[-1]
        if len(node.children) >= search.limits.width:
            path.pop()
            continue
        child = await search.grow(node)
        if child is None:
            return
        end = search.enter(child)
        if end is End.ANSWERED:
            return
        if end is End.GAVE_UP and (len(path) > 1 or not search.rules.root_outlives_give_up):
            path.pop()  # a give-up abandons the node it was made at: that node's parent asks next
        elif end is None:
            path.append(child)
