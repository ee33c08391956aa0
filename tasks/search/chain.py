"""Chains of thought and action without a tree: ReACT, and CoT@N as the paper's baseline (section 3.2)."""

from __future__ import annotations

import sys
from dataclasses import replace

from tasks.search.node import End
from tasks.search.rules import TOOLLOOM, Rules
from tasks.search.search import Search
from tasks.search.task import Ask, Execute, Limits, Task
from tasks.search.tree import SearchTree


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
