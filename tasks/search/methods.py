"""The methods of search by their configured names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from tasks.errors import UsageError
from tasks.search.chain import chains
from tasks.search.dfsdt import dfsdt
from tasks.search.ranked import dfs_ranked
from tasks.search.tree import SearchTree

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
