"""The tools the sandbox hub offers."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from sandbox.catalogue.tool_collections import COLLECTIONS, Collection
from sandbox.declare import Tool

__all__ = ["COLLECTIONS", "Collection", "tools"]


def tools() -> tuple[Tool, ...]:
    """All tools, sorted by category and slug."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    declared = {id(one): one for module in modules for one in vars(module).values() if isinstance(one, Tool)}
    return tuple(sorted(declared.values(), key=lambda tool: (tool.category, tool.slug)))
