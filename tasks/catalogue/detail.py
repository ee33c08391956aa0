"""A tool's documentation as a hub serves it: foreign JSON, strict on what is needed, lenient on the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import NoneType
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from tasks import exact_json
from tasks.exact_json import WrittenFloat

_LONGEST_PATTERN = 500  # characters
_MOST_EXAMPLES = 20  # are kept of a parameter

JsonType = Literal["string", "number", "integer", "boolean", "array", "object"]

# Besides HTTP, the protocols of sources that are not called at an address of their own.
_SCHEMES = frozenset({"http", "https", "mcp", "toolbench"})
_UNSAFE_IN_PATH = re.compile(r"[\s?#\\\x00-\x1f]")


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _none_to_empty(value: Any) -> Any:
    return "" if value is None else value


def _none_to_list(value: Any) -> Any:
    return [] if value is None else value


def _path_is_plain(path: str) -> str:
    if not path.startswith("/") or _UNSAFE_IN_PATH.search(path):
        raise ValueError("a path must start with / and hold no query, fragment, blank or backslash")
    return path


def _host_is_url(host: str) -> str:
    parts = urlsplit(host)
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.port == 0:
        raise ValueError("a host must be an http or https URL")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a host must hold no credentials, query or fragment")
    return host.rstrip("/")


def _as_written(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Pydantic makes a plain float of what is one in more digits."""
    number = read(value)
    return value if isinstance(value, WrittenFloat) else number


def _only(*kinds: type) -> BeforeValidator:
    """Takes values of these types; any other is left out, since it tells a caller nothing."""
    return BeforeValidator(lambda value: value if type(value) in {*kinds, NoneType} else None)


def _short_pattern(pattern: str | None) -> str | None:
    return pattern if pattern and len(pattern) <= _LONGEST_PATTERN else None


Number = Annotated[int | float, WrapValidator(_as_written)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Text = Annotated[str, BeforeValidator(_none_to_empty), StringConstraints(strip_whitespace=True)]


def distinct(values: Iterable[Any]) -> list[Any]:
    """Of equal JSON values the first, no more than anybody reads; an empty one only where it is alone."""
    given = [value for value in values if value is not None]
    telling = [value for value in given if value not in ("", [], {})] or given[:1]
    by_text: dict[bytes, Any] = {}
    for value in telling:
        by_text.setdefault(exact_json.dumps(value), value)
    return list(by_text.values())[:_MOST_EXAMPLES]


class Foreign(BaseModel):
    """Surplus keys are nobody's fault."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Schema(Foreign):
    """The part of a JSON schema that a caller can heed."""

    description: Text = ""
    default: Any = None
    example: Any = None
    examples: Any = None
    enum: list[Any] | None = None
    format: str | None = None
    minimum: Number | None = None
    maximum: Number | None = None
    min_length: int | None = Field(default=None, alias="minLength")
    max_length: int | None = Field(default=None, alias="maxLength")
    min_items: int | None = Field(default=None, alias="minItems")
    max_items: int | None = Field(default=None, alias="maxItems")
    pattern: Annotated[str | None, AfterValidator(_short_pattern), _only(str)] = None
    multiple_of: Annotated[Number | None, _only(int, float, WrittenFloat)] = Field(
        default=None, alias="multipleOf"
    )
    unique_items: Annotated[bool | None, _only(bool)] = Field(default=None, alias="uniqueItems")
    exclusive_minimum: Annotated[Number | None, _only(int, float, WrittenFloat)] = Field(
        default=None, alias="exclusiveMinimum"
    )
    exclusive_maximum: Annotated[Number | None, _only(int, float, WrittenFloat)] = Field(
        default=None, alias="exclusiveMaximum"
    )
    items: dict[str, Any] | None = None
    properties: dict[str, Any] | None = None
    style: Literal["csv", "ssv", "tsv", "pipes", "json", "deepObject", "exploded"] | None = Field(
        default=None, alias="x-style"
    )
    # Type and default as ToolBench's record has them, where the row's own say less.
    published: dict[str, Any] | None = Field(default=None, alias="x-published")

    @property
    def keywords(self) -> dict[str, Any]:
        """Bounds, enumeration, items, properties and style; empty when there are none."""
        given = {field.alias or name: getattr(self, name) for name, field in Schema.model_fields.items()}
        return {
            name: value
            for name, value in given.items()
            if value is not None and name not in {"description", "default", "example", "examples"}
        }

    @property
    def given_examples(self) -> list[Any]:
        """All there are, the one on its own first, none twice."""
        return distinct([self.example, *(self.examples if isinstance(self.examples, list) else ())])


class PropertySchema(Schema):
    """A property of a body's schema; `type` may be missing, or a list in JSON schema's later drafts."""

    type: str | list[str] | None = None
    required: list[str] | None = None

    @property
    def keywords(self) -> dict[str, Any]:
        nested = {} if self.required is None else {"required": self.required}
        return super().keywords | nested


class BodySchema(Foreign):
    type: str | list[str] | None = None
    properties: dict[Name, PropertySchema] = Field(default_factory=dict)
    required: list[str] = Field(default_factory=list)
    additional_properties: Any = Field(default=None, alias="additionalProperties")


class Body(Foreign):
    """A schema with properties describes fields, one argument each; any other the whole body, one argument.

    required: whether a whole body is.
    """

    content_type: Name = "application/json"
    description: Text = ""
    required: bool = True
    json_schema: dict[str, Any] = Field(alias="schema")
    example: Any = None
    examples: Any = None

    @property
    def given_examples(self) -> list[Any]:
        """All there are of the whole body, those that its schema shows among them."""
        several = [self.examples, self.json_schema.get("examples")]
        return distinct(
            [
                self.example,
                *(example for given in several if isinstance(given, list) for example in given),
                self.json_schema.get("example"),
            ]
        )


class ParameterDetail(Schema):
    name: Name
    location: Annotated[Literal["path", "query", "header"], BeforeValidator(_lower)] = Field(alias="in")
    type: Annotated[JsonType, BeforeValidator(_lower)]
    required: bool = False


class SecurityDetail(Foreign):
    kind: Literal["api_key", "bearer", "basic"]
    location: Literal["header", "query"] = "header"
    name: Name = "Authorization"


class ApiDetail(Foreign):
    """One API of a tool.  host: where it is called, when not at the tool's.  protocol: never another than its
    source's.
    """

    name: Name
    description: Text = ""
    method: Annotated[
        Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], BeforeValidator(_upper)
    ]
    path: Annotated[str, AfterValidator(_path_is_plain)]
    host: Annotated[Name, AfterValidator(_host_is_url)] | None = None
    protocol: str | None = None
    parameters: Annotated[list[ParameterDetail], BeforeValidator(_none_to_list)] = Field(default_factory=list)
    body: Body | None = None
    security: Annotated[list[SecurityDetail], BeforeValidator(_none_to_list)] = Field(default_factory=list)
    read_only: bool | None = None
    code_snippets: Any = None
    example_response: Any = None
    response_schema: dict[str, Any] | None = None


class ToolDetail(Foreign):
    """One tool, in the form that every source brings its own into (a hub serves it as it is).

    Its APIs are read one by one, so that a bad one spoils only itself.
    """

    id: Name
    category: Name
    name: Name
    description: Text = ""
    host: Annotated[Name, AfterValidator(_host_is_url)]
    provider: str | None = None
    licence: str | None = None
    collections: Annotated[list[Name], BeforeValidator(_none_to_list)] = Field(default_factory=list)
    apis: list[Any]


def explain(error: ValidationError) -> str:
    """What is wrong with foreign JSON, in one line."""
    faults = [f"{'.'.join(map(str, fault['loc'])) or 'value'}: {fault['msg']}" for fault in error.errors()]
    more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
    return "; ".join(faults[:3]) + more
