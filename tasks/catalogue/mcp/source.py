"""From the JSON of `tools/list` to an MCP server as a tool, each of its tools an API: a `Source`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote

from tasks.catalogue.mcp.schema import legible, plain_schema
from tasks.catalogue.names import readable_name
from tasks.catalogue.normalise import normalise
from tasks.catalogue.params import McpParams
from tasks.catalogue.source import Crawled, CrawlReason, Listing, ToolEntry, UnusableApi
from tasks.errors import BadRow, UsageError
from tasks.exact_json import digest_of
from tasks.text_budget.shorten import json_text
from tasks.transport.mcp.failures import StartFailed
from tasks.transport.mcp.server import is_read_only
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


def api_details(listed: Sequence[Any]) -> list[dict[str, Any] | UnusableApi]:
    """What `normalise` takes as the APIs of a tool.

    listed: the tools of all pages of `tools/list`, as the server wrote them.
    """
    return [_detail_or_why_not(tool, at) for at, tool in enumerate(listed)]


def _detail_or_why_not(tool: Any, at: int) -> dict[str, Any] | UnusableApi:
    name = _text(tool.get("name")) if isinstance(tool, dict) else ""
    place = f"tools/list[{at}]"
    try:
        return _api_detail(tool, place)
    except BadRow as fault:
        return UnusableApi(name=name, place=place, reason=CrawlReason(fault.reason), detail=fault.message)


def _api_detail(tool: Any, place: str) -> dict[str, Any]:
    if not isinstance(tool, dict) or not isinstance(tool.get("name"), str) or not legible(tool["name"]):
        raise BadRow(CrawlReason.UNNAMED, "a tool must be an object with a name")
    return {
        "name": legible(tool["name"]),
        "place": place,
        "description": _description(tool),
        "method": "POST",
        "path": f"/{quote(tool['name'], safe='')}",
        "protocol": "mcp",
        "body": _body(plain_schema(tool.get("inputSchema"), "inputSchema")),
        "read_only": is_read_only(tool.get("annotations")),
        "response_schema": _response_schema(tool.get("outputSchema")),
    }


def _body(schema: dict[str, Any]) -> dict[str, Any] | None:
    """None for a tool without arguments; what a schema leaves open cannot be asked of a model."""
    if schema.get("type", "object") != "object":
        raise BadRow(CrawlReason.MALFORMED, f"inputSchema: arguments are an object, not {schema['type']}")
    return {"schema": schema} if schema.get("properties") else None


def _response_schema(schema: Any) -> dict[str, Any] | None:
    """None also when it says nothing, or cannot be read: the tool can be called all the same."""
    try:
        plain = plain_schema(schema, "outputSchema")
    except BadRow:
        return None
    return plain if plain.keys() - {"type", "description"} else None


def _description(tool: Mapping[str, Any]) -> str:
    """The title, unless it only repeats the name, and the description."""
    title, text = (_text(tool.get(key)) for key in ("title", "description"))
    if _letters(title) in {"", _letters(tool["name"])} or title in text:
        return text
    return f"{title.rstrip('.')}. {text}".strip()


def _text(value: Any) -> str:
    return legible(value) if isinstance(value, str) else ""


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()
