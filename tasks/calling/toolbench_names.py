"""What ToolBench calls its categories, tools, APIs and parameters, and how a row keeps those names.

A row's own ids may differ: they are ASCII, and get a hash where two would be equal.  A service that speaks
ToolBench's protocol knows only these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

SCHEME = "toolbench"

# Chinese characters and the circumflex are letters to ToolBench.
_NO_LETTER = re.compile(r"[^\u4e00-\u9fa5a-zA-Z0-9_^]")
_RESERVED = frozenset({"from", "class", "return", "false", "true", "id", "and"})
_NO_CATEGORY_LETTER = re.compile(r"[ ,/]")


def service_tool_name(name: str) -> str:
    """Lower case, one underscore for whatever is no letter or digit, `get_` before a leading digit."""
    plain = re.sub("_+", "_", _NO_LETTER.sub("_", name)).lower().strip("_")
    return f"get_{plain}" if plain[:1].isdigit() else plain


def service_name(name: str) -> str:
    """The name of an API or a parameter: like a tool's, with `is_` before words reserved in Python."""
    plain = service_tool_name(name)
    return f"is_{plain}" if plain in _RESERVED else plain


def service_category(category: str) -> str:
    """The name of a category's folder: blanks, commas and slashes become underscores."""
    return _NO_CATEGORY_LETTER.sub("_", category.strip()).replace("__", "_")


def service_api_id(category: str, tool: str, api: str) -> str:
    """The id of an API that is known by ToolBench's names alone."""
    return f"{service_category(category)}/{service_tool_name(tool)}/{service_name(api)}"


@dataclass(frozen=True, slots=True)
class ToolbenchAddress:
    """Where an API of a ToolBench record is called; `url` keeps it in a row.

    category, tool, api: by these names a service executes it.  http_url: where it is, when the record says
    so; a template with `{name}` for path parameters.
    """

    category: str
    tool: str
    api: str
    http_url: str | None = None

    @property
    def origin(self) -> str:
        """`toolbench://<category>`"""
        return f"{SCHEME}://{quote(self.category, safe='')}"

    @property
    def path(self) -> str:
        """`/<tool>/<api>`, and behind it `/<scheme>/<host>/<path>` of the HTTP address if there is one."""
        named = f"/{quote(self.tool, safe='')}/{quote(self.api, safe='')}"
        return named if self.http_url is None else f"{named}/{self.http_url.replace('://', '/', 1)}"

    @property
    def url(self) -> str:
        return self.origin + self.path

    @classmethod
    def from_url(cls, url: str) -> ToolbenchAddress:
        """The address a row's `url` keeps."""
        category, tool, api, *place = url.removeprefix(f"{SCHEME}://").split("/", 3)
        http_url = place[0].replace("/", "://", 1) if place else None
        return cls(unquote(category), unquote(tool), unquote(api), http_url)
