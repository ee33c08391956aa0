"""From the JSON of `tools/list` to the documentation of one tool with its APIs: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tasks.catalogue.mcp.schema import plain_schema
from tasks.catalogue.mcp.text import legible
from tasks.catalogue.source import CrawlReason, UnusableApi
from tasks.errors import BadRow
from tasks.transport.mcp.server import is_read_only


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
