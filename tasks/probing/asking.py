"""Asking a model for the arguments that nothing else fills well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import prompts
from tasks import exact_json
from tasks.calling.outcome import CallResult
from tasks.errors import BadRow
from tasks.llm.chat import ChatModel, ChatRequest, Message, Transcript
from tasks.llm.replies import json_object_of
from tasks.text_budget.shorten import json_text, shortened_json
from tasks.text_budget.tokens import cut
from warehouse.tables.catalogue import Api, Parameter

_DOCUMENT_TOKENS = 2048
_ANSWER_TOKENS = 200
_ANSWER_CHARACTERS = 4000
_LONGEST_VALUE = 1000  # characters of JSON
_OF_SCHEMA = ("examples", "enum", "format", "pattern", "minimum", "maximum", "items", "properties")

Tried = tuple[dict[str, Any], CallResult]


async def asked_arguments(
    api: Api, wanted: Sequence[str], tried: Sequence[Tried], model: ChatModel
) -> dict[str, Any]:
    """A model's values for some parameters, by `arg_name`; none when its reply is of no use.

    wanted: the parameters that need one; tried: the calls so far.  A reply never fails a probe; raises
    StopRun as the model does.
    """
    try:
        reply = await model.ask(arguments_request(api, wanted, tried), row_id=api.api_id)
        return read_arguments(reply.content or "", api)
    except (BadRow, RecursionError):
        return {}  # refused, unusable, or nested beyond reason


def arguments_request(api: Api, wanted: Sequence[str], tried: Sequence[Tried]) -> ChatRequest:
    """The request for the arguments of one API."""
    user = prompts.load("probe/user").render(
        document=shortened_json(_document(api), _DOCUMENT_TOKENS),
        parameters=list(wanted),
        calls=[{"arguments": json_text(arguments), "answer": _answer(result)} for arguments, result in tried],
    )
    system = prompts.load("probe/system").render()
    transcript = Transcript.of(Message("system", system), Message("user", user))
    return ChatRequest(transcript=transcript, response_format={"type": "json_object"})


def read_arguments(text: str, api: Api) -> dict[str, Any]:
    """The arguments in a model's reply, those that the API does not have left out.

    Raises BadRow("malformed_reply") when there is no JSON.
    """
    reply = json_object_of(text)
    given = reply.get("arguments", reply) if isinstance(reply, dict) else {}
    if not isinstance(given, dict):
        return {}
    names = {parameter.arg_name for parameter in api.parameters}
    return {
        name: value
        for name, value in given.items()
        if name in names and value not in (None, "") and len(json_text(value)) <= _LONGEST_VALUE
    }


def _document(api: Api) -> dict[str, Any]:
    return {
        "tool": api.tool_id,
        "api_name": api.api_name,
        "api_description": api.description,
        "method": api.method,
        "parameters": [_parameter(parameter) for parameter in api.parameters],
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": parameter.arg_name,
        "type": parameter.type,
        "required": parameter.required,
        "description": parameter.description,
    }
    if parameter.default is not None:
        described["default"] = exact_json.loads(parameter.default)
    schema = exact_json.loads(parameter.schema) if parameter.schema else {}
    return described | {key: schema[key] for key in _OF_SCHEMA if isinstance(schema, dict) and key in schema}


def _answer(result: CallResult) -> str:
    """The outcome, and the beginning of what the API said."""
    status = "" if result.http_status is None else f" ({result.http_status})"
    said = cut(" ".join((result.body or "")[:_ANSWER_CHARACTERS].split()), _ANSWER_TOKENS)
    return f"{result.outcome.value}{status}{': ' if said else ''}{said}"
