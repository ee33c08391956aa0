"""What to ask a hub, and where in its answers things are: data, so that another marketplace is no code.

Answers are brought into the form of docs/hub.md by JMESPath expressions (https://jmespath.org), which can
select and rearrange and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal
from urllib.parse import quote

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tasks.catalogue.source import CrawlReason, UnusableApi
from tasks.errors import BadRow

_PLACEHOLDER = re.compile(r"{(\w+)}")
_OTHER_PLACEHOLDER = re.compile(r"/(?::([A-Za-z_]\w*)|<(?:\w+:)?(\w+)>)")  # /:name, /<name>, /<int:name>
_WHOLE_URL = re.compile(r"(https?://[^/?#\s]+)(/?\S*)", re.IGNORECASE)
_FORM_PLACES = frozenset({"form", "formdata"})
_BODY_PLACES = frozenset({"body"}) | _FORM_PLACES
_NOT_OF_A_SCHEMA = frozenset({"name", "in", "required"})

Values = Mapping[str, str | int]


def _is_jmespath(expression: str) -> str:
    try:
        _compiled(expression)
    except JMESPathError as error:
        raise ValueError(f"this is no JMESPath expression: {error}") from error
    return expression


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Asking(_Model):
    """One kind of request, and what to take from its answer.

    `{page}`, `{offset}` (how many tools came before), `{page_size}` and `{cursor}` in the listing's request,
    `{id}` in a tool's, are filled in: percent-encoded in `url`; in `body` as they are, and as a number where
    a text is nothing else.
    """

    url: str = Field(description="Path below `location`, or a whole URL.")
    method: Literal["GET", "POST"] = Field(default="GET", description="POST sends `body` as JSON.")
    body: dict[str, Any] | None = Field(default=None, description="For GraphQL: query and variables.")
    select: Annotated[str, AfterValidator(_is_jmespath)] = Field(
        default="@", description="JMESPath from the answer to the form of docs/hub.md."
    )

    def url_at(self, location: str, values: Values) -> str:
        known = {name: quote(str(value)) for name, value in values.items()}
        filled = _PLACEHOLDER.sub(lambda name: known.get(name[1], name[0]), self.url)
        return filled if "://" in self.url else location + filled

    def body_with(self, values: Values) -> Any:
        return _filled(self.body, values)

    def mentions(self, name: str) -> bool:
        """Whether the request has a place for this value."""
        return f"{{{name}}}" in self.url or _mentioned(self.body, f"{{{name}}}")

    def selected(self, answer: Any) -> Any:
        """Raises `BadRow` (malformed) when the expression cannot be applied to the answer."""
        try:
            return _compiled(self.select).search(answer)
        except JMESPathError as error:
            raise BadRow(CrawlReason.MALFORMED, f"`select` does not fit the answer: {error}") from error


class HubMapping(_Model):
    """How a marketplace is asked; as it comes, the one of docs/hub.md.

    The listing's answer may tell `pages` and `total`, or the cursor of what follows as `next`; where it
    tells neither, it ends with the first page without tools.
    """

    tools: Asking = Field(
        default=Asking(url="/tools?page={page}&page_size={page_size}"), description="A page of the listing."
    )
    tool: Asking = Field(default=Asking(url="/tools/{id}"), description="One tool with its APIs.")
    collections: Asking | Literal[False] = Field(
        default=Asking(url="/collections"), description="All collections; false: there are none."
    )
    first_page: int = Field(default=1, description="The number that `{page}` has for the first page.")
    types: dict[str, str] = Field(
        default_factory=dict, description="The hub's names of parameter types to those of JSON schema."
    )

    def in_our_form(self, tool: Any) -> Any:
        """A tool's documentation with what listings write otherwise: types by their names here, places in
        capitals, `/:name` in paths, body fields as a list or among the parameters, null for what is absent.

        An optional cookie is left out; what cannot be brought into the form stays, and is rejected as it is.
        """
        if not isinstance(tool, dict) or not isinstance(tool.get("apis"), list):
            return tool
        return tool | {"apis": [self._api(api) for api in tool["apis"]]}

    def _api(self, api: Any) -> Any:
        if not isinstance(api, dict):
            return api
        api = _given(api)
        listed = api.get("parameters", [])
        if isinstance(listed, list):
            parameters = [self._parameter(parameter) for parameter in listed]
            needed = [name for name in map(_cookie, parameters) if name]
            if needed:
                detail = f"the required parameter {needed[0]!r} is a cookie"
                name = str(api.get("name", ""))
                return UnusableApi(
                    name=name, place="", reason=CrawlReason.UNSUPPORTED_PARAMETER, detail=detail
                )
            in_body = [parameter for parameter in parameters if _place(parameter) in _BODY_PLACES]
            elsewhere = [p for p in parameters if _place(p) not in {*_BODY_PLACES, "cookie"}]
            api |= {"parameters": elsewhere, "body": self._body(api.get("body"), in_body)}
        if isinstance(api.get("path"), str):
            api |= _address(api["path"])
        if "security" in api:
            api["security"] = _security(api["security"])
        return api

    def _parameter(self, parameter: Any) -> Any:
        if not isinstance(parameter, dict):
            return parameter
        parameter = _given(parameter)
        if isinstance(parameter.get("type"), str):
            parameter["type"] = self.types.get(parameter["type"], parameter["type"])
        return parameter | {"in": _place(parameter)} if "in" in parameter else parameter

    def _body(self, body: Any, parameters: list[Any]) -> Any:
        """The body with its fields as the properties of an object; None where there are none at all."""
        if body is not None and not isinstance(body, dict):
            return body
        body = _given(body or {})
        schema = _given(body["schema"]) if isinstance(body.get("schema"), dict) else body.get("schema", {})
        if not isinstance(schema, dict):
            return body
        listed = next((each for each in (body.pop("fields", None), schema.get("properties")) if each), None)
        fields = [*(listed if isinstance(listed, list) else []), *parameters]
        if not fields:
            return body if body.keys() - {"schema"} or schema.keys() - {"type"} else None
        if any(not isinstance(field, dict) or not isinstance(field.get("name"), str) for field in fields):
            return body
        named = {field["name"]: self._parameter(field) for field in fields}
        before, needed = schema.get("properties"), schema.get("required")
        properties = dict(before) if isinstance(before, dict) else {}
        required = list(needed) if isinstance(needed, list) else []
        for name, field in named.items():
            properties[name] = {key: said for key, said in field.items() if key not in _NOT_OF_A_SCHEMA}
            required += [name] if field.get("required") is True else []
        if any(_place(parameter) in _FORM_PLACES for parameter in parameters):
            body.setdefault("content_type", "application/x-www-form-urlencoded")
        return body | {"schema": schema | {"type": "object", "properties": properties, "required": required}}


def _given(said: dict[str, Any]) -> dict[str, Any]:
    """Without nulls: JMESPath has them wherever a listing says nothing."""
    return {name: value for name, value in said.items() if value is not None}


def _place(parameter: Any) -> Any:
    place = parameter.get("in") if isinstance(parameter, dict) else None
    return place.lower() if isinstance(place, str) else place


def _cookie(parameter: Any) -> str | None:
    """The name of a cookie that must be sent."""
    required = _place(parameter) == "cookie" and parameter.get("required") is True
    return str(parameter.get("name")) if required else None


def _address(path: str) -> dict[str, str]:
    """`path`, and `host` where the path is a whole URL; placeholders in braces."""
    whole = _WHOLE_URL.fullmatch(path)
    own = {} if whole is None else {"host": whole[1]}
    path = path if whole is None else whole[2]
    path = path if path.startswith("/") else f"/{path}"
    return own | {"path": _OTHER_PLACEHOLDER.sub(lambda found: f"/{{{found[1] or found[2]}}}", path)}


def _security(schemes: Any) -> Any:
    """Only what names a key: a listing tells that there is none by leaving its name empty."""
    listed = [schemes] if isinstance(schemes, dict) else schemes
    return [each for each in map(_scheme, listed) if each] if isinstance(listed, list) else schemes


def _scheme(scheme: Any) -> Any:
    if not isinstance(scheme, dict):
        return scheme
    told = _given(scheme)
    told |= {key: told[key].lower() for key in ("kind", "location") if isinstance(told.get(key), str)}
    nameless = told.get("kind") == "api_key" and not told.get("name")
    return None if nameless or not told.get("kind") else told


def _mentioned(value: Any, text: str) -> bool:
    if isinstance(value, dict):
        return any(_mentioned(inner, text) for inner in value.values())
    if isinstance(value, (list, tuple)):
        return any(_mentioned(inner, text) for inner in value)
    return isinstance(value, str) and text in value


@lru_cache(maxsize=64)
def _compiled(expression: str) -> ParsedResult:
    return jmespath.compile(expression)


def _filled(value: Any, values: Values) -> Any:
    if isinstance(value, dict):
        return {name: _filled(inner, values) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_filled(inner, values) for inner in value]
    if not isinstance(value, str):
        return value
    alone = _PLACEHOLDER.fullmatch(value)
    if alone is not None and alone[1] in values:
        return values[alone[1]]
    return _PLACEHOLDER.sub(lambda name: str(values.get(name[1], name[0])), value)
