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

from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow

_PLACEHOLDER = re.compile(r"{(\w+)}")

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

    `{page}`, `{page_size}` and `{cursor}` in the listing's request, `{id}` in a tool's, are filled in:
    percent-encoded in `url`; in `body` as they are, and as a number where a text is nothing else.
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
    first_page: int = Field(default=1, description="The number of the first page.")
    types: dict[str, str] = Field(
        default_factory=dict, description="The hub's names of parameter types to those of JSON schema."
    )

    def with_types(self, tool: Any) -> Any:
        """A tool's documentation with its parameter types renamed."""
        if not self.types or not isinstance(tool, dict) or not isinstance(tool.get("apis"), list):
            return tool
        return tool | {"apis": [self._api_with_types(api) for api in tool["apis"]]}

    def _api_with_types(self, api: Any) -> Any:
        if not isinstance(api, dict) or not isinstance(api.get("parameters"), list):
            return api
        return api | {"parameters": [self._renamed(parameter) for parameter in api["parameters"]]}

    def _renamed(self, parameter: Any) -> Any:
        if not isinstance(parameter, dict) or not isinstance(parameter.get("type"), str):
            return parameter
        return parameter | {"type": self.types.get(parameter["type"], parameter["type"])}


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
