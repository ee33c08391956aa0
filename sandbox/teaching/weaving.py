"""Puts parameter values into a wish: "the weather for a city" and "Oslo" make "the weather for Oslo"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sandbox.teaching import dice
from sandbox.teaching.parameter import Parameter
from sandbox.teaching.wording import Wish

_CHOSEN = (
    "given|specified|specific|certain|particular|provided|selected|chosen|requested|desired|supplied|input"
)
_TAILS = ("code", "name", "id", "symbol", "number", "text", "string", "key", "value", "abbreviation", "slug")
_PREPOSITIONS = "for|of|in|by|with|from|to|and|at|on|about|between|near|into|per"
_HEADS = frozenset(("target", "source", "base", "input", "original"))
_LEAD = (
    rf"(?:(?:an?|any|one|each|every|the|its)\s)?(?:{_CHOSEN})|an?|any|one|each|every"
    rf"|(?:for|in|on|at|by)\sthe|{_PREPOSITIONS}"
)
_SELF_EXPLAINING = frozenset(
    (
        "year",
        "date",
        "day",
        "city",
        "town",
        "country",
        "place",
        "month",
        "time",
        "language",
        "currency",
        "word",
    )
)
_TWO_ENDS = re.compile(
    r"""\b(?:from\ (?:one|an?)|one)\ [\w\ -]{2,30}?\ (?:to|into|in)\ (?:another|a\ different)
    (?:\ (?!and|or|with|for|in|by|on|at)\w+)?|\bbetween\ (?:two|different|any\ two)\ \w+""",
    re.VERBOSE,
)
_TWO_ENDS = re.compile(
    r"""\b(?:from\ (?:one|an?)|one)\ [\w\ -]{2,30}?\ (?:to|into|in)\ (?:another|a\ different)
    (?:\ (?!and|or|with|for|in|by|on|at)\w+)?|\bbetween\ (?:two|different|any\ two)\ \w+""",
    re.VERBOSE,
)
_MERE_NUMBERS = frozenset(("number", "value", "integer", "latitude", "longitude"))
_PLURALS = {"people": "person", "children": "child", "persons": "person"}
_PREPOSITION_OF = {
    **{name: name for name in ("after", "before", "since", "until")},
    **dict.fromkeys(("city", "town", "country", "place", "location"), "for"),
    "year": "in",
    "date": "on",
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
    if isinstance(value, list):
        return _enumerated([spoken_value(item, parameter) for item in value])
    text = str(value)
    stands_out = bool(re.fullmatch(r"[A-Z0-9][\w.+:/-]*|\d\S*|[^\s@]+@\S+|https?://\S+", text))
    if parameter.numeric or not isinstance(value, str) or text in map(str, parameter.enum) or stands_out:
        return text
    return f'"{text}"'


def woven(wish: Wish, said: Sequence[Said], *seed: object) -> str:
    """The wish with all values in it: in place of "a city" where it says so, else added."""
    text = wish.text
    left: list[Said] = []
    text, taken = _one_to_another(text, said)
    for item in said:
        if item in taken:
            continue
        replaced = _placed(text, item, *seed)
        if replaced is None:
            left.append(item)
        else:
            text = replaced
    text = re.sub(rf"\b(?:a|an|the)?\s?(?:{_CHOSEN})\s(?=\S)", lambda match: _article(match.group()), text)
    return f"{text}{_added(left, *seed)}"


def _article(chosen: str) -> str:
    first = chosen.split(maxsplit=1)[0]
    return f"{first} " if first in {"a", "an", "the"} else ""


def _one_to_another(text: str, said: Sequence[Said]) -> tuple[str, list[Said]]:
    source = next((item for item in said if _role(item.parameter) == "from"), None)
    target = next((item for item in said if _role(item.parameter) == "to"), None)
    if source is None or target is None:
        return text, []
    values = rf"from {_literal(source.text)} to {_literal(target.text)}"
    replaced, times = _TWO_ENDS.subn(values, text, count=1)
    return (replaced, [source, target]) if times else (text, [])


def _literal(text: str) -> str:
    return text.replace("\\", r"\\")


def _role(parameter: Parameter) -> str | None:
    words = parameter.spoken.split()
    ends = {words[0], words[-1]} if words else set()
    if ends & SOURCE:
        return "from"
    return "to" if ends & TARGET else None


@lru_cache(maxsize=4096)
def _place(spoken: str) -> re.Pattern[str]:
    """Where a text speaks of the parameter without giving its value."""
    words = spoken.split()
    names = [spoken]
    if len(words) > 1 and words[-1] in _TAILS:
        names.append(" ".join(words[:-1]))
    if len(words) > 1 and words[0] in _HEADS:
        names.append(" ".join(words[1:]))
    name = "|".join(re.escape(option) for option in sorted(names, key=len, reverse=True))
    tail = "|".join(_TAILS)
    return re.compile(
        rf"\b(?P<lead>{_LEAD})\s(?P<noun>(?:{name})(?: (?:{tail}))?)(?! of\b)(?=$|[\s,.;'])", re.IGNORECASE
    )


@lru_cache(maxsize=4096)
def _number_of(spoken: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:an?|the) (?:(?:{_CHOSEN}) )?number of {re.escape(spoken)}\b", re.IGNORECASE)


def _placed(text: str, item: Said, *seed: object) -> str | None:
    parameter = item.parameter
    if isinstance(item.value, bool) or not parameter.spoken:
        return None
    counted = _number_of(parameter.spoken).search(text) if parameter.numeric else None
    if counted is not None:
        return f"{text[: counted.start()]}{_amount(parameter.spoken, item.text)}{text[counted.end() :]}"
    found = _place(parameter.spoken).search(text)
    if found is None:
        return None
    first = found["lead"].split()[0]
    before = f"{first} " if first.lower() in _PREPOSITIONS.split("|") else ""
    return f"{text[: found.start()]}{before}{_named(found['noun'], item, *seed)}{text[found.end() :]}"


def _named(noun: str, item: Said, *seed: object) -> str:
    explains = bool(set(noun.lower().split()) & _SELF_EXPLAINING)
    if noun.lower() == "year":
        return item.text
    if item.parameter.numeric:
        return f"{noun} {item.text}" if explains else _amount(noun, item.text)
    bare = explains or item.text.startswith('"')
    if bare and dice.chance(0.6, *seed, item.parameter.name, "bare"):
        return item.text
    return f"{noun} {item.text}" if not item.text.startswith('"') else f"the {noun} {item.text}"


def _amount(noun: str, value: str) -> str:
    """ "a price of 5", but "5 days", "1 day" and "the number 5"."""
    if noun in _MERE_NUMBERS:
        return f"the {noun} {value}"
    if noun in _PLURALS:
        return f"{value} {_PLURALS[noun] if value == '1' else noun}"
    if noun.endswith("s") and not noun.endswith(("ss", "us", "is")) and " " not in noun:
        return f"{value} {noun.removesuffix('s') if value == '1' else noun}"
    return f"{_a(noun)} of {value}"


def _a(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


def _added(left: Sequence[Said], *seed: object) -> str:
    """What the wish had no place for, with the prepositions people would use, or in parentheses."""
    leading = [phrase for item in left if (phrase := _prepositional(item))]
    others = [_plainly(item) for item in left if not _prepositional(item)]
    text = "".join(f" {phrase}" for phrase in leading)
    if others and dice.chance(0.3, *seed, "in parentheses"):
        return f"{text} ({', '.join(_briefly(item) for item in left if not _prepositional(item))})"
    return f"{text} {'and with' if ' with ' in text else 'with'} {_enumerated(others)}" if others else text


def _prepositional(item: Said) -> str | None:
    words = set(item.parameter.spoken.split())
    role = _role(item.parameter)
    if isinstance(item.value, (bool, list)):
        return None
    dated = bool(words & {"date", "day", "time", "year", "since", "until"})
    if role and (dated or not item.parameter.numeric):
        late = role == "to" and dated
        return f"{'until' if late else role} {item.text}"
    preposition = _PREPOSITION_OF.get(item.parameter.spoken)
    return f"{preposition} {item.text}" if preposition else None


def _plainly(item: Said) -> str:
    spoken = item.parameter.spoken
    if isinstance(item.value, bool):
        return f"{spoken} set to {item.text}"
    if item.parameter.numeric and not _MERE_NUMBERS & set(spoken.split()):
        return _amount(spoken, item.text)
    return f"the {spoken} {item.text}"


def _briefly(item: Said) -> str:
    return f"{item.parameter.spoken} {item.text}"


def _enumerated(parts: Sequence[str]) -> str:
    if len(parts) <= 1:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
