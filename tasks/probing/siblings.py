"""Identifiers from sibling operations: `/pets` says which `{petId}` there is to try `/pets/{petId}` with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tasks.calling.verdict import json_of
from tasks.probing.words import words_of
from warehouse.tables.catalogue import Api, Parameter

IDENTIFIERS = 3  # so many are tried
_ITEMS = 20  # of a list are looked at
_DEPTH = 4  # at which a list of items may be
_PLACEHOLDER = re.compile(r"{([^{}]*)}")
# Fields that identify an item, the likeliest first, where none is named like the parameter.
_IDENTIFYING = ("id", "uuid", "guid", "key", "slug", "code", "symbol", "ticker", "number", "username", "name")

_Place = tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True)
class Source:
    """Where a path parameter's values come from: a list operation of the same tool.

    noun: what the list is of, the segment before the parameter.  shared: path parameters of the API, by
    `arg_name`, with those of the list operation that stand in the same place; an item of `/users/7/posts`
    is an item of user 7.
    """

    parameter: Parameter
    list_api_id: str
    noun: str
    shared: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Answered:
    """A list operation's good answer: the arguments it was called with, and its body."""

    arguments: Mapping[str, Any]
    body: str


def sources_of(apis: Iterable[Api]) -> dict[str, Source]:
    """By `api_id`, the source of the last path parameter that has one.

    A source is the GET operation at the address up to the parameter.
    """
    apis = [api for api in apis if api.protocol == "http"]
    lists: dict[_Place, Api] = {}
    for api in apis:
        if api.method.upper() == "GET":
            lists.setdefault(_place(api, _path_of(api)), api)
    found = ((api, _source_of(api, lists)) for api in apis)
    return {api.api_id: source for api, source in found if source is not None}


def _source_of(api: Api, lists: Mapping[_Place, Api]) -> Source | None:
    path = _path_of(api)
    for at in reversed(range(len(path))):
        source = lists.get(_place(api, path[:at]))
        parameter = _parameter_at(api, path[at])
        if parameter is not None and source is not None and source.api_id != api.api_id:
            noun = path[at - 1] if at else ""
            return Source(parameter, source.api_id, noun, tuple(_shared(api, source)))
    return None


def _shared(api: Api, source: Api) -> Iterator[tuple[str, str]]:
    for own_segment, other_segment in zip(_path_of(api), _path_of(source), strict=False):
        own, other = _parameter_at(api, own_segment), _parameter_at(source, other_segment)
        if own is not None and other is not None:
            yield own.arg_name, other.arg_name


def _path_of(api: Api) -> list[str]:
    return [segment for segment in urlsplit(api.url).path.split("/") if segment]


def _place(api: Api, path: Sequence[str]) -> _Place:
    """Tool, host and path; all placeholders are alike."""
    return api.tool_id, urlsplit(api.url).netloc, tuple(_PLACEHOLDER.sub("{}", segment) for segment in path)


def _parameter_at(api: Api, segment: str) -> Parameter | None:
    """The parameter that is the whole of a path segment."""
    name = _PLACEHOLDER.fullmatch(segment)
    return next(
        (
            parameter
            for parameter in api.parameters
            if name is not None and parameter.location == "path" and parameter.name == name[1]
        ),
        None,
    )


def lists_first(apis: Sequence[Api], sources: Mapping[str, Source]) -> list[Api]:
    """The APIs with every source before those it is a source of; otherwise in the order given."""
    return sorted(apis, key=lambda api: len(_path_of(api)) if api.api_id in sources else 0)


def identifiers(source: Source, answered: Answered) -> tuple[dict[str, Any], ...]:
    """Arguments for the first few items of the answer, each with the arguments that the list was for."""
    shared = {own: answered.arguments[other] for own, other in source.shared if other in answered.arguments}
    values: list[Any] = []
    for value in _values_in(json_of(answered.body), source):
        if value not in values:
            values.append(value)
        if len(values) == IDENTIFIERS:
            break
    return tuple(shared | {source.parameter.arg_name: value} for value in values)


def _values_in(answer: Any, source: Source) -> Iterator[Any]:
    items = _items_of(answer)
    if all(isinstance(item, dict) for item in items):
        fields = _identifying_fields(source)
        items = [_first_field(item, fields) for item in items]
    yield from (item for item in items if _is_identifier(item, source.parameter.type))


def _items_of(answer: Any) -> list[Any]:
    """The items of the list nearest to the top."""
    level = [answer]
    for _ in range(_DEPTH):
        lists = [value for value in level if isinstance(value, list) and value]
        if lists:
            return next((items for items in lists if isinstance(items[0], dict)), lists[0])[:_ITEMS]
        level = [inner for value in level if isinstance(value, dict) for inner in value.values()]
    return []


def _identifying_fields(source: Source) -> list[str]:
    """Plain names of fields: the parameter's own, its last word ("petSlug": "slug"), that of the list's
    noun ("id" of pets: "petid"), the usual ones.
    """
    last = words_of(source.parameter.name)[-1:]
    of_noun = ["".join((*words_of(source.noun)[-1:], *last))]
    return list(dict.fromkeys([_plain(source.parameter.name), *last, *of_noun, *_IDENTIFYING]))


def _first_field(item: Mapping[str, Any], fields: Iterable[str]) -> Any:
    by_name = {_plain(name): value for name, value in reversed(list(item.items()))}
    return next((by_name[field] for field in fields if by_name.get(field) is not None), None)


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _is_identifier(value: Any, json_type: str) -> bool:
    if isinstance(value, str):
        fits = json_type not in {"integer", "number"} or value.isdecimal()
        return fits and 0 < len(value.strip()) <= 200
    return isinstance(value, (int, float)) and not isinstance(value, bool)
