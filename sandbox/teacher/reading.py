"""Which APIs a request asks for, and the values it gives: what was written is found again."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sandbox.teacher.documents import (
    Api,
    name_stems,
    of_function,
    stems,
)
from sandbox.teacher.prompts import (
    FINISH,
)
from sandbox.teacher.values import read_free, read_said
from sandbox.teacher.writing import EARLIER

Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a request and the API that serves it.  literal: it has the very words of its description."""

    api: Api
    text: str
    literal: bool


@lru_cache(maxsize=1024)
def apis_of(functions: str) -> tuple[Api, ...]:
    return tuple(
        of_function(function) for function in json.loads(functions) if function.get("name") != FINISH
    )


def parts_of(query: str, apis: Sequence[Api]) -> list[Part]:
    """What a request asks for, in its order: first by the words of descriptions, else by what they share."""
    lowered = query.lower()
    places: list[tuple[int, int, Api]] = []
    for api in apis:
        wish = api.wish.lower()
        at = lowered.find(wish if len(wish) < 120 else wish[:120])
        if at >= 0:
            places.append((at, at + len(wish), api))
    places.sort(key=lambda place: (place[0], -place[1]))
    kept: list[tuple[int, int, Api]] = []
    for place in places:
        if not kept or place[0] >= kept[-1][1]:
            kept.append(place)
    ends = [*(at for at, _, _ in kept[1:]), len(query)][: len(kept)]
    found = [Part(api, query[at:end], literal=True) for (at, _, api), end in zip(kept, ends, strict=True)]
    return found or _likely_parts(query, apis)


def _likely_parts(query: str, apis: Sequence[Api]) -> list[Part]:
    """For each sentence the API that shares most with it, words counting by how few APIs have them."""
    n_having = Counter(word for api in apis for word in api.words)
    found: dict[str, tuple[float, int, Part]] = {}
    for number, sentence in enumerate(
        re.split(r"(?<=[.!?;])\s+|,? and (?=(?:tell|give|show|find)\b)", query)
    ):
        words = set(stems(sentence)) | {word.lower() for word in sentence.split()} & n_having.keys()
        for api in apis:
            wished = set(stems(api.wish))
            score = sum((1 + (word in wished)) / n_having[word] for word in words & api.words)
            if score >= 1.0 and len(words & (wished | set(name_stems(api.name)))) >= min(2, len(wished)):
                part = Part(api, sentence, literal=False)
                if api.name not in found or score > found[api.name][0]:
                    found[api.name] = (score, number, part)
    best: dict[int, tuple[float, int, Part]] = {}
    for score, number, part in found.values():
        if number not in best or score > best[number][0]:
            best[number] = (score, number, part)
    return [part for _, _, part in sorted(best.values(), key=lambda one: one[1])]


def given_values(part: Part, query: str) -> Json:
    """The values that a request gives for the parameters of the API."""
    parameters, given = part.api.parameters, {}
    after = part.text[len(part.api.wish) :] if part.literal else part.text
    for parameter in parameters:
        value = read_said(parameter, after)
        if value is not None:
            given[parameter.name] = value
    if part.literal and (given or EARLIER in after or not part.api.required):
        return given
    taken = {str(value) for value in given.values()}
    for text in (part.text, query):
        for apart in (False, True):
            for parameter in parameters:
                if parameter.name not in given and (parameter.required or not apart):
                    value = read_free(parameter, text, taken, apart=apart and parameter.required)
                    if value is not None:
                        given[parameter.name] = value
    return given
