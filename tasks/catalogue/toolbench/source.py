"""A `Source` over ToolBench's files."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tasks.catalogue.names import readable_name
from tasks.catalogue.normalise import normalise
from tasks.catalogue.params import ToolbenchParams
from tasks.catalogue.source import (
    Crawled,
    CrawlReason,
    Listing,
    Rejected,
    ToolEntry,
    reject,
    with_distinct_names,
)
from tasks.catalogue.toolbench.convert import tool_detail
from tasks.catalogue.toolbench.layout import File, Layout, all_files, contents_digest, find_layout, unusable
from tasks.catalogue.toolbench.queries import QueryCatalogue, read_queries, tools_of
from tasks.catalogue.toolbench.records import ToolRecord, read_examples, read_tool
from tasks.errors import BadRow, UsageError
from warehouse.tables.accounts import Reject


def open_toolbench(source: ToolbenchParams) -> ToolFolder | QueryFiles:
    """Raises `UsageError` when nothing of the kind is at its location."""
    layout = find_layout(source.location)
    return ToolFolder(layout) if layout.tools else QueryFiles(layout)


def toolbench_version(source: ToolbenchParams) -> str | None:
    """A digest of the files' names and bytes; None where there are none: opening the source tells."""
    try:
        layout = find_layout(source.location)
    except UsageError:
        return None
    return contents_digest(all_files(layout))


class _Files:
    """Closing is for sources with connections."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held open."""


class ToolFolder(_Files):
    """tools/<Category>/<tool>.json, with the response examples beside."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._files = {file.place: file for file in layout.tools}
        self._refuse_another_kind()

    def listing(self) -> Listing:
        """Every tool whose file can be read; the others are rejected."""
        entries: list[ToolEntry] = []
        rejects: list[Rejected] = []
        for file in self._layout.tools:
            try:
                entries.append(_entry(file.place, read_tool(file)))
            except BadRow as fault:
                rejects.append(
                    Rejected(row_id=file.place, reason=CrawlReason(fault.reason), detail=fault.message)
                )
        return with_distinct_names([Listing(entries=tuple(entries), rejects=tuple(rejects))])[0]

    def fetch(self, entries: Sequence[ToolEntry]) -> list[Crawled]:
        """The rows of each tool, in the order of `entries`."""
        return [self._fetch(entry) for entry in entries]

    def _fetch(self, entry: ToolEntry) -> Crawled:
        file = self._files.get(entry.id)
        if file is None:
            return Crawled.rejected(entry, CrawlReason.NOT_FOUND, f"{entry.id} is no longer there")
        try:
            tool = read_tool(file)
        except BadRow as fault:
            return Crawled.rejected(entry, CrawlReason(fault.reason), f"{file.place}: {fault.message}")
        examples, faults = self._examples_of(file)
        crawled = normalise(entry, tool_detail(entry.id, tool, examples))
        return dataclasses.replace(crawled, rejects=(*crawled.rejects, *faults))

    def _examples_of(self, tool: File) -> tuple[dict[str, Any], tuple[Reject, ...]]:
        file = self._layout.example_of(tool)
        if file is None:
            return {}, ()
        try:
            return read_examples(file), ()
        except BadRow as fault:
            return {}, (reject(file.place, CrawlReason(fault.reason), fault.message),)

    def _refuse_another_kind(self) -> None:
        """Raises `UsageError` unless at least one of the files is a tool of ToolBench."""
        faults: list[str] = []
        for file in self._layout.tools:
            try:
                read_tool(file)
            except BadRow as fault:
                faults.append(f"{file.place}: {fault.message}")
            else:
                return
        raise _another_kind(self._layout.location, len(faults), faults[0])


class QueryFiles(_Files):
    """Query files; their `api_list`s are the catalogue."""

    def __init__(self, layout: Layout) -> None:
        self._catalogue: QueryCatalogue = read_queries(layout.queries)
        if not self._catalogue.n_query_files:
            first = self._catalogue.rejects[0]
            fault = f"{first.row_id}: {first.detail}"
            raise _another_kind(layout.location, len(self._catalogue.rejects), fault)

    def listing(self) -> Listing:
        """Every tool that any query names."""
        entries = tuple(_entry(id_, tool) for id_, tool in tools_of(self._catalogue))
        return with_distinct_names([Listing(entries=entries, rejects=self._catalogue.rejects)])[0]

    def fetch(self, entries: Sequence[ToolEntry]) -> list[Crawled]:
        """The rows of each tool, in the order of `entries`."""
        return [self._fetch(entry) for entry in entries]

    def _fetch(self, entry: ToolEntry) -> Crawled:
        tool = self._catalogue.tools.get(entry.id)
        if tool is None:
            return Crawled.rejected(entry, CrawlReason.NOT_FOUND, "no query names it any more")
        return normalise(entry, tool_detail(entry.id, tool, {}))


def _entry(id_: str, tool: ToolRecord) -> ToolEntry:
    return ToolEntry(
        id=id_,
        category=tool.category,
        name=tool.name,
        standardized_name=readable_name(tool.name),
        source="toolbench",
        source_url=tool.place,
    )


def _another_kind(location: Path, n_files: int, first: str) -> UsageError:
    return unusable(
        location, f"is of another kind: none of its {n_files} JSON files is ToolBench's ({first})"
    )
