"""Arguments of an API: what the listing says of them, and how a request's are validated."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from sandbox.declare import Answer, Api

Schema = dict[str, Any]
Raw = Mapping[str, str | list[str]]
_LISTED = ("enum", "minimum", "maximum", "items", "properties")


class InvalidArgument(Exception):
    """An argument is missing (HTTP 400) or has a value that is not allowed (422)."""

    def __init__(self, message: str, *, parameter: str, missing: bool) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.status = 400 if missing else 422
        self.code = "missing_argument" if missing else "invalid_argument"


class Arguments:
    """The parameters of one API, read once from the annotations of its function."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.in_path = frozenset(re.findall(r"{(\w+)}", api.path))

    @cached_property
    def _model(self) -> type[BaseModel]:
        hints = get_type_hints(self._api.compute, include_extras=True)
        fields = {
            name: (hints[name], ... if parameter.default is inspect.Parameter.empty else parameter.default)
            for name, parameter in inspect.signature(self._api.compute).parameters.items()
        }
        config = ConfigDict(allow_inf_nan=False, coerce_numbers_to_str=True, protected_namespaces=())
        model: type[BaseModel] = create_model(self._api.compute.__name__, __config__=config, **fields)  # type: ignore[call-overload]
        return model

    @cached_property
    def schemas(self) -> dict[str, Schema]:
        """The JSON schema of each parameter by its public name, references resolved."""
        whole = self._model.model_json_schema(by_alias=True)
        definitions = whole.get("$defs", {})
        return {name: _plain(schema, definitions) for name, schema in whole.get("properties", {}).items()}

    @cached_property
    def required(self) -> frozenset[str]:
        """Public names of the parameters that must be given: no default, or part of the path."""
        fields = self._model.model_fields.items()
        without_default = {field.alias or name for name, field in fields if field.is_required()}
        return self.in_path | without_default

    def location(self, name: str) -> str:
        """Where a parameter travels: path, header, query or body."""
        if name in self.in_path:
            return "path"
        stated = self.schemas[name].get("in")
        return stated or ("body" if self._api.method == "POST" else "query")

    def example(self, name: str) -> Any:
        """A value with which the call works, None when the parameter is best left out."""
        schema = self.schemas[name]
        return schema.get("default", schema.get("examples", [None])[0])

    def examples(self, *, optional: bool = False) -> dict[str, Any]:
        """Arguments of an example call: the required ones, and on request those with a default too."""
        names = [name for name in self.schemas if optional or name in self.required]
        return {name: self.example(name) for name in names if self.example(name) is not None}

    def parse(self, raw: Raw) -> dict[str, Any]:
        """Turns the texts of a path, query and header into JSON values where the schema wants some."""
        known = {name: value for name, value in raw.items() if name in self.schemas}
        return {name: _parsed(value, self.schemas[name].get("type")) for name, value in known.items()}

    def compute(self, arguments: Mapping[str, Any]) -> Answer:
        """Validates the arguments (by public name) and computes the answer; raises InvalidArgument."""
        try:
            valid = self._model.model_validate(dict(arguments))
        except ValidationError as error:
            raise _first_problem(error) from None
        return self._api.compute(**{name: getattr(valid, name) for name in self._model.model_fields})


def listed(name: str, schema: Schema, *, required: bool, location: str, example_as: str) -> Schema:
    """A parameter as the hub's listing shows it; a required one's example may pose as its default."""
    entry = {
        "name": name,
        "in": location,
        "type": schema["type"],
        "required": required,
        "description": schema.get("description", ""),
    }
    if schema.get("default") is not None:
        entry["default"] = schema["default"]
    elif "examples" in schema:
        entry[example_as if required else "example"] = schema["examples"][0]
    return entry | {key: schema[key] for key in _LISTED if key in schema}


def _plain(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """Resolves references, drops titles, and reads "text or null" as optional text."""
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[-1]]
        schema = target | {key: value for key, value in schema.items() if key != "$ref"}
    if "anyOf" in schema:
        (only,) = [branch for branch in schema["anyOf"] if branch.get("type") != "null"]
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        schema = only | {key: value for key, value in rest.items() if value is not None}
    plain = {key: value for key, value in schema.items() if key not in ("title", "properties", "items")}
    if "items" in schema:
        plain["items"] = _plain(schema["items"], definitions)
    if "properties" in schema:
        plain["properties"] = {k: _plain(v, definitions) for k, v in schema["properties"].items()}
    return plain


def _parsed(value: str | list[str], kind: str | None) -> Any:
    """Lists come repeated (`v=1&v=2`), as JSON or with commas; objects as JSON; the rest as it is."""
    if kind == "array":
        values = [value] if isinstance(value, str) else value
        if len(values) > 1:
            return values
        return _json(values[0]) if values[0].startswith("[") else values[0].split(",")
    text = value if isinstance(value, str) else value[-1]
    return _json(text) if kind == "object" else text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # validation will say what was expected instead


def _first_problem(error: ValidationError) -> InvalidArgument:
    problem = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    missing = problem["type"] == "missing"
    message = f"parameter '{place}' is missing" if missing else f"parameter '{place}': {problem['msg']}"
    return InvalidArgument(message, parameter=place, missing=missing)


@cache
def arguments_of(api: Api) -> Arguments:
    """The parameters of an API; the same object every time."""
    return Arguments(api)
