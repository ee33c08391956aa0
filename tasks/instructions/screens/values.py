"""Screens of the values that an instruction must give."""

from __future__ import annotations

import re
from typing import Any

from tasks import exact_json
from tasks.instructions.screens.instruction import Screened
from warehouse.tables.catalogue import Parameter


def missing_value(instruction: Screened) -> str | None:
    """No API that it needs could be called first: each requires a value of a kind the text has none of.

    Only kinds that can be told by their looks: numbers, dates, addresses.  What any word could be, what has
    a default or a choice of values, and coordinates (a place has them) are left to the judge.
    """
    lacking = [_lacking(instruction, api.api_id) for api in instruction.found]
    if not lacking or None in lacking:
        return None
    return "; ".join(
        f"no {kind} for {parameter.name!r} of {api.api_name!r}"
        for api, found in zip(instruction.found, lacking, strict=True)
        if found is not None
        for parameter, kind in [found]
    )


def _lacking(instruction: Screened, api_id: str) -> tuple[Parameter, str] | None:
    """The first required parameter of the API for which the text cannot hold a value."""
    for parameter in instruction.parameters.get(api_id, ()):
        kind = _kind_of(parameter) if parameter.required and parameter.default is None else None
        if kind is not None and not _LOOKS[kind].search(instruction.query):
            return parameter, kind
    return None


def _kind_of(parameter: Parameter) -> str | None:
    schema = _schema_of(parameter)
    if "enum" in schema or _COORDINATE.search(parameter.name):
        return None
    told = f"{schema.get('format') or ''} {_words_in(parameter.name)}".lower()
    kind = next((kind for kind, sign in _SIGNS.items() if sign.search(told)), None)
    numeric = parameter.type.lower() in {"integer", "number", "int", "float"}
    return kind or ("number" if numeric else None)


def _schema_of(parameter: Parameter) -> dict[str, Any]:
    schema = {} if parameter.schema is None else exact_json.loads(parameter.schema)
    return schema if isinstance(schema, dict) else {}


def _words_in(name: str) -> str:
    """`startDate` and `start_date` as words."""
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))


_COORDINATE = re.compile(r"lat|lon|lng|coord", re.IGNORECASE)
_SIGNS = {
    "e-mail address": re.compile(r"\be ?mail\b"),
    "address": re.compile(r"\b(?:uri|url)\b"),
    "date": re.compile(r"\bdate\b"),
}
_NUMBER_WORDS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundred|thousand"
    "|million|dozen|half|quarter|once|twice|pair|couple|first|second|third|single|few|latest|last|today"
)
_DATE_WORDS = (
    "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tues|wednes|thurs|fri|satur|sun|today|tonight|tomorrow"
    "|yesterday|now|current|latest|next|last|this|past|coming|week|month|year|christmas|easter|eve"
)
_LOOKS = {
    "e-mail address": re.compile(r"\S@\S"),
    "address": re.compile(r"://|\bwww\.|\b[\w-]+\.[a-z]{2,}\b", re.IGNORECASE),
    "date": re.compile(rf"\d|\b(?:{_DATE_WORDS})", re.IGNORECASE),
    "number": re.compile(rf"\d|\b(?:{_NUMBER_WORDS})\b", re.IGNORECASE),
}
