"""Replies of a given form: the endpoint holds the model to it where it can (see `abilities`)."""

from __future__ import annotations

from tasks.llm.chat import Json

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "integer"}


def list_of(items: Json, *, least: int | None = None, most: int | None = None) -> Json:
    """least, most: items; left out for endpoints that take no schema with them (see `wording`)."""
    bounds = {"minItems": least, "maxItems": most}
    return {"type": "array", "items": items} | {name: n for name, n in bounds.items() if n is not None}


def one_of(*texts: str) -> Json:
    return {"type": "string", "enum": list(dict.fromkeys(texts))}


def record(**properties: Json) -> Json:
    """An object with just these keys, in this order; strict endpoints want each of them required."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def reply_format(name: str, schema: Json) -> Json:
    """`response_format` of a request whose reply is to be JSON of that schema."""
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}
