"""Query files of ToolBench beside the answers: which APIs were offered, by category, and which are needed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tasks.calling.toolbench_names import service_api_id
from tasks.errors import BadRow
from tasks.importing.answer_files import json_text, of_repeated, parsed, read_text, text_of
from tasks.importing.files import QueryFile
from warehouse.tables.instructions import RelevantApi


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query file says of a query.

    offered: ids of the APIs in its list, in order; documented: each as JSON text, as the file has it.
    """

    query: str
    offered: tuple[str, ...]
    documented: tuple[str, ...]
    needed: tuple[RelevantApi, ...]


@dataclass(slots=True)
class Queries:
    """Queries by scenario and number.  unused: places of files without use, all or in part, or with
    something odd in them, and what that is.
    """

    asked: dict[tuple[str, int], Asked] = field(default_factory=dict)
    unused: list[tuple[str, str]] = field(default_factory=list)

    def of(self, scenario: str, query_id: int, query: str, n_apis: int) -> Asked | None:
        """The entry of that number, if it is of this query: collections number theirs alike."""
        found = self.asked.get((scenario, query_id))
        return found if found and found.query == query and len(found.offered) == n_apis else None

    def take(self, scenario: str, place: str, entries: Any) -> bool:
        """Takes in what a file holds; whether any of it is a query."""
        found = list(_entries(entries))
        for number, asked in found:
            self.asked.setdefault((scenario, number), asked)
        if wrong := _without_use(entries, len(found)):
            self.unused.append((place, wrong))
        return bool(found)


def read_queries(files: Iterable[QueryFile]) -> Queries:
    queries = Queries()
    for file in files:
        repeated: list[str] = []
        try:
            entries = parsed(read_text(file.path), repeated)
        except BadRow as fault:
            queries.unused.append((file.place, fault.message))
            continue
        queries.take(file.scenario, file.place, entries)
        if repeated:
            queries.unused.append((file.place, of_repeated(repeated)))
    return queries


def _without_use(entries: Any, n_found: int) -> str:
    if not isinstance(entries, list):
        return "it is no list of queries"
    wrong = len(entries) - n_found
    return f"{wrong:,} of {len(entries):,} entries have no query_id, query or api_list" if wrong else ""


def _entries(entries: Any) -> Iterator[tuple[int, Asked]]:
    """What can be used of a file; entries of another form are of other tools."""
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("query_id"), int):
            asked = _asked(entry)
            if asked is not None:
                yield entry["query_id"], asked


def _asked(entry: dict[str, Any]) -> Asked | None:
    query, listed = entry.get("query"), entry.get("api_list")
    if not isinstance(query, str) or not isinstance(listed, list):
        return None
    names = [_names(api) for api in listed]
    ids = {(tool, api): service_api_id(category, tool, api) for category, tool, api in names}
    pairs = entry.get("relevant APIs")
    needed = [
        tuple(pair)
        for pair in (pairs if isinstance(pairs, list) else ())
        if isinstance(pair, list) and all(isinstance(name, str) for name in pair)
    ]
    return Asked(
        query=query,
        offered=tuple(service_api_id(*name) for name in names),
        # Hundreds of queries offer the same API: its text is kept once.
        documented=tuple(sys.intern(text_of(json_text(api))) for api in listed),
        needed=tuple(
            RelevantApi(tool_name=pair[0], api_name=pair[1], api_id=ids[pair])
            for pair in dict.fromkeys(needed)
            if pair in ids
        ),
    )


def _names(api: Any) -> tuple[str, str, str]:
    values = api if isinstance(api, dict) else {}
    category, tool, name = (str(values.get(f"{what}_name", "")) for what in ("category", "tool", "api"))
    return category, tool, name
