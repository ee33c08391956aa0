"""What the marketplace says: categories, collections, tools and their APIs as JSON."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from sandbox.arguments import Arguments, arguments_of, listed
from sandbox.declare import Api, Tool

DOMAIN = "sandbox.test"
HUB_HOST = f"hub.{DOMAIN}"
Json = dict[str, Any]


def tool_id(tool: Tool) -> str:
    """How the listing names a tool: `<Category>/<slug>`."""
    return f"{tool.category}/{tool.slug}"


def host(tool: Tool) -> str:
    """Base URL of a tool, the same wherever the hub really runs."""
    return f"http://{tool.slug}.{DOMAIN}"


def hashed(*parts: str) -> int:
    """A stable number for invented facts such as popularity."""
    return int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:6], "big")


def categories(tools: Sequence[Tool]) -> Json:
    counts = Counter(tool.category for tool in tools)
    return {"categories": [{"name": name, "n_tools": counts[name]} for name in sorted(counts)]}


def tool_summary(tool: Tool) -> Json:
    """An entry of the paginated list of tools."""
    updated = date(2025, 1, 1) + timedelta(days=hashed("updated", tool.slug) % 360)
    return {
        "id": tool_id(tool),
        "category": tool.category,
        "name": tool.name,
        "description": tool.description,
        "updated": updated.isoformat(),
    }


def tool_page(tools: Sequence[Tool], page: int, page_size: int) -> Json:
    """One page of the list of tools, sorted by id; pages count from 1."""
    ordered = sorted(tools, key=tool_id)
    start = (page - 1) * page_size
    return {
        "page": page,
        "pages": max(1, -(-len(ordered) // page_size)),
        "total": len(ordered),
        "tools": [tool_summary(tool) for tool in ordered[start : start + page_size]],
    }


def tool_detail(tool: Tool, collections: Sequence[str]) -> Json:
    """Everything about a tool; the example responses are computed here and now."""
    return {
        "id": tool_id(tool),
        "category": tool.category,
        "name": tool.name,
        "description": tool.description,
        "host": host(tool),
        "provider": tool.provider,
        "licence": tool.licence,
        "collections": list(collections),
        "popularity": _popularity(tool),
        "apis": [api_detail(tool, api) for api in tool.apis],
    }


def api_detail(tool: Tool, api: Api) -> Json:
    arguments = arguments_of(api)
    return {
        "name": api.name,
        "description": api.description,
        "method": api.method,
        "path": api.path,
        "parameters": _parameters(tool, arguments),
        "body": _body(arguments),
        "security": [{"kind": s.kind, "location": s.location, "name": s.name} for s in api.security],
        "read_only": api.read_only,
        "code_snippets": {"python": _python(tool, api), "shell": curl(host(tool), api)},
        "example_response": _example_response(api, arguments),
    }


def _example_response(api: Api, arguments: Arguments) -> Any:
    computed = arguments.compute(arguments.examples())
    if api.example == "other_form":
        return {"answer": computed}
    return drifted(computed) if api.example == "other_values" else computed


def drifted(value: Any) -> Any:
    """Every number a little larger, everything else as it was."""
    if isinstance(value, dict):
        return {key: drifted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [drifted(inner) for inner in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return value + 1 if isinstance(value, int) else value * 1.001


def _popularity(tool: Tool) -> Json:
    broken = sum(api.fault is not None for api in tool.apis)
    return {
        "score": round(4 + hashed("score", tool.slug) % 60 / 10, 1),
        "success_rate": round(100 - 60 * broken / len(tool.apis), 1),
        "average_latency_ms": 20 + hashed("latency", tool.slug) % 900,
        "subscribers": hashed("subscribers", tool.slug) % 20_000,
    }


def _parameters(tool: Tool, arguments: Arguments) -> list[Json]:
    return [
        listed(
            name,
            schema,
            required=name in arguments.required,
            location=arguments.location(name),
            # Some providers of a marketplace call the value that always works the default.
            example_as=("example", "default")[hashed(tool.slug, name) % 2],
        )
        for name, schema in arguments.schemas.items()
        if arguments.location(name) != "body"
    ]


def _body(arguments: Arguments) -> Json | None:
    properties = {n: s for n, s in arguments.schemas.items() if arguments.location(n) == "body"}
    if not properties:
        return None
    examples = arguments.examples()
    schema = {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name in arguments.required],
    }
    example = {name: examples[name] for name in properties if name in examples}
    return {"content_type": "application/json", "schema": schema, "example": example}


def example_request(base: str, api: Api) -> tuple[str, Json, Json, Json]:
    """URL without query, query, headers and body of a call with the example arguments."""
    return request_of(base, api, arguments_of(api).examples())


def request_of(base: str, api: Api, values: Mapping[str, Any]) -> tuple[str, Json, Json, Json]:
    """URL without query, query, headers and body of a call.  values: arguments by public name."""
    arguments = arguments_of(api)
    places: Mapping[str, Json] = {"path": {}, "query": {}, "header": {}, "body": {}}
    for name, value in values.items():
        places[arguments.location(name)][name] = value
    path = api.path
    for name, value in places["path"].items():
        path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
    return base + path, places["query"], places["header"], places["body"]


def _python(tool: Tool, api: Api) -> str:
    url, query, headers, body = example_request(host(tool), api)
    options = {"params": query, "headers": headers, "json": body}
    passed = "".join(f", {name}={value!r}" for name, value in options.items() if value)
    call = f'requests.{api.method.lower()}("{url}"{passed}, timeout=10)'
    return f"import requests\n\nresponse = {call}\nprint(response.json())"


def curl(base: str, api: Api) -> str:
    """A command line that calls an API with its example arguments."""
    url, query, headers, body = example_request(base, api)
    options = "" if api.method == "GET" else f"-X {api.method} "
    options += "".join(f"-H '{name}: {value}' " for name, value in headers.items())
    if body:
        options += f"-H 'Content-Type: application/json' -d '{_quoted(json.dumps(body))}' "
    return f"curl {options}'{_quoted(url + ('?' if query else '') + query_text(query))}'"


def query_text(query: Json) -> str:
    """A query as it stands in a URL: lists repeated, other values as JSON unless they are text."""
    texts = {name: v if isinstance(v, (str, list)) else json.dumps(v) for name, v in query.items()}
    return urlencode(texts, doseq=True)


def _quoted(text: str) -> str:
    return text.replace("'", "'\\''")
