"""APIs as ToolBench's query files describe them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

from tasks import exact_json
from tasks.calling.toolbench_names import service_name
from tasks.exporting.searches import Source
from warehouse.tables.catalogue import Parameter
from warehouse.tables.instructions import Instruction

Json: TypeAlias = dict[str, Any]

_TYPES = {"number": "NUMBER", "integer": "NUMBER", "boolean": "BOOLEAN", "array": "ARRAY", "object": "OBJECT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedApi:
    """An API that instructions offer; all but its id is None when the catalogue lost it."""

    api_id: str
    api_name: str | None
    api_description: str | None
    method: str | None
    parameters: tuple[Parameter, ...] | None
    example_response: str | None
    tool_name: str | None
    category: str | None

    @property
    def names(self) -> tuple[str, str, str]:
        """Category, tool and API; of an API that is lost, what its id says."""
        tool_id, _, api = self.api_id.rpartition("/")
        category, _, tool = tool_id.rpartition("/")
        return self.category or category, self.tool_name or tool, self.api_name or api


def apis_of(source: Source) -> dict[str, Json]:
    """Every API that an instruction offers, by id, as an entry of an `api_list`."""
    return {api.api_id: _entry(api) for api in source.rows(OfferedApi, "export_apis")}


def query_of(instruction: Instruction, query_id: int, apis: dict[str, Json]) -> Json:
    """An instruction as an entry of a query file; its own id is there too, to find it again.

    One that was read from a query file keeps the documentation of its APIs and their names as they were.
    """
    if instruction.api_list is None:
        api_list = [apis[api_id] for api_id in instruction.api_ids]
        needed = [apis[relevant.api_id] for relevant in instruction.relevant_apis]
        pairs = [[api["tool_name"], api["api_name"]] for api in needed]
    else:
        api_list = exact_json.loads(instruction.api_list)
        pairs = [[relevant.tool_name, relevant.api_name] for relevant in instruction.relevant_apis]
    return {
        "api_list": api_list,
        "query": instruction.query,
        "relevant APIs": pairs,
        "query_id": query_id,
        "instruction_id": instruction.instruction_id,
    }


def _entry(api: OfferedApi) -> Json:
    category, tool, name = api.names
    parameters = api.parameters or ()
    entry = {
        "category_name": category,
        "tool_name": tool,
        "api_name": name,
        "api_description": api.api_description or "",
        "required_parameters": [_parameter(given) for given in parameters if given.required],
        "optional_parameters": [_parameter(given) for given in parameters if not given.required],
        "method": api.method or "GET",
    }
    skeleton = _skeleton_of(api.example_response)
    return entry if skeleton is None else entry | {"template_response": skeleton}


def _parameter(parameter: Parameter) -> Json:
    shown = parameter.shown  # what ToolBench calls defaults are example values
    schema = None if parameter.schema is None else exact_json.loads(parameter.schema)
    return {
        # Readers standardise names; where that does not give the argument's name, it stands here itself.
        "name": parameter.name if service_name(parameter.name) == parameter.arg_name else parameter.arg_name,
        "type": _TYPES.get(parameter.type, "STRING"),
        "description": parameter.description,
        "default": "" if shown is None else shown,
    } | ((schema or {}).get("x-published") or {})


def _skeleton_of(response: str | None) -> Any:
    """An example response with the names of types for values; None for what is no JSON."""
    if response is None:
        return None
    try:
        return _skeleton(exact_json.loads(response))
    except orjson.JSONDecodeError:
        return None  # text, or an example that was cut: it says nothing of a shape


def _skeleton(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _skeleton(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return _list_skeleton(value)
    return type(value).__name__


def _list_skeleton(values: list[Any]) -> Any:
    if not values:
        return "empty list"
    if isinstance(values[0], dict):
        return [{**_skeleton(values[0]), "_list_length": len(values)}]
    return f"list of {type(values[0]).__name__} with length {len(values)}"
