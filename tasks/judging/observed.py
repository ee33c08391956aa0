"""Whether a value that an answer states stands in what the calls of its search returned."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
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
_NEAREST = 24  # characters before a value, in which the last word of a key that names it stands
_LONGEST_COUNTRY_CODE = 3
_WHOLE_FROM = 10
"""Numbers below are rounded to whole ones by nobody."""


def json_of(text: str) -> Any:
    """What a text holds as JSON; None when it is none."""
    try:
        return exact_json.loads(text)
    except ValueError:
        return None


class _Returned:
    """What one call returned.  What is seldom asked for is made when it is."""

    def __init__(self, observation: str) -> None:
        self.observation = observation
        self.strings: list[str] = []
        self.lists: list[list[Any]] = []
        self.no_texts: set[Decimal] = set()
        """The numbers that JSON had as numbers."""
        self.named: dict[tuple[str, ...], set[Decimal]] = {}
        """The numbers under a key, by the key's words; of a list, how long it is, too."""
        self.lengths: dict[tuple[str, ...], int] = {}
        """Of the lists under a key together."""
        told = json_of(observation)
        if told is None:
            self.numbers = {*numbers_in(observation), Decimal(len(observation.splitlines()))}
        else:
            self.numbers = self._take(told)

    def _take(self, told: Any) -> set[Decimal]:
        """Gives the numbers that stand there, under keys or in them."""
        strings, named = self.strings, self.named
        in_keys: set[Decimal] = set()
        waiting: list[tuple[Any, tuple[str, ...]]] = [(told, ())]
        while waiting:
            value, here = waiting.pop()
            numbers: tuple[Decimal, ...] | None
            if isinstance(value, dict):
                for name, inner in value.items():
                    shown, words, numbers = _told_by_key(name)
                    strings.append(shown)
                    in_keys.update(numbers)
                    waiting.append((inner, words))
                continue
            if isinstance(value, str):
                strings.append(value)
                numbers = None if value.isalpha() or not DIGIT.search(value) else _numbers_of(value)
            elif isinstance(value, list):
                length = len(value) + _left_out(value)
                self.lengths[here] = self.lengths.get(here, 0) + length
                self.lists.append(value)
                numbers = (Decimal(length),)
                waiting.extend([(inner, here) for inner in value])
            else:
                numbers = _number_of(value)
                self.no_texts.update(numbers or ())
            if numbers is not None:
                known = named.get(here)
                if known is None:
                    named[here] = set(numbers)
                else:
                    known.update(numbers)
        return in_keys.union(*named.values())

    @cached_property
    def text(self) -> tuple[str, str]:
        """As it is, and its strings as they are read."""
        return folded(self.observation), folded("\n".join(self.strings))

    @cached_property
    def days(self) -> Mapping[tuple[int, int], list[tuple[int | None, str]]]:
        """The years that were told of a month and day, with the time that was told with them."""
        found: dict[tuple[int, int], list[tuple[int | None, str]]] = {}
        for told in dates_in(self.observation):
            for year, month, day in told.days:
                found.setdefault((month, day), []).append((year, told.time))
        return found

    def tells(self, day: Day, time: str) -> bool:
        """Whether a day was told, with its year where that is given, and with every beginning of its time."""
        year, *rest = day
        return any(
            (year is None or year == told) and (not time or time in (at[:5], at))
            for told, at in self.days.get((rest[0], rest[1]), ())
        )

    @cached_property
    def times(self) -> set[str]:
        """As they are told and of 24 hours."""
        found = list(TIME.finditer(self.observation))
        return self.clocks | {_clock(match, seconds=seconds) for match in found for seconds in (False, True)}

    @cached_property
    def clocks(self) -> set[str]:
        """Of 24 hours."""
        found = set()
        for seconds in (False, True):
            found |= {clock_of(match, seconds=seconds) for match in HALF_DAY.finditer(self.observation)}
            rest = TIME.finditer(HALF_DAY.sub(" ", self.observation))
            found |= {_clock(match, seconds=seconds) for match in rest}
        return found

    @cached_property
    def digits(self) -> set[str]:
        """Of telephone numbers and the like, without zeros in front."""
        found = set()
        for text in (self.observation, *self.strings):
            for match in DIGITS.findall(text):
                found.add(re.sub(r"\D", "", match).lstrip("0"))
        return {each for each in found if len(each) >= FEWEST_DIGITS}


_returned = lru_cache(maxsize=1_000)(_Returned)
"""Answers to one instruction, and searches that call the same, read the same."""


class Observed:
    """What the calls of a search returned."""

    def __init__(self, observations: Sequence[str], answer: str) -> None:
        self.answer = answer
        self.calls = [_returned(observation) for observation in observations]

    @cached_property
    def named(self) -> Mapping[tuple[str, ...], Set[Decimal]]:
        """The numbers under a key, by the key's words."""
        named: dict[tuple[str, ...], Set[Decimal]] = {}
        for call in self.calls:
            for key, numbers in call.named.items():
                known = named.get(key)
                named[key] = numbers if known is None else known | numbers
        return named

    @cached_property
    def last_words(self) -> Set[str]:
        """Of the keys with numbers."""
        return {key[-1] for key in self.named if key}

    @cached_property
    def numbers(self) -> Set[Decimal]:
        """All that stand there; of lists of one name, how long they are together, too."""
        lengths: dict[tuple[str, ...], int] = {}
        for call in self.calls:
            for key, length in call.lengths.items():
                lengths[key] = lengths.get(key, 0) + length
        return set(map(Decimal, lengths.values())).union(*(call.numbers for call in self.calls))

    @cached_property
    def floats(self) -> list[tuple[float, Decimal]]:
        return [(float(number), number) for number in self.numbers]

    @cached_property
    def text(self) -> str:
        told = [call.text for call in self.calls]
        return " ".join(filter(None, [*(whole for whole, _ in told), *(strings for _, strings in told)]))

    @cached_property
    def dashed(self) -> str:
        return self.text if self.text.isascii() else _DASHES.sub("-", self.text)

    @cached_property
    def years(self) -> set[Decimal]:
        told = (year for call in self.calls for days in call.days.values() for year, _ in days)
        return {Decimal(year) for year in told if year is not None}

    def backs(self, value: Value) -> bool:
        """Whether the value stands in what was returned, as it is or rounded.

        A number that is named by a key, as in "the mask is 7", has to stand under that key, or under another
        one that is named in the same clause.
        """
        if value.days or value.time or TIME.fullmatch(value.text):
            return self._tells_time(value)
        if _is_known_by_text(value):
            number = Decimal(value.text) if value.text.isdecimal() else None
            return any(number in call.no_texts for call in self.calls) or self._says(value.text)
        named = self._under_keys(value) if value.before else frozenset()
        dashed = value.text if value.text.isascii() else _DASHES.sub("-", value.text)
        begins, dash, _ = dashed.partition("-")
        if not value.within and begins and dash and f"{begins}-" in self.dashed:
            return _has_words(self.dashed, folded(dashed))  # another range begins so
        if (
            any(all(self._holds(number, value, named) for number in reading) for reading in value.readings)
            or (value.more and self._is_left_out(value.readings[0][0]))
            or (value.digits and self._has_digits(value.digits))
        ):
            return True
        written = value.digits or value.within or not is_single(value.readings)
        return bool(written) and self._says(value.text)

    def _tells_time(self, value: Value) -> bool:
        """Whether a date or a time of day was told."""
        if value.days:
            return any(call.tells(day, value.time) for call in self.calls for day in value.days)
        if value.time:
            told = any(value.time in call.clocks for call in self.calls)
            return told or any(number in self.numbers for (number,) in value.readings)
        time = TIME.fullmatch(value.text)
        clock = None if time is None else _clock(time, seconds=time[3] is not None)
        return any(clock in call.times for call in self.calls)

    def _has_digits(self, digits: str) -> bool:
        return any(_same_digits(digits, each) for call in self.calls for each in call.digits)

    def _says(self, stated: str) -> bool:
        """Whether a text stands there; a version may have its v or lack it, a name the stop after it."""
        words = folded(stated)
        forms = [words, words.rstrip(".,;:!?"), _MARK_BEFORE.sub("", words)]
        if _VERSION.fullmatch(words):
            forms.append(f"v{words}")
        return any(form and _has_words(self.text, form) for form in dict.fromkeys(forms))

    def _holds(self, stated: Decimal, value: Value, named: Set[Decimal]) -> bool:
        if named:
            return _is_one_of(stated, value, named, [(float(number), number) for number in named])
        if _is_one_of(stated, value, self.numbers, self.floats):
            return True
        return stated == stated.to_integral_value() and 1000 <= stated <= 9999 and stated in self.years

    def _under_keys(self, value: Value) -> Set[Decimal]:
        """The numbers under the keys that a clause names, when its last words say that it is of one."""
        nearest = KEY_WORD.findall(value.before[-_NEAREST:])[1:]  # the first may be cut
        last = next((low for word in reversed(nearest) if (low := word.lower()) not in BETWEEN), None)
        if last is not None and last not in self.last_words:
            return frozenset()  # no key is named there, as nearly always
        words = tuple(value.words)
        end = len(words)
        while end and words[end - 1] in BETWEEN:
            end -= 1
        begins = max(
            (at + 1 for at, word in enumerate(words[:end]) if word == "and" or word.isdigit()), default=0
        )
        if end == len(words):  # as in "days left 3": a name of several words, or all that the clause has
            names = (words[at:] for at in range(begins, end) if at == begins or at < end - 1)
            return next((self.named[name] for name in names if name in self.named), frozenset())
        if not any(words[at:end] in self.named for at in range(begins, end)):
            return frozenset()
        spans = ((at, to) for at in range(begins, end) for to in range(at + 1, end + 1))
        found = (self.named[words[at:to]] for at, to in spans if words[at:to] in self.named)
        return frozenset().union(*found)

    def _is_left_out(self, stated: Decimal) -> bool:
        return any(self._left_out_of(items, stated) for call in self.calls for items in call.lists)

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
    if _VERSION.fullmatch(value.text) is None or "version" not in value.before.lower():
        return False
    return next((word for word in reversed(value.words) if word not in BETWEEN), "") == "version"


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


@lru_cache(maxsize=20_000)
def _numbers_of(text: str) -> tuple[Decimal, ...]:
    return tuple(numbers_in(text))


def _number_of(value: Any) -> tuple[Decimal] | None:
    """That of JSON's number; none of a truth value and null."""
    number = None if value is None or isinstance(value, bool) else decimal_of(str(value))
    return None if number is None else (number,)
