"""The document of an API: what a model is shown of it, as JSON text."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from tasks import exact_json
from tasks.errors import BrokenContract
from tasks.text_budget.promises import named_keys, names_on
from tasks.text_budget.shape import shape_of
from tasks.text_budget.shorten import json_text, shortened_json
from tasks.text_budget.tokens import O200K, Tokenizer
from warehouse.tables.catalogue import Api, Parameter, Tool
from warehouse.tables.probing import Verdict

_OF_SCHEMA = (
    "examples",
    "enum",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "items",
    "properties",
)
_RESPONSE_SHARE = 0.25  # of the budget, at most so much is kept free for the response when all is too long


def document_of(tool: Tool, api: Api, response: Any, arguments: Any = None) -> str:
    """The document with `response`, a JSON value, as its example; compact, keys in a fixed order.

    arguments: what the call was made with that was answered so, None where that is not known.

    Raises BrokenContract when a column that holds JSON text does not parse.
    """
    return json_text(_document(tool, api, response, arguments))


def cut_document_of(
    tool: Tool,
    api: Api,
    response: Any,
    max_tokens: int,
    tokenizer: Tokenizer = O200K,
    arguments: Any = None,
) -> str:
    """The document with as much of `response` and of its descriptions as `max_tokens` allow.

    The response is shortened first, keys that the description promises last of all.  The rest is shortened
    only when it leaves less than a quarter of the budget for a response that needs it.  What is cut says so,
    and the text still parses.
    """
    whole = document_of(tool, api, response, arguments)
    if tokenizer.fits(whole, max_tokens):
        return whole
    wanted = tokenizer.count(json_text(response))
    room_for_rest = max_tokens - min(wanted, int(max_tokens * _RESPONSE_SHARE))
    rest = exact_json.loads(shortened_json(_document(tool, api, None, arguments), room_for_rest, tokenizer))
    promised = names_on(named_keys(api.description, shape_of(response)))
    return _with_response(rest, response, max_tokens, tokenizer, promised)


def _with_response(
    rest: dict[str, Any], response: Any, max_tokens: int, tokenizer: Tokenizer, promised: Set[str]
) -> str:
    room = max_tokens - tokenizer.count(json_text(rest))
    while room > 0:
        text = json_text(
            {**rest, "response": exact_json.loads(shortened_json(response, room, tokenizer, promised))}
        )
        if tokenizer.fits(text, max_tokens):
            return text
        # Tokens of the parts do not quite add up to the tokens of the whole.
        room -= max(1, tokenizer.count(text) - max_tokens)
    return json_text(rest)


def _document(tool: Tool, api: Api, response: Any, arguments: Any) -> dict[str, Any]:
    described = {
        "tool_name": tool.tool_name,
        "tool_description": tool.description,
        "category": tool.category,
        "api_name": api.api_name,
        "api_description": api.description,
        "method": api.method,
        "parameters": [_parameter(api, parameter) for parameter in api.parameters],
    }
    return described | ({} if arguments is None else {"arguments": arguments}) | {"response": response}


def _parameter(api: Api, parameter: Parameter) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": parameter.arg_name,
        "type": parameter.type,
        "required": parameter.required,
        "description": parameter.description,
    }
    if parameter.default is not None:
        described["default"] = _value_of(parameter.default, api, parameter)
    schema = {} if parameter.schema is None else _value_of(parameter.schema, api, parameter)
    return described | {key: schema[key] for key in _OF_SCHEMA if key in schema}


def _value_of(text: str, api: Api, parameter: Parameter) -> Any:
    try:
        return exact_json.loads(text)
    except ValueError as error:
        raise BrokenContract(
            f"parameter {parameter.name!r} of {api.api_id}: its default or schema is not JSON: {text[:80]!r}",
            fix="crawl the catalogue again; if it stays, report the source it came from",
        ) from error


_DEEPEST = 100  # JSON nested deeper than this is no data, and would exhaust Python's stack later on


def example_response_of(api: Api, verdict: Verdict) -> Any:
    """A response of the API as a JSON value: a real one if there is one, else the listing's, else None.

    What is not JSON, or is nested beyond reason, is plain text and comes back as a string.
    """
    text = api.example_response if verdict.example_response is None else verdict.example_response
    return None if text is None else _parsed(text)


def answered_arguments_of(verdict: Verdict) -> Any:
    """What the call was made with whose answer is the example response; None where that is not known."""
    if verdict.example_response is None or verdict.example_arguments is None:
        return None
    return _parsed(verdict.example_arguments)


def _parsed(text: str) -> Any:
    try:
        value = exact_json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if _is_deeper_than(_DEEPEST, value) else value


def _is_deeper_than(depth: int, value: Any) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_is_deeper_than(depth - 1, each) for each in inner)
