"""From ToolBench's records to the plain form that every source brings its own into (`ToolDetail`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
from pydantic import ValidationError

from tasks import exact_json
from tasks.calling.toolbench_names import SCHEME, ToolbenchAddress, service_name
from tasks.catalogue.detail import explain
from tasks.catalogue.parameters import json_text
from tasks.catalogue.source import CrawlReason, UnusableApi
from tasks.catalogue.toolbench.records import ApiDocument, ApiRecord, ParameterDocument, ToolRecord
from tasks.errors import BadRow
from tasks.exact_json import Json

_PLACEHOLDER = re.compile(r"{([^{}]*)}")
_NOT_IN_ADDRESS = re.compile(r"[\s?#\\\x00-\x1f]")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_RAPIDAPI = ".rapidapi.com"
_NO_HOST = f"{SCHEME}://{SCHEME}"  # executed by a service alone


def tool_detail(id_: str, tool: ToolRecord, examples: Mapping[str, Any]) -> Json:
    """The tool as a `ToolDetail`.  examples: response skeletons by API name, for APIs without their own."""
    apis = [_api_or_fault(tool, record, examples) for record in tool.apis]
    return {
        "id": id_,
        "category": tool.category,
        "name": tool.name,
        "description": tool.description,
        "host": _host(tool, apis),
        "apis": apis,
    }


def _api_or_fault(tool: ToolRecord, record: ApiRecord, examples: Mapping[str, Any]) -> Json | UnusableApi:
    name = record.raw.get("name") if isinstance(record.raw, dict) else None
    if not isinstance(name, str) or not name.strip():
        return {"place": record.place}
    try:
        return _api(tool, record, examples)
    except ValidationError as error:
        return UnusableApi(
            name=name, place=record.place, reason=CrawlReason.MALFORMED, detail=_explained(record.raw, error)
        )
    except BadRow as fault:
        return UnusableApi(
            name=name, place=record.place, reason=CrawlReason(fault.reason), detail=fault.message
        )


def _explained(raw: Json, error: ValidationError) -> str:
    if raw.keys() == {"name"}:
        return "it is named here, and documented nowhere: use the tool files themselves as the source"
    return explain(error)


def _api(tool: ToolRecord, record: ApiRecord, examples: Mapping[str, Any]) -> Json:
    document = ApiDocument.model_validate(record.raw)
    http_url = _http_url(document)
    in_path = frozenset(_PLACEHOLDER.findall(http_url or ""))
    parameters = _parameters(document, in_path)
    address = ToolbenchAddress(tool.category, tool.service_name, service_name(document.name), http_url)
    in_body = [parameter for parameter in parameters if parameter["in"] == "body"]
    skeleton = document.response_skeleton or examples.get(document.name)
    return {
        "place": record.place,
        "name": document.name,
        "description": document.description,
        "method": document.method,
        "host": address.origin,
        "path": address.path,
        "protocol": SCHEME,
        "parameters": [parameter for parameter in parameters if parameter["in"] != "body"],
        "body": _body(in_body) if in_body else None,
        "security": _security(http_url),
        "code_snippets": {"python": document.code},
        "example_response": (document.body or None) if document.statuscode == 200 else None,
        "response_schema": schema_of(skeleton),
    }


def _http_url(document: ApiDocument) -> str | None:
    """Where the API is, if the record says so in full: a service knows it in any case."""
    if not isinstance(document.url, str) or not _is_plain_url(document.url.strip()):
        return None
    url = document.url.strip()
    names = {parameter.name for parameter in _all_parameters(document)}
    return url if names.issuperset(_PLACEHOLDER.findall(url)) else None


def _is_plain_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a broken IPv6 address
        return False
    return whole and "@" not in parts.netloc and not _NOT_IN_ADDRESS.search(url)


def _host(tool: ToolRecord, apis: Sequence[Json | UnusableApi]) -> str:
    """`https://` and the host the record gives, else that of its first API with an address."""
    if isinstance(tool.host, str) and "://" not in tool.host and _is_plain_url(f"https://{tool.host}"):
        return f"https://{tool.host}"
    urls = (
        ToolbenchAddress.from_url(api["host"] + api["path"]).http_url
        for api in apis
        if isinstance(api, dict) and "path" in api
    )
    parts = next((urlsplit(url) for url in urls if url is not None), None)
    return _NO_HOST if parts is None else f"{parts.scheme}://{parts.netloc}"


def _security(http_url: str | None) -> list[Json]:
    host = urlsplit(http_url or "").hostname or ""
    if not host.endswith(_RAPIDAPI):
        return []
    return [{"kind": "api_key", "location": "header", "name": "X-RapidAPI-Key"}]


def _all_parameters(document: ApiDocument) -> list[ParameterDocument]:
    return [*document.required_parameters, *document.optional_parameters]


def _parameters(document: ApiDocument, in_path: frozenset[str]) -> list[Json]:
    """Each service name once: where two share one, the one in the address, else the first.

    ToolBench's functions have one argument for both.  Raises `BadRow` for a file that must be given.
    """
    required = {id(parameter) for parameter in document.required_parameters}
    elsewhere = "body" if document.method.upper() in _WITH_BODY else "query"
    chosen: dict[str, Json] = {}
    for parameter in sorted(_all_parameters(document), key=lambda parameter: parameter.name not in in_path):
        needed = id(parameter) in required or parameter.name in in_path
        if is_file(parameter.type):
            _refuse_needed_file(parameter, needed=needed)
            continue
        place = "path" if parameter.name in in_path else elsewhere
        chosen.setdefault(service_name(parameter.name), _parameter(parameter, place, required=needed))
    return list(chosen.values())


def _refuse_needed_file(parameter: ParameterDocument, *, needed: bool) -> None:
    if needed:
        raise BadRow(
            CrawlReason.UNSUPPORTED_PARAMETER,
            f"the required parameter {parameter.name!r} is a file ({parameter.type}), which no JSON value is",
        )


def _parameter(parameter: ParameterDocument, place: str, *, required: bool) -> Json:
    kind = json_type(parameter.type)
    description = _with_note(parameter.description.strip(), kind.note)
    return {
        "name": parameter.name,
        "in": place,
        "type": kind.name,
        "required": required,
        "description": description,
        "default": default_of(kind.name, parameter.default),
        "format": kind.format,
        "x-published": _published(parameter, kind, description),
    }


def _published(parameter: ParameterDocument, kind: JsonType, description: str) -> Json | None:
    """The record's own words, for ToolBench's files and functions, where the row says it otherwise."""
    type_ = {"string": "STRING", "number": "NUMBER", "boolean": "BOOLEAN"}.get(kind.name)
    default = default_of(kind.name, parameter.default)
    said = {"type": parameter.type, "default": parameter.default, "description": parameter.description}
    same = {"type": type_, "default": "" if default is None else default, "description": description}
    return None if said == same else said


def _with_note(description: str, note: str) -> str:
    return f"{description} ({note})" if description and note else description or note


def _body(parameters: Sequence[Json]) -> Json:
    properties = {
        parameter["name"]: {
            keyword: parameter[keyword]
            for keyword in ("type", "description", "default", "format", "x-published")
            if parameter[keyword] is not None
        }
        for parameter in parameters
    }
    required = [parameter["name"] for parameter in parameters if parameter["required"]]
    return {"schema": {"type": "object", "properties": properties, "required": required}}


_WORDS = {
    "bool": "boolean",
    "dict": "object",
    "float": "number",
    "int": "integer",
    "list": "array",
    "NoneType": "null",
    "str": "string",
}
_LIST = re.compile(r"list of (\w+)(?: with length \d+)?")
_EMPTY_LIST = "empty list"
_LENGTH_KEY = "_list_length"
_DEEPEST = 40  # levels described; nothing is said of what lies deeper


def schema_of(skeleton: Any) -> Json | None:
    """The JSON schema of a response; None when there is no skeleton, or nothing in it.

    A skeleton is a response with the names of Python's types in place of values: {"name": "str", "tags":
    "list of str with length 3", "items": [{"price": "float", "_list_length": 20}]}.
    """
    if isinstance(skeleton, str):
        try:
            skeleton = exact_json.loads(skeleton)
        except orjson.JSONDecodeError:  # cut in the middle, as long ones are
            return None
    return _schema(skeleton, _DEEPEST) if skeleton and isinstance(skeleton, (dict, list)) else None


def _schema(skeleton: Any, depth: int) -> Json:
    if depth == 0:
        return {}
    if isinstance(skeleton, dict):
        fields = {name: inner for name, inner in skeleton.items() if name != _LENGTH_KEY}
        properties = {name: _schema(inner, depth - 1) for name, inner in fields.items()}
        return {"type": "object", "properties": properties} if properties else {"type": "object"}
    if isinstance(skeleton, list):
        return {"type": "array", "items": _schema(skeleton[0], depth - 1)} if skeleton else {"type": "array"}
    return _leaf(skeleton) if isinstance(skeleton, str) else {}


def _leaf(word: str) -> Json:
    if word == _EMPTY_LIST:
        return {"type": "array"}
    several = _LIST.fullmatch(word)
    if several is not None:
        return {"type": "array", "items": _named(several[1])}
    return _named(word)


def _named(word: str) -> Json:
    return {"type": _WORDS[word]} if word in _WORDS else {}


class JsonType(NamedTuple):
    """name: of JSON schema.  note: what the published type says beyond that, for the description."""

    name: str
    format: str | None = None
    note: str = ""


STRING = JsonType("string")
# By the first word, in upper case.
_TYPES = {
    "ARRAY": JsonType("array"),
    "BOOL": JsonType("boolean"),
    "BOOLEAN": JsonType("boolean"),
    "DATE": JsonType("string", format="date"),
    "ENUM": STRING,
    "FLOAT": JsonType("number"),
    "INT": JsonType("integer"),
    "INTEGER": JsonType("integer"),
    "LIST": JsonType("array"),
    "NUMBER": JsonType("number"),
    "OBJECT": JsonType("object"),
    "STRING": STRING,
    "TIME": JsonType("string", format="time", note="24-hour HH:MM"),
}
_FILES = frozenset({"BINARY", "FILE"})
_VALUES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
}


def is_file(declared: str) -> bool:
    """Whether a published type asks for the bytes of a file, which no JSON argument can be."""
    return _first_word(declared) in _FILES


def json_type(declared: str) -> JsonType:
    """The type of a parameter; text for what has none of its own, as ToolBench takes it."""
    return _TYPES.get(_first_word(declared)) or JsonType("string", note=declared.strip())


def default_of(type_name: str, default: Any) -> Any:
    """A default in its type: published ones are text as a rule.  None when there is none.

    What is no value of the type stays the text it is.
    """
    if default is None or default == "":
        return None
    if type_name == "string":
        return default if isinstance(default, str) else json_text(default)
    value = _parsed(default) if isinstance(default, str) else default
    return value if _is_of(type_name, value) else default


def _first_word(declared: str) -> str:
    return declared.partition("(")[0].strip().upper()


def _parsed(text: str) -> Any:
    lowered = text.strip().lower()
    if lowered in {"true", "false"}:
        return lowered == "true"
    try:
        return exact_json.loads(text)
    except orjson.JSONDecodeError:
        return text


def _is_of(type_name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return type_name == "boolean"
    return isinstance(value, _VALUES[type_name])
