"""Query files in ToolBench's format over the sandbox's catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox import catalogue
from sandbox.declare import Tool
from sandbox.toolbench_folder import tool_file

Json = dict[str, Any]
SERVICE = ["--set", "calling.executor=toolbench"]
SERVICE += ["--set", "calling.toolbench_url=http://toolbench.sandbox.test/virtual"]


def tool_called(slug: str) -> Tool:
    return next(tool for tool in catalogue.tools() if tool.slug == slug)


def mentions(tool: Tool) -> list[Json]:
    """The entries of an `api_list`, one for each API of the tool that works."""
    sound = {api.name for api in tool.apis if api.fault is None}
    return [
        {
            "category_name": tool.category,
            "tool_name": tool.name,
            "api_name": api["name"],
            "api_description": api["description"],
            "required_parameters": api["required_parameters"],
            "optional_parameters": api["optional_parameters"],
            "method": api["method"],
        }
        for api in tool_file(tool)["api_list"]
        if api["name"] in sound
    ]


def query(number: int, text: str, *api_lists: list[Json], relevant: int = 1) -> Json:
    apis = [api for entries in api_lists for api in entries]
    needed = [[api["tool_name"], api["api_name"]] for api in apis[:relevant]]
    return {"query_id": number, "query": text, "api_list": apis, "relevant APIs": needed}


def write_queries(path: Path, *queries: Any) -> Path:
    path.write_text(json.dumps(queries))
    return path
