"""What has become of the hub since: tools that changed, broke, were repaired, went or came.

A list of changes is applied to the catalogue before the hub is built, so that the hub of today and the hub
of next month are two servers that differ in what the list says, and in nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sandbox.declare import Api, Tool
from sandbox.faults import Fault

REVISED = "Revised edition."


class UnknownTool(ValueError):
    """A change names a tool or an API that the hub does not have."""


class _Change(BaseModel):
    """tool: its id, `<Category>/<slug>`.  api: the name of one of its APIs; None: all of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tool: str
    api: str | None = None


class Describe(_Change):
    """The documentation of the APIs says more than it did."""

    change: Literal["describe"]
    text: str = REVISED


class Break(_Change):
    """The APIs fail in the way of a fault."""

    change: Literal["break"]
    fault: Fault = Fault.SERVER_ERROR


class Repair(_Change):
    """The APIs work."""

    change: Literal["repair"]


class Drift(_Change):
    """The APIs answer with other values than the listing's example has, as live data does."""

    change: Literal["drift"]


class Relist(_Change):
    """The listing's examples of answers have other values, as computed ones do, or another form."""

    change: Literal["relist"]
    example: Literal["other_values", "other_form"] = "other_values"


class Remove(_Change):
    """The APIs are gone; the tool too when none is left."""

    change: Literal["remove"]


class Add(_Change):
    """There is another tool like this one.  slug: of the new one."""

    change: Literal["add"]
    slug: str


Change = Annotated[Describe | Break | Repair | Drift | Relist | Remove | Add, Field(discriminator="change")]
_CHANGES: TypeAdapter[list[Change]] = TypeAdapter(list[Change])


def read_changes(path: Path) -> list[Change]:
    """The changes of a JSON file.  Raises ValueError that names the file."""
    try:
        return _CHANGES.validate_python(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise ValueError(f"{path} holds no list of changes: {error}") from error


def changed(tools: Sequence[Tool], changes: Sequence[Change]) -> tuple[Tool, ...]:
    """The tools after all changes, sorted as before.  Raises UnknownTool."""
    by_id = {f"{tool.category}/{tool.slug}": tool for tool in tools}
    for change in changes:
        if change.tool not in by_id:
            raise UnknownTool(f"{change.change}: the hub has no tool {change.tool!r}")
        _apply(change, by_id)
    return tuple(sorted(by_id.values(), key=lambda tool: (tool.category, tool.slug)))


def _apply(change: Change, by_id: dict[str, Tool]) -> None:
    tool = by_id[change.tool]
    concerned = _concerned(tool, change.api)
    if isinstance(change, Add):
        name = f"{tool.name} {change.slug.rpartition('-')[2].title()}"
        by_id[f"{tool.category}/{change.slug}"] = replace(tool, slug=change.slug, name=name, apis=concerned)
        return
    apis = [
        altered for api in tool.apis for altered in ([api] if api not in concerned else _after(change, api))
    ]
    if apis:
        by_id[change.tool] = replace(tool, apis=apis)
    else:
        del by_id[change.tool]


def _concerned(tool: Tool, name: str | None) -> list[Api]:
    found = [api for api in tool.apis if name in (None, api.name)]
    if not found:
        raise UnknownTool(f"{tool.category}/{tool.slug} has no API {name!r}")
    return found


def _after(change: Change, api: Api) -> list[Api]:
    """The API after the change; none when it is gone."""
    after: Mapping[type[Any], Callable[[Any], list[Api]]] = {
        Describe: lambda change: [replace(api, description=f"{api.description} {change.text}")],
        Break: lambda change: [replace(api, fault=change.fault)],
        Repair: lambda _: [replace(api, fault=None, security=())],
        Drift: lambda _: [replace(api, drifts=True)],
        Relist: lambda change: [replace(api, example=change.example)],
        Remove: lambda _: [],
    }
    return after[type(change)](change)
