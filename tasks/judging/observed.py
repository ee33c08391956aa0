"""Whether a value that an answer states stands in what the calls of its search returned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from functools import cached_property, lru_cache
from typing import Any

from tasks import exact_json
from tasks.judging.values import (
    BETWEEN,
    DIGIT,
    DIGITS,
    FEWEST_DIGITS,
    HALF_DAY,
    KEY_WORD,
    TIME,
    Day,
    Value,
    clock_of,
    dates_in,
    decimal_of,
    folded,
    is_single,
    numbers_in,
)
from tasks.text_budget.shorten import CUT_KEY

_KEY_MARKS = re.compile(r"[_.\-/\[\]]+")
_MARK_BEFORE = re.compile(r"^(?:v(?=\d)|#(?=\w))")
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_DASHES = re.compile("[\u2010-\u2014]")
_LEFT_OUT = re.compile(r"(\d{1,9})( more)? (?:items|keys)")
_PRECISION = 25
_LONGEST_COUNTRY_CODE = 3
_WHOLE_FROM = 10
"""Numbers below are rounded to whole ones by nobody."""


def json_of(text: str) -> Any:
    """What a text holds as JSON; None when it is none."""
    try:
        return exact_json.loads(text)
    except ValueError:
        return None


class Observed:
    """What the calls of a search returned.  What is seldom asked for is made when it is."""

    def __init__(self, observations: Sequence[str], answer: str) -> None:
        self.observations = observations
        self.answer = answer
        self.strings: list[str] = []
        self.lists: list[list[Any]] = []
        self.numbers: set[Decimal] = set()
        self.no_texts: set[Decimal] = set()
        """The numbers that JSON had as numbers."""
        self.named: dict[tuple[str, ...], set[Decimal]] = {}
        """The numbers under a key, by the key's words; of a list, how long it is, too."""
        lengths: dict[tuple[str, ...], int] = {}
        for observation in observations:
            told = json_of(observation)
            if told is None:
                self.numbers.update(numbers_in(observation))
                self.numbers.add(Decimal(len(observation.splitlines())))
            else:
                self._take(told, lengths)
        self.numbers.update(map(Decimal, lengths.values()), *self.named.values())

    def _take(self, told: Any, lengths: dict[tuple[str, ...], int]) -> None:
        """lengths: of the lists under a key, those of all calls together."""
        waiting: list[tuple[Any, tuple[str, ...]]] = [(told, ())]
        while waiting:
            value, here = waiting.pop()
            if isinstance(value, dict):
                for name, inner in value.items():
                    shown, words, numbers = _told_by_key(name)
                    self.strings.append(shown)
                    self.numbers.update(numbers)
                    waiting.append((inner, words))
            elif isinstance(value, list):
                length = len(value) + _left_out(value)
                lengths[here] = lengths.get(here, 0) + length
                self.lists.append(value)
                self._note(here, (Decimal(length),))
                waiting.extend([(inner, here) for inner in value])
            elif isinstance(value, str):
                self.strings.append(value)
                if DIGIT.search(value):
                    self._note(here, numbers_in(value))
            elif value is not None and value is not True and value is not False:
                number = decimal_of(str(value))
                if number is not None:
                    self.no_texts.add(number)
                    self._note(here, (number,))

    def _note(self, key: tuple[str, ...], numbers: Iterable[Decimal]) -> None:
        known = self.named.get(key)
        if known is None:
            known = self.named[key] = set()
        known.update(numbers)

    @cached_property
    def text(self) -> str:
        return folded("\n".join([*self.observations, *self.strings]))

    @cached_property
    def dashed(self) -> str:
        return _DASHES.sub("-", self.text)

    @cached_property
    def days(self) -> set[tuple[Day, str]]:
        """With every beginning of the time that is told with one, and without the year, too."""
        found: set[tuple[Day, str]] = set()
        for observation in self.observations:
            for told in dates_in(observation):
                for year, month, day in told.days:
                    for time in {"", told.time[:5], told.time}:
                        found |= {((year, month, day), time), ((None, month, day), time)}
        return found

    @cached_property
    def years(self) -> set[Decimal]:
        return {Decimal(year) for (year, _, _), _ in self.days if year is not None}

    @cached_property
    def times(self) -> set[str]:
        """As they are told and of 24 hours."""
        found = [match for observation in self.observations for match in TIME.finditer(observation)]
        return self.clocks | {_clock(match, seconds=seconds) for match in found for seconds in (False, True)}

    @cached_property
    def clocks(self) -> set[str]:
        """Of 24 hours."""
        found = set()
        for observation in self.observations:
            for seconds in (False, True):
                found |= {clock_of(match, seconds=seconds) for match in HALF_DAY.finditer(observation)}
                rest = TIME.finditer(HALF_DAY.sub(" ", observation))
                found |= {_clock(match, seconds=seconds) for match in rest}
        return found

    @cached_property
    def digits(self) -> set[str]:
        """Of telephone numbers and the like, without zeros in front."""
        found = set()
        for text in (*self.observations, *self.strings):
            for match in DIGITS.findall(text):
                found.add(re.sub(r"\D", "", match).lstrip("0"))
        return {each for each in found if len(each) >= FEWEST_DIGITS}

    @cached_property
    def floats(self) -> list[tuple[float, Decimal]]:
        return [(float(number), number) for number in self.numbers]

    def backs(self, value: Value) -> bool:
        """Whether the value stands in what was returned, as it is or rounded.

        A number that is named by a key, as in "the mask is 7", has to stand under that key, or under another
        one that is named in the same clause.
        """
        if value.days or value.time or TIME.fullmatch(value.text):
            return self._tells_time(value)
        if _is_known_by_text(value):
            padded = value.text.isdecimal() and Decimal(value.text) in self.no_texts
            return padded or self._says(value.text)
        named = self._under_keys(value.words) if value.words else set()
        dashed = _DASHES.sub("-", value.text)
        begins, dash, _ = dashed.partition("-")
        if not value.within and begins and dash and f"{begins}-" in self.dashed:
            return _has_words(self.dashed, folded(dashed))  # another range begins so
        if (
            any(all(self._holds(number, value, named) for number in reading) for reading in value.readings)
            or (value.more and any(self._left_out_of(each, value.readings[0][0]) for each in self.lists))
            or (value.digits and any(_same_digits(value.digits, each) for each in self.digits))
        ):
            return True
        written = value.digits or value.within or not is_single(value.readings)
        return bool(written) and self._says(value.text)

    def _tells_time(self, value: Value) -> bool:
        """Whether a date or a time of day was told."""
        if value.days:
            return any((day, value.time) in self.days for day in value.days)
        if value.time:
            return value.time in self.clocks or any(number in self.numbers for (number,) in value.readings)
        time = TIME.fullmatch(value.text)
        return time is not None and _clock(time, seconds=time[3] is not None) in self.times

    def _says(self, stated: str) -> bool:
        """Whether a text stands there; a version may have its v or lack it, a name the stop after it."""
        words = folded(stated)
        forms = [words, words.rstrip(".,;:!?"), _MARK_BEFORE.sub("", words)]
        if _VERSION.fullmatch(words):
            forms.append(f"v{words}")
        return any(form and _has_words(self.text, form) for form in dict.fromkeys(forms))

    def _holds(self, stated: Decimal, value: Value, named: set[Decimal]) -> bool:
        if named:
            return _is_one_of(stated, value, named, [(float(number), number) for number in named])
        if _is_one_of(stated, value, self.numbers, self.floats):
            return True
        return stated == stated.to_integral_value() and 1000 <= stated <= 9999 and stated in self.years

    def _under_keys(self, words: tuple[str, ...]) -> set[Decimal]:
        """The numbers under the keys that a clause names, when its last words say that it is of one."""
        end = len(words)
        while end and words[end - 1] in BETWEEN:
            end -= 1
        begins = max(
            (at + 1 for at, word in enumerate(words[:end]) if word == "and" or word.isdigit()), default=0
        )
        if end == len(words):  # as in "days left 3": a name of several words, or all that the clause has
            names = (words[at:] for at in range(begins, end) if at == begins or at < end - 1)
            return next((self.named[name] for name in names if name in self.named), set())
        if not any(words[at:end] in self.named for at in range(begins, end)):
            return set()
        spans = ((at, to) for at in range(begins, end) for to in range(at + 1, end + 1))
        return set().union(*(self.named[words[at:to]] for at, to in spans if words[at:to] in self.named))

    def _left_out_of(self, items: list[Any], stated: Decimal) -> bool:
        """Whether so many of a list are left when those are taken away that the answer begins with."""
        n_shown = len(items) + _left_out(items) - stated
        if not 0 < n_shown <= len(items):
            return False
        shown = [_first_leaf(item) in self.answer for item in items]
        return all(shown[: int(n_shown)]) and not all(shown[int(n_shown) : int(n_shown) + 1])


def _is_known_by_text(value: Value) -> bool:
    """Whether zeros count: those before an identifier, and those that end a version."""
    if value.text[:1] == "0" and value.text.isdecimal() and len(value.text) > 1:
        return True
    named = next((word for word in reversed(value.words) if word not in BETWEEN), "")
    return named == "version" and _VERSION.fullmatch(value.text) is not None


def _has_words(text: str, words: str) -> bool:
    """Whether they stand there, and not within longer ones."""
    at = text.find(words)
    while at >= 0:
        end = at + len(words)
        before, after = text[max(0, at - 2) : at], text[end : end + 2]
        if not (_is_of_word(before[-1:]) or _is_of_word(after[:1])) and not (
            (words[0].isdigit() and before[-1:] == "." and before[:1].isdigit())
            or (words[-1].isdigit() and after[:1] == "." and after[1:].isdigit())
        ):
            return True
        at = text.find(words, at + 1)
    return False


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _same_digits(one: str, other: str) -> bool:
    """Whether they are the same but for a country's code, of three digits at most."""
    short, long = sorted((one, other), key=len)
    return long.endswith(short) and len(long) - len(short) <= _LONGEST_COUNTRY_CODE


def _first_leaf(value: Any) -> str:
    while isinstance(value, dict | list) and value:
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return str(value)


def _clock(match: re.Match[str], *, seconds: bool) -> str:
    """A time as two digits each, with its seconds or without."""
    hours, minutes, rest = match.groups()
    return f"{int(hours):02}:{minutes}" + (f":{rest or '00'}" if seconds else "")


def _left_out(items: Sequence[Any]) -> int:
    """How many items a shortened list lacks beside those that stand there, the note of it among them."""
    note = items[-1].get(CUT_KEY) if items and isinstance(items[-1], dict) else None
    told = _LEFT_OUT.fullmatch(note) if isinstance(note, str) else None
    return 0 if told is None else int(told[1]) - 1


def _is_one_of(
    stated: Decimal, value: Value, numbers: Set[Decimal], floats: Iterable[tuple[float, Decimal]]
) -> bool:
    """Whether a number is among others, as it is or rounded as the value is written.

    A sign may be left out, as in "it fell by 5", and none may be added.
    """
    if not value.scale and _same(stated, numbers):
        return True
    places = max(0, -int(stated.as_tuple().exponent))
    factor = Decimal(1).scaleb(-value.scale)
    near, wide = float(stated), 0.51 * 10.0**-places
    for number, exact in floats:
        for times in (1, 100) if value.percent else (1,):
            scaled = number * times * float(factor)
            is_near = abs(scaled - near) <= wide or (near > 0 and abs(scaled + near) <= wide)
            if is_near and _same(stated, _rounded(exact * times * factor, places)):
                return True
    return False


def _rounded(number: Decimal, places: int) -> set[Decimal]:
    """The number as it is and rounded to so many places."""
    if not (places or abs(number) >= _WHOLE_FROM) or number.adjusted() + places >= _PRECISION:
        return {number}
    unit = Decimal(1).scaleb(-places)
    return {number, *(number.quantize(unit, way) for way in (ROUND_HALF_UP, ROUND_HALF_EVEN))}


def _same(stated: Decimal, numbers: Set[Decimal]) -> bool:
    return stated in numbers or (stated > 0 and -stated in numbers)


@lru_cache(maxsize=20_000)
def _told_by_key(name: str) -> tuple[str, tuple[str, ...], tuple[Decimal, ...]]:
    """As it is read, its words, and the numbers among them."""
    numbers = numbers_in(_KEY_MARKS.sub(" ", name)) if DIGIT.search(name) else ()
    return name.replace("_", " "), tuple(word.lower() for word in KEY_WORD.findall(name)), tuple(numbers)
