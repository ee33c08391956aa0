"""Puts parameter values into a wish: "the weather for a city" and "Oslo" make "the weather for Oslo"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from sandbox.teaching import dice
from sandbox.teaching.parameter import Parameter
from sandbox.teaching.saying import PREPOSITION_OF, Said, added, amount, role_of
from sandbox.teaching.wording import Wish

_CHOSEN = (
    "given|specified|specific|certain|particular|provided|selected|chosen|requested|desired|supplied|input"
)
_TAILS = (
    "code",
    "name",
    "id",
    "symbol",
    "number",
    "text",
    "string",
    "key",
    "value",
    "abbreviation",
    "slug",
    "url",
    "address",
)
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
_COORDINATES = ("latitude", "longitude")
_ANY_PLACE = re.compile(
    r"\b(?P<at>at )?(?:an?|any) (?:given |geographical )?"
    r"(?P<noun>place|position|point|location|spot)\b(?! of)"
)
_MOMENTS = "day|date|moment|time|year|point in time"
_TOWNS = frozenset(("city", "town", "village"))


def woven(wish: Wish, said: Sequence[Said], *seed: object) -> str:
    """The wish with all values in it: in place of "a city" where it says so, else added."""
    left: list[Said] = []
    text, taken = _one_to_another(wish.text, said)
    if not taken:
        text, taken = _at_a_place(text, said)
    for item in said:
        if item in taken:
            continue
        replaced = _placed(text, item, *seed)
        if replaced is None:
            left.append(item)
        else:
            text = replaced
    text = re.sub(
        rf"\b(?:(?:an?|the)\s)?(?:{_CHOSEN})\s(?!by\b|in\b|as\b|on\b|to\b)(?=\S)",
        lambda match: _article(match.group()),
        text,
    )
    return f"{text}{added(text, left, *seed)}"


def _article(chosen: str) -> str:
    first = chosen.split(maxsplit=1)[0]
    return f"{first} " if first in {"a", "an", "the"} else ""


def _one_to_another(text: str, said: Sequence[Said]) -> tuple[str, list[Said]]:
    source = next((item for item in said if role_of(item.parameter) == "from"), None)
    target = next((item for item in said if role_of(item.parameter) == "to"), None)
    if source is None or target is None:
        return text, []
    values = rf"from {_literal(source.text)} to {_literal(target.text)}"
    replaced, times = _TWO_ENDS.subn(values, text, count=1)
    return (replaced, [source, target]) if times else (text, [])


def _at_a_place(text: str, said: Sequence[Said]) -> tuple[str, list[Said]]:
    """Latitude and longitude together, in place of "a position" where it says so."""
    found = [next((item for item in said if item.parameter.spoken == one), None) for one in _COORDINATES]
    latitude, longitude = found
    if latitude is None or longitude is None:
        return text, []
    place = f"latitude {latitude.text} and longitude {longitude.text}"
    spoken = _ANY_PLACE.search(text)
    if spoken is None:
        return f"{text} at {place}", [latitude, longitude]
    named = f"at {place}" if spoken["at"] else f"the {spoken['noun']} at {place}"
    return text[: spoken.start()] + named + text[spoken.end() :], [latitude, longitude]


def _literal(text: str) -> str:
    return text.replace("\\", r"\\")


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
    noun = rf"(?P<noun>(?:{name})(?: (?:{tail}))?)(?! of\b)(?=$|[\s,.;:)'])"
    return re.compile(rf"(?<!kind )(?<!sort )(?<!type )\b(?P<lead>{_LEAD})\s{noun}", re.IGNORECASE)


@lru_cache(maxsize=4096)
def _described_place(spoken: str) -> re.Pattern[str]:
    """ "a cron expression" for an expression: as the object of a deed, or after "of"."""
    tail = "|".join(_TAILS)
    noun = rf"[a-z-]+ {re.escape(spoken)}(?: (?:{tail}))?"
    return re.compile(rf"(?:(?<=^)\w+ |\bof )(?P<lead>an?)\s(?P<noun>{noun})(?=$|[\s,.;:)'])")


@lru_cache(maxsize=4096)
def _number_of(spoken: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:an?|the) (?:(?:{_CHOSEN}) )?number of {re.escape(spoken)}\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def _preposition(spoken: str) -> re.Pattern[str]:
    """ "after a day" for a parameter named "after"."""
    return re.compile(rf"\b{re.escape(spoken)} (?:an?|the|this|any|one) (?:{_CHOSEN} )?(?:{_MOMENTS})\b")


def _placed(text: str, item: Said, *seed: object) -> str | None:
    """The text with the value in it; None where it has no place for one."""
    parameter = item.parameter
    if isinstance(item.value, bool) or not parameter.spoken:
        return None
    counted = _number_of(parameter.spoken).search(text) if parameter.numeric else None
    if counted is not None:
        return _replaced(text, counted, amount(parameter.spoken, item.text))
    if parameter.spoken in PREPOSITION_OF and (timed := _preposition(parameter.spoken).search(text)):
        return _replaced(text, timed, f"{parameter.spoken} {item.text}")
    if parameter.numeric and len(parameter.name) == 1:
        letter = re.search(rf"(?<![\w-]){re.escape(parameter.name)}(?![\w-])", text)
        return _replaced(text, letter, item.text) if letter else None
    found = _place(parameter.spoken).search(text)
    if found is None:
        return _described(text, item)
    first = found["lead"].split()[0]
    before = f"{first} " if first.lower() in _PREPOSITIONS.split("|") else ""
    return _replaced(text, found, f"{before}{_named(found['noun'], item, *seed)}")


def speaks_of(wish: Wish, parameter: Parameter) -> bool:
    """Whether the wish has a place for the parameter's value."""
    return _place(parameter.spoken).search(wish.text) is not None


def referred(text: str, parameter: Parameter) -> str | None:
    """The text with an earlier result in the parameter's place; None where it has no place."""
    found = _place(parameter.spoken).search(text)
    if found is None or found["lead"].lower() in _PREPOSITIONS.split("|"):
        return None
    first = found["lead"].split()[0]
    before = f"{first} " if first.lower() in _PREPOSITIONS.split("|") else ""
    return _replaced(text, found, f"{before}the first {found['noun']} that turns up there")


def _described(text: str, item: Said) -> str | None:
    if item.parameter.numeric or isinstance(item.value, (list, dict)):
        return None
    found = _described_place(item.parameter.spoken).search(text)
    if found is None:
        return None
    return f"{text[: found.start('lead')]}the {found['noun']} {item.text}{text[found.end() :]}"


def _replaced(text: str, found: re.Match[str], by: str) -> str:
    return f"{text[: found.start()]}{by}{text[found.end() :]}"


def _named(noun: str, item: Said, *seed: object) -> str:
    explains = bool(set(noun.lower().split()) & _SELF_EXPLAINING)
    if noun.lower() == "year":
        return item.text
    if item.parameter.numeric:
        return f"{noun} {item.text}" if explains else amount(noun, item.text)
    bare = explains or (item.text.startswith('"') and not noun.endswith("s"))
    if bare and dice.chance(0.6, *seed, item.parameter.name, "bare"):
        return item.text
    return f"the {noun} of {item.text}" if noun.lower() in _TOWNS else f"the {noun} {item.text}"
