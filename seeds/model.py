"""What a seed example is, and when it is a good one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

MIN_WORDS = 30  # what the prompts ask of a model by default, an example must show

Tone = Literal["blunt", "casual", "excited", "formal", "humorous", "matter-of-fact", "polite", "worried"]
Form = Literal["declarative", "imperative", "interrogative"]
Persona = Literal["class", "club", "company", "customer", "family", "friends", "oneself"]

_NOT_A_WORD = re.compile(r"[\W_]+")
_PLACEHOLDER = re.compile(r"[<>{}\[\]]|\bXYZ\b")

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SeedParameter(_Strict):
    name: Text
    type: Literal["string", "number", "integer", "boolean", "array", "object"]
    required: bool = False
    description: Text
    enum: tuple[str, ...] | None = None


class SeedApi(_Strict):
    api_name: Text
    description: Text
    parameters: tuple[SeedParameter, ...] = ()


class SeedTool(_Strict):
    tool_name: Text
    description: Text
    apis: tuple[SeedApi, ...] = Field(min_length=1)


class Seed(_Strict):
    """An instruction written by hand, with the tools it was written for.

    id: the stem of its file.  domain: what it is about; also the category of its tools.  tone, form,
    persona (for whom it is asked): so that variety can be checked.  relevant_apis: (tool_name, api_name).
    """

    id: Text
    domain: Text
    tone: Tone
    form: Form
    persona: Persona
    tools: tuple[SeedTool, ...] = Field(min_length=1)
    query: Text
    relevant_apis: tuple[tuple[Text, Text], ...] = Field(min_length=1)

    def for_prompt(self) -> dict[str, Any]:
        """As the instruct prompts take it: a document (JSON value) per API, the query, and what it needs."""
        return {
            "documents": [_document(self.domain, tool, api) for tool in self.tools for api in tool.apis],
            "query": self.query,
            "relevant_apis": [list(named) for named in self.relevant_apis],
        }

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        _no_repeats("tool", (tool.tool_name for tool in self.tools))
        for tool in self.tools:
            _no_repeats(f"API of {tool.tool_name!r}", (api.api_name for api in tool.apis))
            for api in tool.apis:
                _no_repeats(
                    f"parameter of {api.api_name!r}", (parameter.name for parameter in api.parameters)
                )
        _no_repeats("relevant API", (f"{tool}, {api}" for tool, api in self.relevant_apis))
        return self

    @model_validator(mode="after")
    def _relevant_apis_exist(self) -> Self:
        known = {(tool.tool_name, api.api_name) for tool in self.tools for api in tool.apis}
        for named in self.relevant_apis:
            if named not in known:
                raise ValueError(f"relevant_apis names {list(named)}, which is not among the tools")
        return self

    @model_validator(mode="after")
    def _query_is_what_a_person_says(self) -> Self:
        if len(self.query.split()) < MIN_WORDS:
            raise ValueError(f"query has {len(self.query.split())} words, fewer than {MIN_WORDS}")
        if found := _PLACEHOLDER.search(self.query):
            raise ValueError(f"query holds the placeholder {found.group()!r}: give a real value")
        said = f" {_plain(self.query)} "
        for name in self._names():
            if f" {_plain(name)} " in said:
                raise ValueError(f"query names {name!r}: people say what they want, not how it is done")
        return self

    def _names(self) -> Iterator[str]:
        for tool in self.tools:
            yield tool.tool_name
            yield from (api.api_name for api in tool.apis)


class SingleToolSeed(Seed):
    """A seed whose APIs all belong to one tool."""

    @model_validator(mode="after")
    def _one_tool(self) -> Self:
        if len(self.tools) != 1:
            raise ValueError(f"a single-tool seed has one tool, not {len(self.tools)}")
        return self


class MultiToolSeed(Seed):
    """A seed whose query needs APIs of several tools."""

    @model_validator(mode="after")
    def _several_tools(self) -> Self:
        if len({tool for tool, _ in self.relevant_apis}) < 2:
            raise ValueError("relevant_apis of a multi-tool seed must belong to at least two tools")
        return self


class CompressionSeed(_Strict):
    """A shortening done by hand.

    document: as a model is shown it; response: a full example; description: the shortened one;
    keep: paths of the response worth their tokens (`a.b`, `items[].name`, `[].name`).
    """

    id: Text
    document: dict[str, Any]
    response: dict[str, Any] | list[Any]
    description: Text
    keep: tuple[Text, ...] = Field(min_length=1)

    def for_prompt(self) -> dict[str, Any]:
        """As the compress prompts take it."""
        return self.model_dump(mode="json", include={"document", "response", "description", "keep"})

    @model_validator(mode="after")
    def _paths_exist(self) -> Self:
        _no_repeats("path to keep", self.keep)
        for path in self.keep:
            if not has_path(self.response, path):
                raise ValueError(f"keep names {path!r}, which the response does not have")
        return self

    @model_validator(mode="after")
    def _is_shorter(self) -> Self:
        before = str(self.document.get("api_description", ""))
        if len(self.description) >= len(before):
            raise ValueError("description is not shorter than the document's api_description")
        return self


def has_path(value: Any, path: str) -> bool:
    """Whether `path` leads somewhere in a JSON value; `[]` goes into any element of a list."""
    return _leads_on(value, re.findall(r"\[\]|[^.\[\]]+", path))


def _leads_on(value: Any, steps: list[str]) -> bool:
    if not steps:
        return True
    if steps[0] == "[]":
        return isinstance(value, list) and any(_leads_on(element, steps[1:]) for element in value)
    return isinstance(value, dict) and steps[0] in value and _leads_on(value[steps[0]], steps[1:])


def _document(category: str, tool: SeedTool, api: SeedApi) -> dict[str, Any]:
    return {
        "tool_name": tool.tool_name,
        "tool_description": tool.description,
        "category": category,
        "api_name": api.api_name,
        "api_description": api.description,
        "parameters": [parameter.model_dump(mode="json", exclude_none=True) for parameter in api.parameters],
    }


def _plain(text: str) -> str:
    return _NOT_A_WORD.sub(" ", text.casefold()).strip()


def _no_repeats(what: str, names: Iterable[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"{what} {repeated[0]!r} is given twice")
