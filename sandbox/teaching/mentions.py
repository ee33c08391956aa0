"""Values a text mentions: quoted words, numbers, dates, codes, addresses and proper names; JSON in it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sandbox.teaching.words import word_set

_PATTERNS = (
    ("quoted", r"[\"“](?P<q1>[^\"“”]{1,200})[\"”]|(?<![\w'])'(?P<q2>[^']{1,80})'(?!\w)"),
    ("url", r"https?://[^\s\"'<>]+[^\s\"'<>.,;:!?)]"),
    ("email", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    (
        "date",
        r"\b\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})?)?\b|\b\d{1,2}[./]\d{1,2}[./]\d{4}\b",
    ),
    ("time", r"\b\d{1,2}:\d{2}(?::\d{2})?\b"),
    ("ip", r"\b\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?\b"),
    ("phone", r"\+\d[\d ()-]{6,}\d"),
    ("domain", r"\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|edu|gov|info|co|uk|de|fr|eu)\b"),
    ("code", r"\b\d+(?:\.\d+){2,}\b|\b\d+\.\d+[a-z]\w*\b"),
    ("code", r"\b(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*\b"),
    (
        "number",
        r"(?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)|(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w]|\.\d)",
    ),
    (
        "code",
        r"\b[A-Z][A-Z0-9]+(?:[_/-][A-Z0-9]+)*\b|\b[a-z]{2}[_-][A-Z]{2}\b|\b[A-Z][a-z]+(?:/[A-Z][A-Za-z_]+)+\b",
    ),
    (
        "proper",
        r"\b[A-Z][\w'\u2019-]*[^\W\d_](?:\s(?:(?:of|de|la|the|du|van)\s)?[A-Z][\w'\u2019-]*[^\W\d_])*\b",
    ),
)
_ANY = re.compile("|".join(f"(?P<k{number}>{pattern})" for number, (_, pattern) in enumerate(_PATTERNS)))
_WORD = re.compile(r"[^\W_]+")
_SENTENCE_START = re.compile(r"(?:^|[.!?:]\s+|\n\s*)$")


@dataclass(frozen=True)
class Mention:
    """kind: quoted, url, email, date, time, ip, phone, domain, number, code or proper."""

    start: int
    end: int
    text: str
    kind: str
    opens_sentence: bool = False


@lru_cache(maxsize=4096)
def mentions(text: str) -> tuple[Mention, ...]:
    """All mentions, in order, none overlapping."""
    found = []
    for match in _ANY.finditer(text):
        number = next(number for number in range(len(_PATTERNS)) if match[f"k{number}"] is not None)
        kind = _PATTERNS[number][0]
        value = match["q1"] or match["q2"] or match.group()
        if kind == "number" and _is_enumerator(match.start(), match.end(), text):
            continue
        if kind == "proper" and all(word.lower() in word_set("stop") for word in value.split()):
            continue
        opens = kind == "proper" and bool(_SENTENCE_START.search(text[: match.start()]))
        found.append(Mention(match.start(), match.end(), value, kind, opens))
    return tuple(found)


def _is_enumerator(start: int, end: int, text: str) -> bool:
    """Whether it only counts points: "(2) the ordinal"."""
    return end - start == 1 and text[start - 1 : start] == "(" and text[end : end + 1] == ")"


@dataclass(frozen=True)
class Written:
    """An object, or a list of objects or lists, as JSON in the text."""

    start: int
    end: int
    value: Any


_OPENING = re.compile(r"\{\"|\[[\[{]")
_DECODER = json.JSONDecoder()


@lru_cache(maxsize=4096)
def written_out(text: str) -> tuple[Written, ...]:
    """What is written out as JSON in the text, in order; outermost values only."""
    found: list[Written] = []
    for opening in _OPENING.finditer(text):
        if found and opening.start() < found[-1].end:
            continue
        try:
            value, end = _DECODER.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            continue
        found.append(Written(opening.start(), end, value))
    return tuple(found)


@lru_cache(maxsize=8192)
def words_before(text: str, position: int, most: int = 6) -> tuple[str, ...]:
    """The words before a position, nearest first, in lower case; a sentence's end stops them."""
    before = re.split(r"[.!?]\s", text[max(0, position - 90) : position])[-1]
    return tuple(word.lower() for word in reversed(_WORD.findall(before)))[:most]


@lru_cache(maxsize=8192)
def words_after(text: str, position: int, most: int = 3) -> tuple[str, ...]:
    """The words after a position, nearest first, in lower case."""
    after = re.split(r"[.!?,;]", text[position : position + 40])[0]
    return tuple(word.lower() for word in _WORD.findall(after))[:most]
