"""Which values an instruction must give and does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.exact_json import Json
from warehouse.tables.catalogue import Parameter
from warehouse.tables.instructions import RelevantApi

_DEEPEST = 4


def missing_values(
    query: str, needed: Sequence[RelevantApi], parameters: Mapping[str, tuple[Parameter, ...]]
) -> str | None:
    """No API that it needs could be called first: each requires a value of a kind the text has none of.

    Only kinds that can be told by their looks: numbers, dates, addresses, names and codes where the catalogue
    shows one, lists and objects.  A default that is not said is taken from nowhere, and counts as missing.
    What any word could be, what has a choice of values, and coordinates (a place has them) are left to the
    judge.
    """
    lacking = [_lacking(query, parameters.get(api.api_id, ())) for api in needed]
    if not lacking or None in lacking:
        return None
    return "; ".join(
        f"no {wanted.kind} for {wanted.name!r} of {api.api_name!r}"
        for api, wanted in zip(needed, lacking, strict=True)
        if wanted is not None
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A value that a parameter requires.  least: how many of its kind, for lists."""

    name: str
    kind: str
    least: int = 1


def _lacking(query: str, parameters: Sequence[Parameter]) -> _Wanted | None:
    """The first required value of an API that the text cannot hold; numbers are counted together."""
    numbers = 0
    for parameter in parameters:
        if not parameter.required:
            continue
        own = None if parameter.schema is None else json.loads(parameter.schema)
        schema = {"type": parameter.type, "description": parameter.description}
        schema.update(own if isinstance(own, dict) else {})
        for wanted in _wanted(parameter.name, schema, parameter.shown):
            numbers += wanted.least if wanted.kind == "number" else 0
            least = numbers if wanted.kind == "number" else wanted.least
            if len(_LOOKS[wanted.kind].findall(query)) < least:
                return wanted
    return None


def _wanted(name: str, schema: Json, shown: Any = None, depth: int = _DEEPEST) -> Iterator[_Wanted]:
    """What a value of the schema takes; of an object what its required properties take."""
    if schema.get("enum") or _COORDINATE.search(name) or not depth:
        return
    kind = str(schema.get("type") or "").lower()
    inner = schema.get("items")
    properties = schema.get("properties")
    if kind in _LISTS:
        element = next(iter(shown), None) if isinstance(shown, list) else None
        items = inner if isinstance(inner, dict) and inner else {"type": _type_of(element)}
        # A list of lists is a table: of one row or column hardly anybody speaks.
        least = 2 if items.get("type") == "array" or depth < _DEEPEST else 1
        if type(schema.get("minItems")) is int:
            least = max(least, schema["minItems"])
        found = [
            _Wanted(wanted.name, wanted.kind, wanted.least * least)
            for wanted in _wanted(name, items, element, depth - 1)
        ]
        yield from found or [_Wanted(name, "values")]
    elif kind in _OBJECTS:
        required = schema.get("required")
        named = required if isinstance(required, list) else []
        known = properties if isinstance(properties, dict) else {}
        described = {str(one): known[one] for one in named if isinstance(known.get(one), dict)}
        found = [
            wanted for one, inside in described.items() for wanted in _wanted(one, inside, None, depth - 1)
        ]
        yield from found or [_Wanted(name, "values")]
    elif (looks := _kind_of(name, schema, shown, kind)) is not None:
        yield _Wanted(name, looks)


def _kind_of(name: str, schema: Json, shown: Any, kind: str) -> str | None:
    # `startDate` and `start_date` as words.
    words = re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    told = f"{schema.get('format') or ''} {words}".lower()
    found = next((looks for looks, sign in _SIGNS.items() if sign.search(told)), None)
    description = str(schema.get("description") or "")
    if found is None and kind not in _NUMBERS and (_IS_DAY.match(str(shown)) or _DAY.search(description)):
        found = "date"
    if found == "date" and _RELATIVE_TAKEN.search(f"{description} {shown}"):
        return "date or day"
    if found is None and kind not in _NUMBERS and isinstance(shown, str) and _NAME_OR_CODE.match(shown):
        return "name or code"
    return found or ("number" if kind in _NUMBERS else None)


def _type_of(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "number"
    return "object" if isinstance(value, dict) else "string"


_NUMBERS = frozenset({"integer", "number", "int", "float", "double", "decimal"})
_LISTS = frozenset({"array", "list"})
_OBJECTS = frozenset({"object", "dict"})
_COORDINATE = re.compile(r"lat|lon|lng|coord", re.IGNORECASE)
_SIGNS = {
    "e-mail address": re.compile(r"\be ?mail\b"),
    "address": re.compile(r"\b(?:uri|url)\b"),
    "identifier (UUID)": re.compile(r"\buuid\b"),
    "IP address": re.compile(r"\bip(?:v[46])?\b(?: address)?$"),
    "date": re.compile(r"\bdate(?: ?time)?\b(?! (?:format|style|type|pattern|field|locale))"),
}
_IS_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAY = re.compile(r"\b(?:YYYY-?MM-?DD|DD[./-]MM[./-]YYYY)\b|\bISO[ -]8601 (?:date|day)", re.IGNORECASE)
_RELATIVE_TAKEN = re.compile(r"\b(?:today|tomorrow|yesterday|latest|now)\b", re.IGNORECASE)
_NUMBER_WORDS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    "|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|dozen"
    "|half|quarter|once|twice|pair|couple|first|second|third|fourth|fifth|single|few|zero|noon|midnight"
    "|january|february|march|april|june|july|august|september|october|november|december"
)
_RELATIVE_DAY = (
    r"today|tonight|tomorrow|yesterday|now|current|latest|(?:next|last|this|past|coming) \w+"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
)
_AMOUNT = r"(?:euros?|dollars?|pounds?|francs?|usd|eur|gbp|kg|\w*met(?:re|er)s?|miles?|people|words|grams?)"
# The assistant is not told which day it is: only with its year a day is one.
_WHOLE_DAY = (
    rf"(?<!\d)\d{{4}}-\d{{1,2}}(?!\d)|(?<!\d)\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}(?!\d)"
    rf"|(?<![$€£\d.,])(?:1[5-9]|20|21)\d\d(?!\d)(?!\s*{_AMOUNT}\b)(?![.,]\d)"
)
_NAME_OR_CODE = re.compile(r"[A-Z]")
_AND = "(?:and|or|und|oder|et|ou|y|o|e|en|of|og|och|и)"
# Written otherwise than words are; where letters have no capitals, any word may be a name.
_VALUE = r"\d|[\"“”„«「\[{:]|(?<!\w)'[^']+'|(?<=[a-z,;] )(?!I\b)[A-ZÀ-ÞΑ-ΩА-Я][\w-]*|[^\W\d_a-zA-ZÀ-ɏͰ-ӿ]"
_LOOKS = {
    "e-mail address": re.compile(r"\S@\S"),
    "address": re.compile(r"://|\bwww\.|\b[\w-]+\.[a-z]{2,}\b", re.IGNORECASE),
    "identifier (UUID)": re.compile(r"\b[0-9a-f]{8}-?[0-9a-f]{4}", re.IGNORECASE),
    "IP address": re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|[0-9a-f]*:[0-9a-f:]*:", re.IGNORECASE),
    "date": re.compile(_WHOLE_DAY, re.IGNORECASE),
    "date or day": re.compile(rf"{_WHOLE_DAY}|\b(?:{_RELATIVE_DAY})\b", re.IGNORECASE),
    # Something in quotes or brackets, a name, or things side by side.
    "values": re.compile(
        rf"{_VALUE}|\w+, [\w ]+(?:,|\b{_AND}\b)|\w+ {_AND} \w+|\u3001",
    ),
    "name or code": re.compile(_VALUE),
    "number": re.compile(rf"\d+(?:[.,:]\d+)*|\b(?:{_NUMBER_WORDS})\b", re.IGNORECASE),
}
