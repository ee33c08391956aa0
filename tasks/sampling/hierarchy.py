"""The groups of tools that sets of APIs are drawn from (paper section 2.2)."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import orjson

from tasks.errors import BrokenContract
from warehouse.tables.catalogue import Tool

SINGLE_TOOL = "G1"
SAME_CATEGORY = "G2"
SAME_COLLECTION = "G3"


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """Tools that may be drawn together: one tool, or those of a category or a collection.

    A group holds the tools of one split, so that no draw mixes splits: (scenario, name, split) names
    it.  tool_ids are sorted.  centre: the tool that the others are like; it is in every draw.
    """

    scenario: str
    name: str
    split: str
    tool_ids: tuple[str, ...]
    centre: str = ""

    @property
    def label(self) -> str:
        return f"{self.scenario}/{self.split}/{self.name}"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Every group in canonical order, and the kept APIs (sorted) of every tool that has one."""

    groups: tuple[Group, ...]
    apis_of_tool: Mapping[str, tuple[str, ...]]

    def groups_by_tool(self) -> Mapping[str, tuple[Group, ...]]:
        found: defaultdict[str, list[Group]] = defaultdict(list)
        for group in self.groups:
            for tool_id in group.tool_ids:
                found[tool_id].append(group)
        return {tool_id: tuple(groups) for tool_id, groups in found.items()}


def hierarchy_of(
    tools: Iterable[Tool], kept_api_ids: Iterable[str], partners: Mapping[str, tuple[str, ...]] | None = None
) -> Hierarchy:
    """Group the tools that have a kept API; a tool without one is in no group.

    partners: by tool, those of its split that it is like; they are a group as a collection is.  Raises
    BrokenContract for an API whose tool is not among `tools`.
    """
    tool_by_id = {tool.tool_id: tool for tool in tools}
    apis_of_tool = _apis_of_tool(kept_api_ids)
    if orphans := sorted(apis_of_tool.keys() - tool_by_id.keys()):
        raise BrokenContract(
            f"kept APIs of {len(orphans)} tools that are not in the tools table, e.g. {orphans[0]!r}",
            fix="crawl and probe again: both tables must come from the same catalogue",
        )
    members: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for tool_id in apis_of_tool:
        for scenario, name in _memberships(tool_by_id[tool_id]):
            members[scenario, name, tool_by_id[tool_id].split].add(tool_id)
    groups = [Group(*key, tuple(sorted(tool_ids))) for key, tool_ids in members.items()]
    groups += [
        Group(
            SAME_COLLECTION,
            f"like {centre}",
            tool_by_id[centre].split,
            tuple(sorted((centre, *like))),
            centre,
        )
        for centre, like in (partners or {}).items()
    ]
    return Hierarchy(tuple(sorted(groups)), apis_of_tool)


def tool_of(api_id: str) -> str:
    """The tool of an API: an api_id is `<tool_id>/<standard api name>`, and standard names have no slash."""
    return api_id.rpartition("/")[0]


def _apis_of_tool(api_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for api_id in sorted(set(api_ids)):
        found[tool_of(api_id)].append(api_id)
    return {tool_id: tuple(api_ids) for tool_id, api_ids in found.items()}


def _memberships(tool: Tool) -> Iterator[tuple[str, str]]:
    yield SINGLE_TOOL, tool.tool_id
    yield SAME_CATEGORY, tool.category
    for collection in tool.collections:
        yield SAME_COLLECTION, collection


def key_of(*parts: str | int) -> bytes:
    """A hash key (256 bits) of its parts; no two different lists of parts share one."""
    return hashlib.blake2b(orjson.dumps(parts), digest_size=32).digest()


def ranked(items: Iterable[str], key: bytes) -> list[str]:
    """The items in the order of their keyed hashes: a new item shifts others, and reorders none."""

    def rank(item: str) -> bytes:
        return hashlib.blake2b(item.encode(), key=key, digest_size=16).digest()

    return sorted(items, key=rank)


def number_between(low: int, high: int, key: bytes) -> int:
    """A number in low..high, both included."""
    return low + int.from_bytes(key[:8], "big") % (high - low + 1)


def fraction_of(key: bytes) -> float:
    """A number in [0, 1)."""
    return (int.from_bytes(key[:8], "big") >> 11) / (1 << 53)
