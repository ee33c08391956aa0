"""Concrete values for parameters: what the documents show, varied within type, bounds and look."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from sandbox.teaching import dice
from sandbox.teaching.parameter import Parameter
from sandbox.teaching.words import name_stems

_FACTORS = (0.5, 0.8, 1, 1.2, 1.5, 2, 2.5, 4)
_WHOLE_FACTORS = (1, 2, 3, 4)
_PLACES = (
    (52.52, 13.41),
    (48.86, 2.35),
    (40.71, -74.01),
    (35.68, 139.69),
    (51.51, -0.13),
    (59.91, 10.75),
    (-33.87, 151.21),
    (41.9, 12.5),
    (38.72, -9.14),
    (-1.29, 36.82),
)
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_CLOCK = re.compile(r"^(\d{1,2}):(\d{2})(:\d{2})?$")
_NUMBER = re.compile(r"^-?\d+(?:\.\d+)?$")
_DAY_NAMES = frozenset(name_stems("date day since until start end birthday deadline"))
_PROSE_SPACES = 4
_IDENTIFIER = ("id",)
_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2100


@dataclass(frozen=True)
class _Pool:
    stems: tuple[frozenset[str], ...]
    values: tuple[str, ...]
    vague: bool


def look(value: object) -> str:
    """How a value looks: "EUR" is "AAA", "Oslo" is "Aa", "2026-01-15" is "9-9-9", "8.5" is "9.9"."""
    text = re.sub(r"[^\W\d_a-z]", "A", str(value))
    text = re.sub(r"[^\W\d_A]", "a", text)
    return re.sub(r"\d+", "9", re.sub(r"a+", "a", text))


def is_dated(parameter: Parameter) -> bool:
    """Whether the parameter wants a date, by its name or by what the documents show."""
    shown = any(_ISO_DATE.search(str(example)) for example in parameter.examples)
    return shown or (not parameter.examples and bool(_DAY_NAMES & set(parameter.stems)))


class Chooser:
    """Chooses values for the parameters of one request to the API; seed: what the choice depends on.

    called, response: a call of it that was answered.
    """

    def __init__(self, *seed: object, response: Any = None, called: Any = None) -> None:
        self._seed = seed
        self._called = called if isinstance(called, dict) else {}
        self._shown = _shown_values(response)
        self._taken: set[str] = set()

    def value(self, parameter: Parameter) -> Any:
        """A value, or None where nothing plausible is known."""
        chosen = self._value(parameter)
        if chosen is not None:
            self._taken.add(str(chosen))
        return chosen

    def _value(self, parameter: Parameter) -> Any:
        if parameter.enum:
            return self._pick(list(parameter.enum), parameter)
        if parameter.stems[-1:] == _IDENTIFIER and (real := self._known(parameter)):
            return self._pick(real, parameter)  # others need not exist
        by_kind: dict[str, Callable[[Parameter], Any]] = {
            "boolean": lambda _: True,
            "number": self._number,
            "integer": self._number,
            "array": self._list,
            "object": self._object,
        }
        return by_kind.get(parameter.kind, self._text)(parameter)

    def _pick(self, options: list[Any], parameter: Parameter) -> Any:
        free = [option for option in options if str(option) not in self._taken] or options
        return dice.pick(free, *self._seed, parameter.name)

    def _known(self, parameter: Parameter) -> list[Any]:
        called = [self._called[parameter.name]] if parameter.name in self._called else []
        known: list[Any] = []
        for value in (*parameter.examples, *called, *self._shown.get(parameter.stems, [])):
            if value not in known:
                known.append(value)
        return known

    def _number(self, parameter: Parameter) -> float | int | None:
        place = self._coordinate(parameter)
        if place is not None:
            return place
        base = next(
            (number for known in self._known(parameter) if (number := _as_number(known)) is not None), None
        )
        if base is None:
            base = _middle(parameter)
        return self._varied(base, parameter)

    def _coordinate(self, parameter: Parameter) -> float | None:
        """Latitude and longitude of the same place, unless bounds or integers speak against it."""
        which = {"latitud": 0, "longitud": 1}
        index = next((which[stem] for stem in parameter.stems if stem in which), None)
        if index is None or parameter.kind == "integer":
            return None
        endings = [stem for stem in parameter.stems if stem not in which]
        value = dice.pick(_PLACES, *self._seed, "place", *endings)[index]
        return value if parameter.allows(value) else None

    def _varied(self, base: float, parameter: Parameter) -> float | int:
        if "year" in parameter.stems and _EARLIEST_YEAR < base < _LATEST_YEAR:
            options = [base + step for step in range(-3, 4)]
        elif base == 0:
            options = [1, 2, 3, 5, 8, 10, 12]
        else:
            options = [base * factor for factor in _FACTORS]
        whole = parameter.kind == "integer" or float(base).is_integer()
        rounded = [round(option) if whole else round(option, 2) for option in options]
        fitting = [option for option in rounded if parameter.allows(option) and (option != 0 or base == 0)]
        return self._pick(fitting, parameter) if fitting else _plain_number(base)

    def _text(self, parameter: Parameter) -> Any:
        known = [value for value in self._known(parameter) if not isinstance(value, (dict, list))]
        example = str(known[0]) if known else ""
        if _ISO_DATE.search(example) or (not known and is_dated(parameter)):
            return self._day(example or "2026-03-14", parameter)
        if _CLOCK.match(example):
            hour = dice.between(6, 21, *self._seed, parameter.name)
            return f"{hour:02d}:{dice.pick(('00', '15', '30'), *self._seed)}"
        if _NUMBER.match(example) and "." not in example and len(example) < 6 and not example.startswith("0"):
            return self._pick([example, *map(str, known[1:])], parameter)
        return self._word(parameter, known)

    def _word(self, parameter: Parameter, known: list[Any]) -> Any:
        looks = {look(value) for value in known}
        common = list(_pool_values(parameter.stems, frozenset(looks)))
        if known and (not common or dice.chance(0.4, *self._seed, parameter.name, "as shown")):
            return self._pick(known, parameter)
        return self._pick(common, parameter) if common else None

    def _day(self, example: str, parameter: Parameter) -> str:
        found = _ISO_DATE.search(example)
        if found is None:
            return example
        late = bool({"end", "until", "to"} & set(parameter.stems))
        days = dice.between(1, 90, *self._seed, parameter.name) + (100 if late else 0)
        try:
            moved = date(*map(int, found.groups())) + timedelta(days=days)
        except ValueError:
            return example
        return example[: found.start()] + moved.isoformat() + example[found.end() :]

    def _list(self, parameter: Parameter) -> list[Any] | None:
        for known in parameter.examples:
            if isinstance(known, list) and known and not isinstance(known[0], (dict, list)):
                return self._list_like(known, parameter)
        nested = next((known for known in parameter.examples if isinstance(known, list) and known), None)
        if nested is not None:
            return nested
        kind = str(parameter.items.get("type", "string"))
        if kind in {"number", "integer"}:
            return [dice.between(2, 60, *self._seed, parameter.name, index) for index in range(4)]
        if isinstance(parameter.items.get("enum"), list) and parameter.items["enum"]:
            return [self._pick(parameter.items["enum"], parameter)]
        words = _pool_values(parameter.stems, frozenset())
        return dice.shuffled(words, *self._seed, parameter.name)[:3] if words else None

    def _list_like(self, known: list[Any], parameter: Parameter) -> list[Any]:
        if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in known):
            whole = all(isinstance(value, int) for value in known)
            factor = dice.pick(_WHOLE_FACTORS if whole else _FACTORS, *self._seed, parameter.name)
            return [_plain_number(round(value * factor, 2)) for value in known]
        looks = frozenset(look(value) for value in known)
        others = [value for value in _pool_values(parameter.stems, looks) if value not in known]
        drawn = dice.shuffled([*known, *others], *self._seed, parameter.name)[: len(known)]
        return drawn if others else known

    def _object(self, parameter: Parameter) -> Any:
        shown = next((known for known in parameter.examples if isinstance(known, dict)), None)
        if shown is not None:
            return shown
        inner = {inner.name: self.value(inner) for inner in parameter.properties if inner.required}
        return inner if inner and None not in inner.values() else None


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    return float(value) if isinstance(value, str) and _NUMBER.match(value) else None


def _plain_number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


def _middle(parameter: Parameter) -> float:
    low, high = parameter.minimum, parameter.maximum
    if "year" in parameter.stems:
        return 2025
    if low is not None and high is not None:
        return round((low + high) / 2, 2) if parameter.kind == "number" else (low + high) // 2
    if low is not None:
        return low + 10
    return min(10, high) if high is not None else 10


@lru_cache(maxsize=1)
def _pools() -> tuple[_Pool, ...]:
    read = tomllib.loads((Path(__file__).parent / "pools.toml").read_text(encoding="utf-8"))
    return tuple(
        _Pool(
            tuple(frozenset(name_stems(name)) for name in pool["names"]),
            tuple(pool["values"]),
            pool.get("vague", False),
        )
        for pool in read["pool"]
    )


def _looks_alike(value: str, looks: frozenset[str]) -> bool:
    """Of the same look, or both running text."""
    return look(value) in looks or (_is_prose(value) and any(map(_is_prose, looks)))


def _is_prose(text: str) -> bool:
    return text.count(" ") >= _PROSE_SPACES


@lru_cache(maxsize=4096)
def _pool_values(stems: tuple[str, ...], looks: frozenset[str]) -> tuple[str, ...]:
    """Values of the first pool that fits the name, and looks like what the documents show, if anything."""
    words = frozenset(stems)
    for pool in _pools():
        if any(name <= words for name in pool.stems):
            values = tuple(value for value in pool.values if not looks or _looks_alike(value, looks))
            if values and not (pool.vague and looks):
                return values
    return ()


def _shown_values(response: Any) -> dict[tuple[str, ...], list[Any]]:
    """Strings and numbers of an example response, by the stems of their key."""
    shown: dict[tuple[str, ...], list[Any]] = {}
    for key, value in _leaves(response):
        values = shown.setdefault(name_stems(key), [])
        if len(values) < 6 and value not in values:
            values.append(value)
    return shown


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, str(name))
    elif isinstance(value, list):
        for inner in value[:6]:
            yield from _leaves(inner, key)
    elif isinstance(value, (str, int, float)) and not isinstance(value, bool) and len(str(value)) < 40:
        yield key, value
