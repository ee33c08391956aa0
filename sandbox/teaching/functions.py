"""Functions as a request offers them."""

from __future__ import annotations

import math
import re
from collections import Counter, OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import orjson

from sandbox.teaching.parameter import Parameter, from_object_schema
from sandbox.teaching.stages import FINISH
from sandbox.teaching.wording import Wish, api_description, wish_from
from sandbox.teaching.words import first_sentences, name_stems, stems

Json = dict[str, Any]
_REMEMBERED = 512
_TELLING_CHARACTERS = 320


@dataclass(frozen=True, eq=False)
class Function:
    """A function with what tells it apart from the others offered.

    weights: how much each stem of its description tells; weight: of its main stems together;
    phrases: every three words in a row of its wish, or the two it has.
    """

    name: str
    wish: Wish
    parameters: tuple[Parameter, ...]
    weights: dict[str, float]
    weight: float
    phrases: frozenset[tuple[str, ...]]
    order: int

    @property
    def own_name(self) -> str:
        """The API's part of the name."""
        return _own_name(self.name)

    @property
    def required(self) -> list[Parameter]:
        return [parameter for parameter in self.parameters if parameter.required]


@dataclass(frozen=True, eq=False)
class Offer:
    """All functions of a request but `Finish`."""

    functions: tuple[Function, ...]

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
    shown = [tool for tool in tools if tool.get("name") != FINISH]
    wishes = [_wish(tool) for tool in shown]
    parameters = [from_object_schema(tool.get("parameters")) for tool in shown]
    gists = [_gist(*documented) for documented in zip(shown, wishes, parameters, strict=True)]
    counted = Counter(stem for gist in gists for stem in gist)
    rarity = {
        stem: math.log(1 + (len(shown) + 0.5) / (times + 0.5)) - 0.35 for stem, times in counted.items()
    }
    functions = (
        Function(
            name=str(tool["name"]),
            wish=wishes[order],
            parameters=parameters[order],
            weights={stem: share * rarity[stem] for stem, share in gists[order].items()},
            weight=sum(rarity[stem] for stem, share in gists[order].items() if share >= 1.0),
            phrases=_own_phrases(wishes[order]),
            order=order,
        )
        for order, tool in enumerate(shown)
    )
    return Offer(tuple(functions))


def _wish(tool: Json) -> Wish:
    return wish_from(str(tool.get("description") or ""), _own_name(str(tool["name"])))


def _own_name(name: str) -> str:
    """The API's part of a name such as `search_for_some_tool`."""
    return name.split("_for_", maxsplit=1)[0]


@lru_cache(maxsize=4096)
def phrases_of(text: str) -> frozenset[tuple[str, ...]]:
    """Every two and every three words in a row."""
    words = _words(text)
    return frozenset((*pairwise(words), *zip(words, words[1:], words[2:], strict=False)))


def _own_phrases(wish: Wish) -> frozenset[tuple[str, ...]]:
    """Every three words in a row of a wish; of a shorter one all it has."""
    words = _words(wish.text)
    if len(words) == 2:
        return frozenset([tuple(words)])
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _gist(tool: Json, wish: Wish, parameters: tuple[Parameter, ...]) -> dict[str, float]:
    """The stems of a function's documentation, with the share of their rarity that counts."""
    description = api_description(str(tool.get("description") or ""))
    gist: dict[str, float] = {}
    weighed = (
        (name_stems(_own_name(str(tool["name"]))), 1.0),
        (stems(wish.text), 1.0),
        (stems(first_sentences(description, _TELLING_CHARACTERS // 2)), 0.6),
        (stems(description[:_TELLING_CHARACTERS]), 0.3),
        (name_stems(str(tool["name"])), 0.4),
        (tuple(stem for parameter in parameters for stem in parameter.stems), 0.4),
    )
    for found, share in weighed:
        for stem in found:
            if len(stem) > 1 or stem.isdigit():
                gist[stem] = max(gist.get(stem, 0), share)
    return gist
