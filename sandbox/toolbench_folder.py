"""The hub's catalogue as files in ToolBench's published format.

    python -m sandbox.toolbench_folder FOLDER

writes FOLDER/tools/<Category>/<tool>.json and FOLDER/response_examples/<Category>/<tool>.json.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox import catalogue, listing
from sandbox.arguments import arguments_of
from sandbox.declare import Api, Tool

_RESERVED = frozenset({"from", "class", "return", "false", "true", "id", "and"})


def standard_name(name: str) -> str:
    """Lower case, everything but letters and digits one underscore, `get_` before a leading digit."""
    plain = re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")
    return f"get_{plain}" if plain[:1].isdigit() else plain


def standard_argument(name: str) -> str:
    """The standard name of an API or a parameter, with `is_` before words reserved in Python."""
    plain = standard_name(name)
    return f"is_{plain}" if plain in _RESERVED else plain


Json = dict[str, Any]

_TYPES = {
    "array": "ARRAY",
    "boolean": "BOOLEAN",
    "integer": "NUMBER",
    "number": "NUMBER",
    "object": "OBJECT",
    "string": "STRING",
}


def write_folder(folder: Path, tools: Sequence[Tool] | None = None) -> None:
    """Writes both folders, of all tools unless some are given; response examples are computed now."""
    for tool in catalogue.tools() if tools is None else tools:
        name = f"{standard_name(tool.name)}.json"
        _write(folder / "tools" / tool.category / name, tool_file(tool))
        _write(folder / "response_examples" / tool.category / name, examples_file(tool))


def tool_file(tool: Tool) -> Json:
    return {
        "product_id": f"api_{listing.hashed('product', tool.slug):012x}",
        "tool_description": tool.description,
        "home_url": f"{listing.host(tool)}/",
        "name": tool.name,
        "title": tool.name,
        "pricing": "FREE",
        "tool_name": tool.name,
        "score": None,
        "host": listing.host(tool).removeprefix("http://"),
        "api_list": [_api(tool, api) for api in tool.apis],
    }


def examples_file(tool: Tool) -> Json:
    """Skeletons of example responses: the names of Python's types in place of values."""
    skeletons = [(api.name, skeleton(_example_response(api))) for api in tool.apis if api.fault is None]
    return {"api_list": [{"name": name, "schema": schema} for name, schema in skeletons]}


def skeleton(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: skeleton(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return _list_skeleton(value) if value else "empty list"
    return type(value).__name__


def _list_skeleton(values: list[Any]) -> Any:
    first = skeleton(values[0])
    if isinstance(first, dict):
        return [first | {"_list_length": len(values)}]
    return f"list of {type(values[0]).__name__} with length {len(values)}"


def _api(tool: Tool, api: Api) -> Json:
    arguments = arguments_of(api)
    described = {
        name: _parameter(name, arguments.schemas[name], arguments.example(name)) for name in arguments.schemas
    }
    works = api.fault is None
    return {
        "name": api.name,
        "url": listing.host(tool) + api.path,
        "description": api.description,
        "method": api.method,
        "required_parameters": [described[name] for name in described if name in arguments.required],
        "optional_parameters": [described[name] for name in described if name not in arguments.required],
        "code": listing.api_detail(tool, api)["code_snippets"]["python"],
        "statuscode": 200 if works else 500,
        "body": _example_response(api) if works else "",
        "headers": "",
        "schema": "",
    }


def _parameter(name: str, schema: Json, example: Any) -> Json:
    choices = schema.get("enum")
    description = schema.get("description", "")
    return {
        "name": name,
        "type": "ENUM" if choices else _TYPES[schema["type"]],
        "description": f"{description} (one of {', '.join(map(str, choices))})" if choices else description,
        "default": example if isinstance(example, str) else "" if example is None else json.dumps(example),
    }


def _example_response(api: Api) -> Json:
    arguments = arguments_of(api)
    return arguments.compute(arguments.examples())


def _write(path: Path, content: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.toolbench_folder", description=__doc__)
    parser.add_argument("folder", type=Path, help="made if it is not there")
    write_folder(parser.parse_args(arguments).folder)


if __name__ == "__main__":
    main()
