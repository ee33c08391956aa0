"""Functions as a request offers them."""

from __future__ import annotations

import math
import re
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.teaching.parameter import Parameter, from_schema
from sandbox.teaching.stages import FINISH
from sandbox.teaching.wording import Wish, api_description, wish_from
from sandbox.teaching.words import first_sentences, name_stems, stems

Json = dict[str, Any]
_REMEMBERED = 512
_TELLING_CHARACTERS = 320


@dataclass(frozen=True, eq=False)
class Function:
    """gist: how much each stem of its description says; phrases: every three words in a row of its wish."""

    name: str
    wish: Wish
    parameters: tuple[Parameter, ...]
    gist: dict[str, float]
    phrases: frozenset[tuple[str, ...]]
    order: int

    @property
    def required(self) -> list[Parameter]:
        return [parameter for parameter in self.parameters if parameter.required]


@dataclass(frozen=True, eq=False)
class Offer:
    """All functions of a request but `Finish`; rarity: how well a stem tells them apart."""

    functions: tuple[Function, ...]
    rarity: dict[str, float]

    def get(self, name: str) -> Function | None:
        return next((function for function in self.functions if function.name == name), None)


class Offers:
    """Remembers parsed offers: a search asks many times with the same one."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Offer] = OrderedDict()

    def of(self, tools: list[Json]) -> Offer:
        key = orjson.dumps(tools)
        offer = self._known.get(key)
        if offer is None:
            offer = self._known[key] = _offer(tools)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return offer


def _offer(tools: list[Json]) -> Offer:
    functions = tuple(
        _function(tool, order) for order, tool in enumerate(tools) if tool.get("name") != FINISH
    )
    counted = Counter(stem for function in functions for stem in function.gist)
    total = len(functions)
    rarity = {stem: math.log(1 + (total + 0.5) / (times + 0.5)) - 0.35 for stem, times in counted.items()}
    return Offer(functions, rarity)


def _function(tool: Json, order: int) -> Function:
    name = str(tool["name"])
    description = api_description(str(tool.get("description") or ""))
    schema = tool.get("parameters") if isinstance(tool.get("parameters"), dict) else {}
    parameters = _parameters(schema or {})
    wish = wish_from(description, name.split("_for_", maxsplit=1)[0])
    return Function(
        name=name,
        wish=wish,
        parameters=parameters,
        gist=_gist(name, wish.text, description, parameters),
        phrases=frozenset(phrases_of(wish.text)),
        order=order,
    )


def phrases_of(text: str) -> list[tuple[str, ...]]:
    """Every three words in a row."""
    words = re.findall(r"[^\W_]+", text.lower())
    return list(zip(words, words[1:], words[2:], strict=False))


def _parameters(schema: Json) -> tuple[Parameter, ...]:
    properties = schema.get("properties")
    required = schema.get("required")
    names = set(required) if isinstance(required, list) else set()
    if not isinstance(properties, dict):
        return ()
    return tuple(
        from_schema(str(key), value, required=key in names)
        for key, value in properties.items()
        if isinstance(value, dict)
    )


def _gist(name: str, wish: str, description: str, parameters: tuple[Parameter, ...]) -> dict[str, float]:
    gist: dict[str, float] = {}
    weighed = (
        (name_stems(name.split("_for_", maxsplit=1)[0]), 1.0),
        (stems(wish), 1.0),
        (stems(first_sentences(description, _TELLING_CHARACTERS // 2)), 0.6),
        (stems(description[:_TELLING_CHARACTERS]), 0.3),
        (name_stems(name), 0.4),
        (tuple(stem for parameter in parameters for stem in parameter.stems), 0.4),
    )
    for found, weight in weighed:
        for stem in found:
            if len(stem) > 1 or stem.isdigit():
                gist[stem] = max(gist.get(stem, 0), weight)
    return gist
