"""From an API and a model's arguments to an HTTP request: pure, and safe whatever the arguments hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from tasks.calling.coerce import coerced
from tasks.calling.credentials import Credentials
from tasks.errors import ToolloomError
from tasks.shaping.shorten import json_text
from tasks.transport.client import HttpRequest
from warehouse.tables.catalogue import Api, Parameter

Fields = list[tuple[str, str]]

_PLACEHOLDER = re.compile(r"{([^{}]*)}")
_JSON_BODY = re.compile(r"application/(?:.*\+)?json\b", re.IGNORECASE)
_FORM_BODY = "application/x-www-form-urlencoded"
# How a message is framed and where it goes is not the catalogue's to say.
_FRAMING_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class InvalidArguments(ToolloomError):
    """The arguments make no request.  The message tells the model what is wrong and what is valid."""


def build_request(api: Api, arguments: Mapping[str, Any], *, credentials: Credentials) -> HttpRequest:
    """The request of a call.  arguments: by `arg_name`, JSON values; null counts as absent.

    Absent optional parameters are left out.  Query arrays are repeated fields; arrays in a path or header
    are joined by commas; objects outside the body are JSON text.  Raises `InvalidArguments` for unknown or
    missing arguments, and for values that cannot stand where they would go.
    """
    _check_names(api, arguments)
    try:
        given = [
            (parameter, _typed(parameter, arguments[parameter.arg_name]))
            for parameter in api.parameters
            if arguments.get(parameter.arg_name) is not None
        ]
        return _assembled(api, given, credentials)
    except RecursionError:
        raise InvalidArguments("the arguments are nested too deeply") from None


def host_of(api: Api) -> str:
    """The host an API is called at, as its URL says."""
    return urlsplit(api.url).hostname or ""


def _check_names(api: Api, arguments: Mapping[str, Any]) -> None:
    valid = {parameter.arg_name for parameter in api.parameters}
    unknown = [name for name in arguments if name not in valid]
    missing = [
        parameter.arg_name
        for parameter in api.parameters
        if (parameter.required or parameter.location == "path") and arguments.get(parameter.arg_name) is None
    ]
    problems = []
    if unknown:
        problems.append(f"unknown: {', '.join(unknown)}")
    if missing:
        problems.append(f"required but missing: {', '.join(missing)}")
    if problems:
        raise InvalidArguments(f"{'; '.join(problems)}. {_valid_arguments(api.parameters)}")


def _valid_arguments(parameters: Iterable[Parameter]) -> str:
    described = ", ".join(
        f"{parameter.arg_name} ({parameter.type}{', required' if parameter.required else ''})"
        for parameter in parameters
    )
    return f"Valid arguments: {described}" if described else "This function takes no arguments"


def _typed(parameter: Parameter, value: Any) -> Any:
    schema = orjson.loads(parameter.schema) if parameter.schema else {}
    return coerced(value, parameter.type, schema if isinstance(schema, dict) else {})


def _assembled(api: Api, given: list[tuple[Parameter, Any]], credentials: Credentials) -> HttpRequest:
    by_location: dict[str, list[tuple[Parameter, Any]]] = {}
    for parameter, value in given:
        by_location.setdefault(parameter.location, []).append((parameter, value))
    url = _with_path(api.url, by_location.get("path", []))
    secret = credentials.applied(urlsplit(url).hostname or "", api.security)
    query: Fields = []
    for parameter, value in by_location.get("query", []):
        query.extend(_fields(parameter.name, value))
    body_type, body = _body(api, by_location.get("body", []))
    headers = _headers(by_location.get("header", []), {name.lower() for name, _ in secret.headers})
    if body_type is not None:
        headers.append(("Content-Type", body_type))
    return HttpRequest(
        method=api.method.upper(),
        url=_with_query(url, [*query, *secret.query]),
        headers=(*headers, *secret.headers),
        body=body,
    )


def _with_path(template: str, given: list[tuple[Parameter, Any]]) -> str:
    values = {parameter.name: _path_segment(parameter, value) for parameter, value in given}

    def fill(placeholder: re.Match[str]) -> str:
        if placeholder[1] not in values:
            raise InvalidArguments(f"no argument fills {placeholder[0]} of this API's address")
        return values[placeholder[1]]

    return _PLACEHOLDER.sub(fill, template)


def _path_segment(parameter: Parameter, value: Any) -> str:
    text = _joined(value)
    # Empty and dotted segments would lead to another endpoint than the one documented.
    if text.strip() in ("", ".", ".."):
        raise InvalidArguments(f"{parameter.arg_name} is part of the address and cannot be {json_text(text)}")
    return _encoded(text)


def _with_query(url: str, fields: Fields) -> str:
    if not fields:
        return url
    base, _, fragment = url.partition("#")
    separator = "&" if "?" in base else "?"
    return f"{base}{separator}{_form(fields)}{'#' if fragment else ''}{fragment}"


def _form(fields: Fields) -> str:
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in fields)


def _encoded(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _fields(name: str, value: Any) -> Fields:
    """One field, or one for each element of an array."""
    elements = value if isinstance(value, (list, tuple)) else [value]
    return [(name, _text(element)) for element in elements]


def _joined(value: Any) -> str:
    return ",".join(_text(element) for element in value) if isinstance(value, (list, tuple)) else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def _headers(given: list[tuple[Parameter, Any]], taken: set[str]) -> Fields:
    headers: Fields = []
    for parameter, value in given:
        if parameter.name.lower() in _FRAMING_HEADERS | taken:
            continue
        text = _joined(value)
        if not text.isprintable():
            raise InvalidArguments(f"{parameter.arg_name} is sent as a header: line breaks cannot be in it")
        headers.append((parameter.name, text))
    return headers


def _body(api: Api, given: list[tuple[Parameter, Any]]) -> tuple[str | None, bytes | None]:
    """Content type and body; neither when the API takes no body."""
    if not given and api.content_type is None:
        return None, None
    content_type = api.content_type or "application/json"
    if _JSON_BODY.match(content_type):
        return content_type, json_text({parameter.name: value for parameter, value in given}).encode()
    if content_type.lower().startswith(_FORM_BODY):
        fields = [field for parameter, value in given for field in _fields(parameter.name, value)]
        return content_type, _form(fields).encode()
    raise InvalidArguments(f"this API wants a body of {content_type}, which cannot be made from arguments")
