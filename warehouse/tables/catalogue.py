"""Tools and their APIs, as crawled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tasks import exact_json
from warehouse.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool of the catalogue: a bundle of APIs behind one host (paper section 2.1).

    tool_id: `<category>/<standard name>`.  split: train, test_tool or test_category, by hash of the id.
    fingerprint: digest of what the source says of the tool and its APIs.
    """

    tool_id: str
    category: str
    tool_name: str
    standardized_name: str
    description: str
    host: str
    collections: tuple[str, ...]
    source: str
    source_url: str
    licence: str | None
    n_apis: int
    split: str
    fingerprint: str


WHOLE_BODY = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of an API.

    name: as the API wants it ("" where the value is the whole body); arg_name: as the model sees it.
    location: path, query, header or body.  type: JSON schema type.  default, schema: JSON text; `schema`
    holds examples, bounds, enums, items, properties, and as `x-style` how arrays and objects are written.
    """

    name: str
    arg_name: str
    location: str
    type: str
    required: bool
    description: str
    default: str | None
    schema: str | None

    @property
    def shown(self) -> Any:
        """A value that the source shows, as JSON: the default, else an example; None when there is none."""
        if self.default is not None:
            return exact_json.loads(self.default)
        schema = None if self.schema is None else exact_json.loads(self.schema)
        examples = schema.get("examples") if isinstance(schema, dict) else None
        return examples[0] if isinstance(examples, list) and examples else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityScheme:
    """A credential an API asks for.  kind: api_key, bearer or basic; location: header or query."""

    kind: str
    location: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One API (operation) of a tool.

    api_id: `<tool_id>/<standard api name>`.  function_name: what the model calls, at most 64
    characters, a function of api_id alone.  protocol: http or mcp.  url: template with `{name}` for
    path parameters; stable host, never a port of a test server.  body_schema, response_schema: JSON text.
    fingerprint: digest of what the source says; of the example response the form, not the values.
    """

    api_id: str
    tool_id: str
    api_name: str
    function_name: str
    description: str
    protocol: str
    method: str
    url: str
    parameters: tuple[Parameter, ...]
    content_type: str | None
    body_schema: str | None
    security: tuple[SecurityScheme, ...]
    read_only: bool
    response_schema: str | None
    code_snippet: str | None
    example_response: str | None
    fingerprint: str


TOOLS = Table(name="tools", row_type=Tool, grain="a tool", key=("tool_id",))
APIS = Table(name="apis", row_type=Api, grain="an API of a tool", key=("api_id",))
