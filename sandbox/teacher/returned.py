"""What calls returned, word by word: as which words a value is known, and under which names it stands."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sandbox.teacher.documents import spoken
from sandbox.teacher.observations import as_text, is_cut_mark, length_of, read

_MONTHS = {name: number for number, name in enumerate(
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
)}  # fmt: skip
_MONTH = rf"((?:{'|'.join(_MONTHS)})[a-z]*)"
_SPELLED = re.compile(
    rf"\b(?:(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? {_MONTH}|{_MONTH} (\d{{1,2}})(?:st|nd|rd|th)?),? (\d{{4}})\b",
    re.IGNORECASE,
)
_TOKEN = re.compile(r'https?://[^\s")]+|[^\s"\u201c\u201d()\[\]{};,|=]+(?:,\d[^\s"()\[\]{};,|=]*)*')
_ESCAPED = re.compile(r"\\[nrt]")  # how a sentence writes a text of several lines
AROUND = "*`'.,:;!?"
_NUMBER = re.compile(r"([-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d{1,3})?)(%|\u00b0?[a-z]{1,3})?")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[t ](\d\d:\d\d)(:\d\d)?\S*)?")
_MANY = 6  # entries of a list that is long
_FEW = 10  # smaller numbers are rounded to whole ones by nobody


@lru_cache(maxsize=65536)
def forms_of(token: str) -> frozenset[str]:
    """The ways in which a word is known: a moment by its day and its time, a number without its zeros."""
    word = token.strip(AROUND).lower()
    moment, number = _MOMENT.fullmatch(word), _NUMBER.fullmatch(word)
    if moment:
        day, time, seconds = moment.groups()
        times = {time, f"{time}{seconds or ':00'}"} if time else set()
        return frozenset({word, day, *times, *(f"{day}t{one}" for one in times)})
    if number and not number[2] and len(word) < 60:
        return frozenset({f"{Decimal(word.replace(',', '')).normalize():f}"})
    return frozenset({word})


def stated(token: str) -> frozenset[str]:
    """As which words a value has to be found: a moment with its day and its time."""
    forms = forms_of(token)
    return frozenset(one for one in forms if one[10:11] == "t") or forms


def tokens_of(text: str) -> list[re.Match[str]]:
    return [found for found in _TOKEN.finditer(text) if any(char.isalnum() for char in found[0])]


@lru_cache(maxsize=8192)
def words_of(text: str) -> frozenset[str]:
    lines = f"{text} {_ESCAPED.sub(' ', text)}" if "\\" in text else text
    return frozenset().union(*(forms_of(token[0]) for token in tokens_of(in_figures(lines))))


def first_form(token: str) -> str:
    """The word as it is compared in a row with others."""
    forms = forms_of(token)
    return next(iter(forms)) if len(forms) == 1 else token.lower().strip(AROUND)


@lru_cache(maxsize=8192)
def in_a_row(text: str) -> str:
    return " ".join(first_form(token[0]) for token in tokens_of(in_figures(text)))


def in_figures(text: str) -> str:
    """The text with its days written as in 2026-03-14."""
    return _SPELLED.sub(
        lambda day: f"{day[5]}-{_MONTHS[(day[2] or day[3])[:3].lower()]:02}-{int(day[1] or day[4]):02}", text
    )


@dataclass(eq=False)
class Returned:
    """What the calls of a function returned.

    words: all that they hold; keys: of each value the words, by what it is called; texts: what each value of
    several words is called, by the words and their first two; lengths: of lists; lists: of
    long ones the name, the length and what each entry alone has.
    """

    words: set[str] = field(default_factory=set)
    keys: dict[str, set[str]] = field(default_factory=dict)
    texts: dict[tuple[str, ...], dict[tuple[str, ...], set[str]]] = field(default_factory=dict)
    lengths: set[str] = field(default_factory=set)
    lists: list[tuple[str, int, list[set[str]]]] = field(default_factory=list)

    def take(self, value: Any, path: tuple[str, ...] = ()) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                self.take(inner, (*path[-1:], str(key)))
        elif isinstance(value, list):
            self.lengths.add(str(length_of(value)))
            if length_of(value) >= _MANY and isinstance(value[0], dict):
                entries = [words_of(" ".join(strings(inner))) for inner in value if not is_cut_mark(inner)]
                several = Counter(word for entry in entries for word in entry)
                alone = [{word for word in entry if several[word] == 1} for entry in entries]
                self.lists.append((path[-1] if path else "", length_of(value), alone))
            for inner in value:
                self.take(None if is_cut_mark(inner) else inner, path)
        elif value is not None:
            told = ("yes true" if value else "no false") if isinstance(value, bool) else as_text(value)
            last, words = path[-1] if path else "", words_of(told)
            self.words |= words
            names = {" ".join(map(spoken, path)), spoken(last), last.lower().replace("_", " ")}
            names = {in_a_row(name) for name in names}
            for name in names:
                self.keys.setdefault(name, set()).update(words)
            row = tuple(in_a_row(told).split(" "))
            if len(row) > 1:
                self.texts.setdefault(row[:2], {}).setdefault(row, set()).update(names)

    def has(self, text: str, key: str | None) -> bool:
        """Whether the value is there, under the key: as it is, rounded, as a percentage, or with a unit."""
        words = self.words if key is None else self.keys.get(key, set())
        if not stated(text).isdisjoint(words):
            return True
        number = _NUMBER.fullmatch(text.lower())
        if number is None:
            return False
        value, factors = Decimal(number[1].replace(",", "")), (1, 100) if number[2] == "%" else (1,)
        unit = Decimal(1).scaleb(int(value.as_tuple().exponent))
        half = unit / 2 if unit < 1 or abs(value) >= _FEW else 0
        numbers = [Decimal(one) for one in words if _NUMBER.fullmatch(one) and one[-1].isdigit()]
        return any(abs(abs(one * factor) - abs(value)) <= half for one in numbers for factor in factors)


@lru_cache(maxsize=2048)
def returned(*observations: str) -> Returned:
    found = Returned()
    for observation in observations:
        value = read(observation).value
        found.take(observation if value is None else value)
    return found


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for inner in value for text in strings(inner)]
    return [] if value is None or isinstance(value, bool) else [as_text(value)]
