"""ToolBench's records as published: strict on what is needed, lenient on the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from tasks.calling.toolbench_names import service_category, service_tool_name
from tasks.catalogue.detail import Foreign, Name, Text, explain
from tasks.catalogue.source import CrawlReason
from tasks.catalogue.toolbench.layout import File, read_json
from tasks.errors import BadRow


def _none_to_list(value: Any) -> Any:
    return [] if value is None else value


def _any_to_text(value: Any) -> Any:
    return "" if value is None else value


Parameters = Annotated[list["ParameterDocument"], BeforeValidator(_none_to_list)]


class ParameterDocument(Foreign):
    """default: a value that works, as a rule; text whatever the type."""

    name: Name
    type: Annotated[str, BeforeValidator(_any_to_text)] = ""
    description: Annotated[str, BeforeValidator(_any_to_text)] = ""
    default: Any = None


class ApiDocument(Foreign):
    """An API; `extra` keys of the format (headers, score, test_endpoint) say nothing a row would hold.

    body: the response of a test call, when `statuscode` is 200.  response_skeleton: see skeleton.py.
    """

    name: Name
    description: Text = ""
    method: Name
    url: Any = None
    required_parameters: Parameters = Field(default_factory=list)
    optional_parameters: Parameters = Field(default_factory=list)
    code: Any = None
    statuscode: Any = None
    body: Any = None
    response_skeleton: Any = Field(default=None, alias="schema")


class _ToolFile(Foreign):
    tool_name: Name
    tool_description: Text = ""
    host: Any = None
    api_list: list[Any]


class _ExamplesFile(Foreign):
    api_list: list[Any]


@dataclass(frozen=True, slots=True)
class ApiRecord:
    """place: where it stands.  raw: in the keys of a tool file, whatever it may hold."""

    place: str
    raw: Any


@dataclass(frozen=True, slots=True)
class ToolRecord:
    """A tool as its files tell it.  category, service_name: as a service knows them; host: as it is given."""

    place: str
    category: str
    name: str
    service_name: str
    description: str = ""
    host: Any = None
    apis: tuple[ApiRecord, ...] = ()


def read_tool(file: File) -> ToolRecord:
    """The tool of a tool file; its folder is its category.  Raises `BadRow`."""
    try:
        tool = _ToolFile.model_validate(read_json(file.path))
    except ValidationError as error:
        raise BadRow(CrawlReason.MALFORMED, f"no tool of ToolBench: {explain(error)}") from error
    folder = file.path.parent.name.encode(errors="replace").decode()
    return ToolRecord(
        place=file.place,
        category=service_category(folder),
        name=tool.tool_name,
        service_name=_service_name(file, tool.tool_name),
        description=tool.tool_description,
        host=tool.host,
        apis=tuple(
            ApiRecord(f"{file.place} api_list[{position}]", raw) for position, raw in enumerate(tool.api_list)
        ),
    )


def _service_name(file: File, tool_name: str) -> str:
    """The file's name where it is a standard name, for then it is the one the service's folder has."""
    stem = file.path.stem
    return stem if service_tool_name(stem) == stem else service_tool_name(tool_name)


def read_examples(file: File) -> dict[str, Any]:
    """Response skeletons by API name.  Raises `BadRow`.

    The format: {"api_list": [{"name", "schema": skeleton}]}, in response_examples/<Category>/<tool>.json.
    """
    try:
        examples = _ExamplesFile.model_validate(read_json(file.path))
    except ValidationError as error:
        raise BadRow(CrawlReason.MALFORMED, f"no response examples: {explain(error)}") from error
    described = (raw for raw in examples.api_list if isinstance(raw, dict))
    return {raw["name"]: raw.get("schema") for raw in described if isinstance(raw.get("name"), str)}
