"""How people say values: in running text, as amounts, after a preposition, and several of them in a row."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.teaching import dice
from sandbox.teaching.parameter import Parameter
from sandbox.teaching.words import article_for, word_set

_UNITS = word_set("units")
_MERE_NUMBERS = frozenset(("number", "value", "integer", "latitude", "longitude"))
_GIVING = ("given", "using", "with")
_CHOICES = ("{value} as the {spoken}", "the {spoken} {value}", "the {spoken} set to {value}")
_PLURALS = {"people": "person", "children": "child", "persons": "person"}
PREPOSITION_OF = {
    **{name: name for name in ("after", "before", "since", "until", "on", "near", "within")},
    "born": "born on",
    **dict.fromkeys(("city", "town", "country", "place", "location"), "for"),
    "year": "in",
    "date": "on",
    "day": "on",
}
SOURCE = frozenset(("from", "source", "origin", "start", "begin", "since", "departure", "base", "first"))
TARGET = frozenset(("to", "target", "destination", "end", "until", "arrival", "second"))


@dataclass(frozen=True)
class Said:
    """A parameter and the value a person gives it."""

    parameter: Parameter
    value: Any

    @property
    def text(self) -> str:
        return spoken_value(self.value, self.parameter)


def spoken_value(value: Any, parameter: Parameter) -> str:
    """A value in running text, quoted where it would not stand out as a value otherwise."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if is_nested(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, list):
        return enumerated([spoken_value(item, parameter) for item in value])
    text = str(value)
    stands_out = bool(re.fullmatch(r"[A-Z0-9][\w.+:/-]*|\d\S*|[^\s@]+@\S+|https?://\S+", text))
    if parameter.numeric or not isinstance(value, str) or text in map(str, parameter.enum) or stands_out:
        return text
    return f'"{text}"'


def is_nested(value: Any) -> bool:
    """Whether it takes JSON to say the value: an object, or a list of objects or lists."""
    listed = isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value)
    return listed or isinstance(value, dict)


def role_of(parameter: Parameter) -> str | None:
    """ "from" or "to" for a parameter that is one of two ends."""
    words = parameter.spoken.split()
    ends = {words[0], words[-1]} if words else set()
    if ends & SOURCE:
        return "from"
    return "to" if ends & TARGET else None


def amount(noun: str, value: str) -> str:
    """ "a price of 5", but "5 days", "1 day", "a length of 3 mm", "x = 2" and "the number 5"."""
    *words, last = noun.split() or [""]
    if words and last in _UNITS:
        return f"{_a(' '.join(words))} of {value} {last}"
    if noun in _MERE_NUMBERS:
        return f"the {noun} {value}"
    if len(noun) == 1:
        return f"{noun} = {value}"
    if noun in _PLURALS:
        return f"{value} {_PLURALS[noun] if value == '1' else noun}"
    head = noun.partition(" per ")[0]
    if head.endswith("s") and not head.endswith(("ss", "us", "is")):
        return f"{value} {head.removesuffix('s') if value == '1' else head}{noun[len(head) :]}"
    return f"{_a(noun)}{' value' if noun.endswith('ly') and not words else ''} of {value}"


def _a(noun: str) -> str:
    return f"{article_for(noun)} {noun}"


def added(text: str, left: Sequence[Said], *seed: object) -> str:
    """What the wish had no place for, with the prepositions people would use, or in parentheses."""
    leading = [phrase for item in left if (phrase := _prepositional(item))]
    rest = sorted(
        (item for item in left if not _prepositional(item)), key=lambda item: isinstance(item.value, list)
    )
    added = "".join(f" {phrase}" for phrase in leading)
    if not rest:
        return added
    if dice.chance(0.25, *seed, "in parentheses"):
        return f"{added} ({', '.join(map(_briefly, rest))})"
    others = enumerated([_plainly(item, *seed) for item in rest])
    if " with " in text or "," in text:
        return f"{added}, {dice.pick(_GIVING, *seed, 'giving')} {others}"
    return f"{added} {'and with' if ' with ' in added else 'with'} {others}"


def _prepositional(item: Said) -> str | None:
    words = set(item.parameter.spoken.split())
    role = role_of(item.parameter)
    if isinstance(item.value, (bool, list, dict)):
        return None
    dated = bool(words & {"date", "day", "time", "year", "since", "until"})
    if role and (dated or not item.parameter.numeric):
        late = role == "to" and dated
        return f"{'until' if late else role} {item.text}"
    preposition = PREPOSITION_OF.get(item.parameter.spoken)
    return f"{preposition} {item.text}" if preposition else None


def _plainly(item: Said, *seed: object) -> str:
    spoken = item.parameter.spoken
    if isinstance(item.value, bool):
        return f"{spoken} set to {item.text}"
    if item.parameter.numeric and not _MERE_NUMBERS & set(spoken.split()):
        return amount(spoken, item.text)
    if item.parameter.enum and not isinstance(item.value, list):
        return dice.pick(_CHOICES, *seed, spoken).format(spoken=spoken, value=item.text)
    return f"the {spoken} {item.text}"


def _briefly(item: Said) -> str:
    return f"{item.parameter.spoken} {item.text}"


def enumerated(parts: Sequence[str]) -> str:
    if len(parts) <= 1:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
