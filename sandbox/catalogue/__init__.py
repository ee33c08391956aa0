"""The tools the sandbox hub offers."""

from __future__ import annotations

from sandbox.catalogue import (
    airports,
    algebra,
    arithmetic,
    calendars,
    checksums,
    chemistry,
    clocks,
    codes,
    colours,
    countries,
    festivities,
    finance,
    geodesy,
    networks,
    notations,
    phones,
    planets_and_stars,
    samples,
    security,
    sun_and_moon,
    texts,
    units,
    words,
)
from sandbox.catalogue.tool_collections import COLLECTIONS, Collection
from sandbox.declare import Tool

__all__ = ["COLLECTIONS", "Collection", "tools"]

_MODULES = (
    airports,
    algebra,
    arithmetic,
    calendars,
    checksums,
    chemistry,
    clocks,
    codes,
    colours,
    countries,
    festivities,
    finance,
    geodesy,
    networks,
    notations,
    phones,
    planets_and_stars,
    samples,
    security,
    sun_and_moon,
    texts,
    units,
    words,
)


def tools() -> tuple[Tool, ...]:
    """All tools, sorted by category and slug."""
    declared = [value for module in _MODULES for value in vars(module).values() if isinstance(value, Tool)]
    return tuple(sorted(declared, key=lambda tool: (tool.category, tool.slug)))
