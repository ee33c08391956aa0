"""From an API and a model's arguments to an HTTP request: pure, and safe whatever the arguments hold."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import quote, urlsplit

from tasks import exact_json
from tasks.calling.coerce import coerced
from tasks.calling.credentials import Credentials
from tasks.errors import ToolloomError
from tasks.text_budget.shorten import json_text
from tasks.transport.client import HttpRequest
from warehouse.tables.catalogue import WHOLE_BODY, Api, Parameter

Fields = list[tuple[str, str]]

_DELIMITERS = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|"}

_PLACEHOLDER = re.compile(r"{([^{}]*)}")
_JSON_BODY = re.compile(r"(?:application|text)/(?:.*\+)?json\b", re.IGNORECASE)
_FORM_BODY = "application/x-www-form-urlencoded"
_MULTIPART_BODY = "multipart/form-data"
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


@dataclass(frozen=True, slots=True)
class _Given:
    """A parameter and its argument.  style: how its arrays and objects are written (`fields_of`)."""

    parameter: Parameter
    value: Any
    style: str | None

    @property
    def fields(self) -> Fields:
        return fields_of(self.parameter.name, self.value, self.style)


def build_request(api: Api, arguments: Mapping[str, Any], *, credentials: Credentials) -> HttpRequest:
    """The request of a call.  arguments: by `arg_name`, JSON values; null counts as absent.

    Absent optional parameters are left out.  Query arrays are repeated fields and objects JSON text, unless
    the parameter's schema names another `x-style`; arrays in a path or header are joined by commas.

    Raises `InvalidArguments` for unknown or missing arguments, and for values that cannot stand where they
    would go.
    """
    _check_names(api, arguments)
    try:
        given = [
            _given(parameter, arguments[parameter.arg_name])
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


def _given(parameter: Parameter, value: Any) -> _Given:
    said = exact_json.loads(parameter.schema) if parameter.schema else {}
    schema = said if isinstance(said, dict) else {}
    return _Given(parameter, coerced(value, parameter.type, schema), schema.get("x-style"))


def _assembled(api: Api, given: list[_Given], credentials: Credentials) -> HttpRequest:
    by_location: dict[str, list[_Given]] = {}
    for argument in given:
        by_location.setdefault(argument.parameter.location, []).append(argument)
    url = _with_path(api.url, by_location.get("path", []))
    secret = credentials.applied(urlsplit(url).hostname or "", api.security)
    keyed = {name for name, _ in secret.query}
    query = [
        field
        for argument in by_location.get("query", [])
        for field in argument.fields
        if field[0] not in keyed
    ]
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


def _with_path(template: str, given: list[_Given]) -> str:
    values = {argument.parameter.name: _path_segment(argument) for argument in given}

    def fill(placeholder: re.Match[str]) -> str:
        if placeholder[1] not in values:
            raise InvalidArguments(f"no argument fills {placeholder[0]} of this API's address")
        return values[placeholder[1]]

    return _PLACEHOLDER.sub(fill, template)


def _path_segment(argument: _Given) -> str:
    text = joined(argument.value)
    # Empty and dotted segments would lead to another endpoint than the one documented.
    if text.strip() in ("", ".", ".."):
        name = argument.parameter.arg_name
        raise InvalidArguments(f"{name} is part of the address and cannot be {json_text(text)}")
    return encoded(text)


def _with_query(url: str, fields: Fields) -> str:
    if not fields:
        return url
    base, _, fragment = url.partition("#")
    separator = "&" if "?" in base else "?"
    return f"{base}{separator}{urlencoded(fields)}{'#' if fragment else ''}{fragment}"


def _headers(given: list[_Given], taken: set[str]) -> Fields:
    headers: Fields = []
    for argument in given:
        parameter = argument.parameter
        if parameter.name.lower() in _FRAMING_HEADERS | taken:
            continue
        text = joined(argument.value)
        if not text.isprintable():
            raise InvalidArguments(f"{parameter.arg_name} is sent as a header: line breaks cannot be in it")
        headers.append((parameter.name, text))
    return headers


def _body(api: Api, given: list[_Given]) -> tuple[str | None, bytes | None]:
    """Content type and body; neither when the API takes none, or the argument that makes it is absent."""
    takes_whole = any(_is_whole(parameter) for parameter in api.parameters)
    if not given and (api.content_type is None or takes_whole):
        return None, None
    content_type = api.content_type or "application/json"
    whole = next((argument.value for argument in given if _is_whole(argument.parameter)), None)
    if _JSON_BODY.match(content_type):
        fields = {argument.parameter.name: argument.value for argument in given}
        return content_type, json_text(whole if takes_whole else fields).encode()
    if content_type.lower().startswith(_FORM_BODY):
        return content_type, urlencoded(_form_fields(given)).encode()
    if content_type.lower().startswith(_MULTIPART_BODY):
        return multipart(_form_fields(given))
    if takes_whole and content_type.lower().startswith("text/"):
        return content_type, text_of(whole).encode(errors="replace")
    raise InvalidArguments(f"this API wants a body of {content_type}, which cannot be made from arguments")


def _is_whole(parameter: Parameter) -> bool:
    return (parameter.location, parameter.name) == ("body", WHOLE_BODY)


def _form_fields(given: list[_Given]) -> Fields:
    """The fields of a form; those of a whole one are the keys of an object."""
    fields: Fields = []
    for argument in given:
        is_whole = _is_whole(argument.parameter)
        fields.extend(fields_of(WHOLE_BODY, argument.value, "exploded") if is_whole else argument.fields)
    return fields


def fields_of(name: str, value: Any, style: str | None = None) -> Fields:
    """The fields of one argument.

    Without a style an array is one field per element, and an object is JSON text.  csv, ssv, tsv, pipes:
    elements (of an object: keys and values) in one field; json: JSON text; exploded: a field per key of an
    object; deepObject: likewise, named `name[key]`.
    """
    if style == "json":
        return [(name, json_text(value))]
    if style in _DELIMITERS and isinstance(value, (list, tuple, dict)):
        elements = chain.from_iterable(value.items()) if isinstance(value, dict) else value
        return [(name, _DELIMITERS[style].join(map(text_of, elements)))]
    if style == "exploded" and isinstance(value, dict):
        return [field for key, inner in value.items() for field in fields_of(key, inner)]
    if style == "deepObject" and isinstance(value, dict):
        return [field for key, inner in value.items() for field in fields_of(f"{name}[{key}]", inner, style)]
    elements = value if isinstance(value, (list, tuple)) else [value]
    return [(name, text_of(element)) for element in elements]


def joined(value: Any) -> str:
    """A value as one text; elements of an array divided by commas."""
    return ",".join(map(text_of, value)) if isinstance(value, (list, tuple)) else text_of(value)


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json_text(value)


def encoded(text: str) -> str:
    """Percent-encoded, so that it stays one value wherever it stands in a URL or a form."""
    return quote(text, safe="", errors="replace")


def urlencoded(fields: Fields) -> str:
    return "&".join(f"{encoded(name)}={encoded(value)}" for name, value in fields)


def multipart(fields: Fields) -> tuple[str, bytes]:
    """Content type and body of a form in parts; the same fields give the same bytes."""
    said = json_text(fields).encode(errors="replace")
    boundary = f"toolloom-{hashlib.blake2b(said, digest_size=12).hexdigest()}"
    marks = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
    parts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name.translate(marks)}"\r\n\r\n{value}\r\n'
        for name, value in fields
    )
    body = f"{parts}--{boundary}--\r\n".encode(errors="replace")
    return f"multipart/form-data; boundary={boundary}", body
