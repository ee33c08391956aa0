"""Rows of a catalogue for tests that care about a column or two of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from warehouse.tables.catalogue import Api, Parameter, Tool

_TOOL = Tool(
    tool_id="",
    category="",
    tool_name="",
    standardized_name="",
    description="",
    host="http://x.test",
    collections=(),
    source="hub",
    source_url="",
    licence=None,
    n_apis=1,
    split="train",
    fingerprint="",
)
_API = Api(
    api_id="",
    tool_id="",
    api_name="",
    function_name="",
    description="",
    protocol="http",
    method="GET",
    url="http://x.test/",
    parameters=(),
    content_type=None,
    body_schema=None,
    security=(),
    read_only=True,
    response_schema=None,
    code_snippet=None,
    example_response=None,
    fingerprint="",
)
_PARAMETER = Parameter(
    name="",
    arg_name="",
    location="query",
    type="string",
    required=False,
    description="",
    default=None,
    schema=None,
)


def a_tool(tool_id: str, **columns: Any) -> Tool:
    """A tool of the category and the name that its id says."""
    category, _, name = tool_id.rpartition("/")
    named = {"category": category, "tool_name": name, "standardized_name": name}
    return replace(_TOOL, tool_id=tool_id, **(named | columns))


def an_api(api_id: str, **columns: Any) -> Api:
    """A GET of the tool and the name that its id says."""
    tool_id, _, name = api_id.rpartition("/")
    named = {"tool_id": tool_id, "api_name": name, "function_name": name}
    return replace(_API, api_id=api_id, **(named | columns))


def a_parameter(name: str, **columns: Any) -> Parameter:
    """An optional query parameter."""
    return replace(_PARAMETER, name=name, **({"arg_name": name} | columns))
