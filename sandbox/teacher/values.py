"""Values for parameters: chosen for a call, said by a person, and read from what a person says."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.teacher import faults
from sandbox.teacher.documents import PREPOSITIONS, Api, Parameter, name_stems, spoken

_PLACES = ((52.52, 13.41), (48.86, 2.35), (40.71, -74.01), (35.68, 139.69), (51.51, -0.13), (59.91, 10.75))
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def look(value: object) -> str:
    """How a value looks: "EUR" is "AAA", "Oslo" is "Aa", "2026-01-15" is "9-9-9"; running text is "text"."""
    text = re.sub(r"[^\W\d_a-z]", "A", str(value))
    text = re.sub(r"\d+", "9", re.sub(r"a+", "a", re.sub(r"[^\W\dA]", "a", text)))
    return "text" if text.count(" ") >= 4 else text


@cache
def _pools() -> list[tuple[list[set[str]], list[str], bool]]:
    read = tomllib.loads((Path(__file__).parent / "pools.toml").read_text(encoding="utf-8"))
    return [
        ([set(name_stems(name)) for name in pool["names"]], pool["values"], pool.get("vague", False))
        for pool in read["pool"]
    ]


def pool_of(parameter: Parameter, known: list[Any]) -> list[str]:
    """What anybody knows by the parameter's name, and looks like what the documents show, if anything."""
    looks = {look(value) for value in known}
    words = set(name_stems(parameter.name))
    for names, values, vague in _pools():
        alike = [value for value in values if not looks or look(value) in looks]
        if alike and not (vague and looks) and any(name <= words for name in names):
            return alike
    return []


def value_for(api: Api, parameter: Parameter, *seed: object) -> Any:  # noqa: PLR0911  # a case for each kind
    """A value for a call of the API, None where nothing plausible is known."""
    seed = (*seed, parameter.name)
    if parameter.enum:
        return faults.pick(parameter.enum, *seed)
    known = list(parameter.shown)
    if (called := parameter.fit(api.called.get(parameter.name))) is not None and parameter.name in api.called:
        known.insert(0, called)
    if parameter.kind in {"number", "integer"}:
        return _number_for(parameter, known, *seed)
    if parameter.kind == "boolean":
        return True
    if parameter.kind == "object":
        return known[0] if known else None
    if parameter.kind == "array":
        return _list_for(parameter, known, *seed)
    shown = str(known[0]) if known else ""
    dated = {"date", "day", "since", "until", "start", "end", "birthday"} & set(
        spoken(parameter.name).split()
    )
    if _ISO_DATE.search(shown) or (not known and dated):
        return _day_for(parameter, shown or "2026-03-14", *seed)
    pool = pool_of(parameter, known)
    if known and (not pool or faults.chance(0.4, *seed, "as shown")):
        return faults.pick(known, *seed)
    return faults.pick(pool, *seed) if pool else None


def _number_for(parameter: Parameter, known: list[Any], *seed: object) -> float | int:
    words = spoken(parameter.name).split()
    axis = next((axis for axis, name in enumerate(("latitude", "longitude")) if name in words), None)
    if axis is not None and parameter.kind == "number":
        # The same place for both, and another one for "latitude 2".
        places = faults.shuffled(_PLACES, *seed[:-1])
        place = places[sum(int(word) for word in words if word.isdecimal()) % len(places)]
        if parameter.allows(place[axis]):
            return place[axis]
    low, high = parameter.bound("minimum"), parameter.bound("maximum")
    if known:
        base = float(known[0])
    elif "year" in words:
        base = 2025
    else:
        base = (low + min(high - low, 20) / 2) if low is not None and high is not None else (low or 0) + 10
    if "year" in words and 1900 < base < 2100:
        options = [base + step for step in range(-3, 4)]
    else:
        options = [base * factor for factor in (0.5, 0.8, 1, 1.2, 1.5, 2, 2.5, 4)] if base else [1.0, 2, 3, 5]
    whole = parameter.kind == "integer" or base.is_integer()
    rounded = [round(option) if whole else round(option, 2) for option in options]
    fitting = [one for one in rounded if parameter.allows(one) and (one != 0 or base == 0)]
    drawn: float | int = faults.pick(fitting or known or [round(base)], *seed)
    return drawn


def _list_for(parameter: Parameter, known: list[Any], *seed: object) -> list[Any] | None:
    if known and isinstance(known[0], list):
        first = known[0]
        if any(isinstance(value, (dict, list, bool)) for value in first):
            return first
        if all(isinstance(value, (int, float)) for value in first):
            factor = faults.pick((1, 2, 3), *seed)
            return [round(value * factor, 2) for value in first]
        others = [value for value in pool_of(parameter, first) if value not in first]
        return faults.shuffled([*first, *others], *seed)[: len(first)] if others else first
    items = parameter.schema.get("items")
    inner = Parameter(parameter.name, True, items if isinstance(items, dict) else {})
    if inner.kind in {"number", "integer"}:
        return [faults.between(2, 60, *seed, index) for index in range(4)]
    if inner.enum:
        return [faults.pick(inner.enum, *seed)]
    return faults.shuffled(pool_of(inner, []), *seed)[:3] or None


def _day_for(parameter: Parameter, shown: str, *seed: object) -> str:
    """A day some weeks after the one that is shown, the end of a stretch later than its start."""
    late = bool({"end", "until", "to"} & set(spoken(parameter.name).split()))
    days = faults.between(1, 90, *seed) + (100 if late else 0)
    try:
        return _ISO_DATE.sub(
            lambda day: (date.fromisoformat(day[0]) + timedelta(days=days)).isoformat(), shown, count=1
        )
    except ValueError:
        return shown


# Values in what people say.  What is written by `said` is read by `read_said`, letter for letter.


def said(parameter: Parameter, value: Any) -> str:
    """`the city "Oslo"`, `the values 7, 8 and 9`, `from "mile"`."""
    flat = isinstance(value, list) and value and not any(isinstance(one, (list, dict)) for one in value)
    *before, last = [json.dumps(one, ensure_ascii=False) for one in (value if flat else [value])]
    text = f"{', '.join(before)} and {last}" if before else last
    return f"{_called(parameter)} {text}"


def _called(parameter: Parameter) -> str:
    name = spoken(parameter.name) or "value"
    return name if name in PREPOSITIONS else f"the {name}"


def read_said(parameter: Parameter, text: str) -> Any:
    """The value that a text gives beside the parameter's name, None where it gives none."""
    for found in re.finditer(rf"\b{re.escape(_called(parameter))} (?=[\"\[{{\d-]|true|false)", text):
        values = list(_values_at(text, found.end()))
        value = values if parameter.kind == "array" and not isinstance(values[:1], dict) else None
        if parameter.kind == "array" and len(values) == 1 and isinstance(values[0], list):
            value = values[0]
        elif parameter.kind != "array" and values:
            value = parameter.fit(values[0])
        if value is not None and values:
            return value
    return None


def _values_at(text: str, at: int) -> Iterator[Any]:
    """The JSON value there, and those that follow with commas and "and"."""
    decoder = json.JSONDecoder()
    while True:
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            return
        yield value
        joint = re.compile(r"(?:, | and )(?=[\"\d-]|true|false)").match(text, at)
        if joint is None:
            return
        at = joint.end()


_BARE = re.compile(r"(?<![\w\"])(?:\"([^\"]*)\"|([\w+@/#][\w.+:/@#%-]*))")


def read_free(parameter: Parameter, text: str, taken: set[str], *, apart: bool) -> Any:
    """A value in words that were not written by rules: beside the parameter's name, or else of its kind.

    taken: values that belong to other parameters; one is added.  apart: also a value that stands alone.
    """
    name = spoken(parameter.name)
    first = name.split(" ")[0]
    names = [name, *([first] if first in PREPOSITIONS else [])]
    near = [
        token
        for one in names
        for found in re.finditer(rf"\b{re.escape(one)}(?: is| of| to|:| =)? ", text, re.IGNORECASE)
        if (token := _BARE.match(text, found.end()))
    ]
    alone = list(_BARE.finditer(text)) if apart or parameter.enum else []
    for position, token in enumerate([*near, *alone]):
        word = token[1] if token[1] is not None else (token[2] or "").rstrip(".,:;?!")
        if word in taken or not word or (not parameter.enum and not _suits(parameter, token, word)):
            continue
        if position >= len(near) and not parameter.enum and _begins_sentence(text, token.start()):
            continue
        value = parameter.fit(word)
        if value is not None:
            taken.add(word)
            return value
    return None


def _suits(parameter: Parameter, token: re.Match[str], word: str) -> bool:
    if parameter.kind in {"number", "integer"}:
        return bool(re.fullmatch(r"-?\d[\d,.]*", word))
    dated = any(_ISO_DATE.search(str(one)) for one in parameter.shown) or "YYYY" in str(parameter.schema)
    if dated or {"date", "day"} & set(spoken(parameter.name).split()):
        return bool(_ISO_DATE.match(word))
    shaped = bool(re.search(r"[A-Z@]|://|\w\.\w", word)) or (
        bool(re.search(r"\d", word)) and not parameter.shown
    )
    return (
        parameter.kind in {"string", "array"}
        and not _ISO_DATE.match(word)
        and (token[1] is not None or shaped)
    )


def _begins_sentence(text: str, at: int) -> bool:
    before = text[:at].rstrip()
    return (not before or before[-1] in ".!?:") and text[at : at + 1].isalpha()
