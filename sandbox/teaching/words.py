"""Words of texts and names: stems for comparing, plain words for speaking."""

from __future__ import annotations

import re
import tomllib
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

_SPLIT_NAME = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=\d)")
_WORD = re.compile(r"[^\W\d_]+|\d+")
_ENDINGS = (
    ("ations", "at"),
    ("ation", "at"),
    ("ities", "ity"),
    ("ings", ""),
    ("ions", ""),
    ("ies", "y"),
    ("sses", "ss"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("xes", "x"),
    ("ing", ""),
    ("ion", ""),
    ("ed", ""),
)
_HEADER_PREFIX = re.compile(r"^[Xx][-_](?=\w+[-_]?\w)")
_RESERVED_PREFIX = re.compile(r"^is_(from|class|return|false|true|id|and)$")


@cache
def _language() -> dict[str, Any]:
    read: dict[str, Any] = tomllib.loads((Path(__file__).parent / "language.toml").read_text("utf-8"))
    return read


@cache
def word_set(name: str) -> frozenset[str]:
    """One of the sets of words in `language.toml`."""
    return frozenset(_language()["sets"][name].split())


@cache
def stem_set(name: str) -> frozenset[str]:
    """The stems of a set of words in `language.toml`."""
    return frozenset(map(stem, word_set(name)))


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A rough stem: enough for "convert", "converts" and "converting" to meet."""
    lower = word.lower()
    if len(lower) <= 3:
        return lower
    for ending, instead in _ENDINGS:
        if lower.endswith(ending) and len(lower) - len(ending) >= 3:
            return _undoubled(lower[: -len(ending)] + instead)
    if lower.endswith("s") and not lower.endswith(("ss", "us", "is")):
        lower = lower[:-1]
    return lower[:-1] if lower.endswith("e") and len(lower) > 4 else lower


def _undoubled(root: str) -> str:
    if len(root) > 3 and root[-1] == root[-2] and root[-1] not in "aeiouls":
        return root[:-1]
    return root[:-1] if root.endswith("e") and len(root) > 4 else root


@lru_cache(maxsize=16384)
def stems(text: str) -> tuple[str, ...]:
    """Stems of the telling words of a text, in order, repetitions included."""
    stop = word_set("stop")
    return tuple(stem(word) for word in _WORD.findall(text) if word.lower() not in stop)


@lru_cache(maxsize=16384)
def plain(name: str) -> str:
    """A name as people say it: "maxResults" is "maximum results", "is_id" is "id"."""
    reserved = _RESERVED_PREFIX.match(name)
    if reserved:
        return reserved.group(1)
    parts = [part.lower() for part in _SPLIT_NAME.split(_HEADER_PREFIX.sub("", name)) if part]
    spoken: dict[str, str] = _language()["spoken"]
    return " ".join(spoken.get(part, part) for part in parts)


@lru_cache(maxsize=16384)
def name_stems(name: str) -> tuple[str, ...]:
    """Stems of all words of a name, also of words that carry little in a sentence ("from", "to")."""
    return tuple(stem(word) for word in plain(name).split())


def article_for(word: str) -> str:
    """ "a" or "an", by how the word sounds."""
    lower = word.lower()
    spelled_out = not re.search(r"[aeiouy]", lower) and len(lower) < 5
    if spelled_out:
        return "an" if lower[:1] in tuple("fhlmnrsx") else "a"
    silent = lower.startswith(("hour", "honest", "heir"))
    like_you = re.match(r"uni(?!n)|us[eu]|eu|one\b|u[krt]", lower)
    return "an" if silent or (lower[:1] in tuple("aeiou") and not like_you) else "a"


def count_words(text: str) -> int:
    return len(text.split())


def first_sentences(text: str, most: int) -> str:
    """The first sentences up to `most` characters, at least one; cut at a word when that one is longer."""
    pieces = re.split(r"(?<=[.!?])\s+|\n\s*\n", text.strip())
    kept = pieces[0]
    for piece in pieces[1:]:
        if len(kept) + 1 + len(piece) > most:
            break
        kept = f"{kept} {piece}"
    if len(kept) <= most:
        return kept
    return kept[:most].rsplit(" ", 1)[0].rstrip(",;:- ")
