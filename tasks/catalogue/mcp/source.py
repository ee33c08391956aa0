"""A `Source` over one MCP server: the server is a tool, each of its tools an API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from tasks.catalogue.mcp.text import legible
from tasks.catalogue.mcp.tools import api_details
from tasks.catalogue.names import digest_of, readable_name
from tasks.catalogue.normalise import normalise
from tasks.catalogue.params import McpParams
from tasks.catalogue.source import Crawled, Listing, ToolEntry
from tasks.errors import UsageError
from tasks.text_budget.shorten import json_text
from tasks.transport.mcp.failures import StartFailed
from tasks.transport.mcp.sessions import McpListing


class McpSource:
    """A context manager that holds nothing: the server goes on for the calls to come.

    listing_of: what the server of a name offers; raises `StartFailed`.
    """

    def __init__(self, source: McpParams, listing_of: Callable[[str], McpListing]) -> None:
        self._source = source
        self._listing_of = listing_of

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held."""

    def listing(self) -> Listing:
        """The server, as one tool; started, since only so it shows whether it is one.

        Raises `UsageError` when it is no MCP server or offers no tools, and `ConnectionFailed` when it may
        be one and does not answer now.
        """
        listed = self._listed()
        if not listed.tools:
            raise UsageError(
                f'the mcp source "{self._source.name}" ({self._source.where}) offers no tools',
                fix="a source must be a server whose `tools/list` names at least one",
            )
        return Listing(entries=(self._entry(listed),))

    def fetch(self, entries: Sequence[ToolEntry]) -> list[Crawled]:
        """The rows of the server's tools.  Raises like `listing`."""
        listed = self._listed() if entries else None
        return [normalise(entry, self._detail(listed)) for entry in entries if listed is not None]

    def _listed(self) -> McpListing:
        try:
            return self._listing_of(self._source.name)
        except StartFailed as failure:
            if failure.lasting:
                raise UsageError(failure.message, fix=failure.fix) from failure
            raise

    def _entry(self, listed: McpListing) -> ToolEntry:
        return ToolEntry(
            id=self._source.name,
            category=self._source.category,
            name=self._source.name,
            standardized_name=readable_name(self._source.name),
            collections=tuple(sorted(set(self._source.collections))),
            updated=digest_of(json_text([listed.tools, listed.introduction])),
            source="mcp",
            source_url=f"mcp://{self._source.name}",
        )

    def _detail(self, listed: McpListing) -> dict[str, Any]:
        return {
            "id": self._source.name,
            "category": self._source.category,
            "name": self._source.name,
            "description": description_of(listed.introduction),
            "host": f"mcp://{self._source.name}",
            "apis": api_details(listed.tools),
        }


def description_of(introduction: Mapping[str, Any]) -> str:
    """What the server says of itself: its instructions, else its description, else its title or name."""
    said = (introduction.get(key) for key in ("instructions", "description", "title", "name"))
    texts = (legible(text) for text in said if isinstance(text, str))
    return next((text for text in texts if text), "")
