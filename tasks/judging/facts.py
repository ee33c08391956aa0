"""What the rows of a search say of its answer, before any judge is asked.

A judge that reads an answer believes what sounds right.  Whether a stated value stands in what the calls
returned needs no judgement: numbers, dates, codes and quoted names are looked up there.  A value that is not
found may be worked out or known by heart, so that it is evidence and no verdict; only an answer that was
never given is certain to solve nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

from tasks import exact_json
from tasks.calling.outcome import Outcome
from tasks.text_budget.shorten import CUT_KEY
from warehouse.tables.annotations import Annotation, AnswerMessage
from warehouse.tables.evaluations import AnswerFacts

FINISH = "Finish"
UNSOLVED = "Unsolved"
GIVE_UP = "give_up_and_restart"
"""What the published code looks for in an answer that gives up."""

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_MONTH_OF = {name[:length].lower(): i for i, name in enumerate(_MONTHS, 1) for length in (3, len(name))}
_MONTH = rf"(?:{'|'.join(sorted(_MONTH_OF, key=len, reverse=True))})\.?"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_DATE = re.compile(
    rf"\b(?P<iso>\d{{4}}-\d\d-\d\d)(?:[T ](?P<time>\d\d:\d\d(?::\d\d)?))?[\d.:Z+-]*"
    rf"|\b(?P<d1>{_DAY})(?: of)? (?P<m1>{_MONTH}),? (?P<y1>\d{{4}})\b"
    rf"|\b(?P<m2>{_MONTH}) (?P<d2>{_DAY}),? (?P<y2>\d{{4}})\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»\n]{1,2000})[\"”“»]")
_TOKEN = re.compile(r"[^\s\"“”„«»()\[\]{},;|]+(?:,\d{3}(?!\d)[^\s\"(){},;|\[\]]*)*")
_NUMBER = re.compile(r"[-+\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_UNIT = re.compile(r"[-+\u2212]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d{1,3})?(?:%|°[CF]?|[a-zA-Zµ²³/]{1,4})?")
_TIME = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?")
_CODE = re.compile(r"(?!(?:AM|PM|OK)$)[A-Z]{2,20}")
_KEY_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_BETWEEN = frozenset(
    {
        "is",
        "are",
        "was",
        "were",
        "of",
        "the",
        "a",
        "an",
        "equals",
        "at",
        "about",
        "approximately",
        "to",
        "there",
    }
)
_LIST_MARK = re.compile(r"(?m)(?:^|(?<=\s))(?:\((\d{1,2})\)|(\d{1,2})[.)])(?=\s)")
_LEFT_OUT = re.compile(r"(\d{1,9}) more items")
_AROUND = ".,:!?'*_`~"
_CURRENCY = "$€£¥"
_LARGEST_EXPONENT = 300
_LONGEST_NAME = 80
_PRECISION = 25
_WHOLE_FROM = 10
"""Numbers below are rounded to whole ones by nobody."""


def facts_of(annotation: Annotation, ended: Sequence[str], query: str) -> AnswerFacts:
    """ended: how the calls on the path of the answer did, in order, where that is known."""
    answer = said_by(annotation)
    finished = annotation.finish_type == "give_answer"
    empty = not answer
    calls = list(_calls(annotation.messages))
    if len(ended) != len(calls):
        ended = [_told(call.observation) for call in calls]
    required = _required(annotation.functions)
    seen = Seen([call.observation for call in calls])
    stated = values_of(answer, query)
    unbacked = [value.text for value in stated if not seen.backs(value)]
    return AnswerFacts(
        annotation_id=annotation.annotation_id,
        instruction_id=annotation.instruction_id,
        finished=finished,
        empty=empty,
        n_calls=len(calls),
        n_failed=sum(outcome != Outcome.OK for outcome in ended),
        n_unknown=sum(call.name not in required for call in calls),
        n_invalid=sum(not _has_arguments(call, required) for call in calls),
        n_values=len(stated),
        n_backed=len(stated) - len(unbacked),
        unbacked=tuple(unbacked),
        certain=UNSOLVED if not finished or empty else None,
    )


def said_by(annotation: Annotation) -> str:
    """The answer of a search; nothing when it only gives up."""
    answer = (annotation.final_answer or "").strip()
    return "" if GIVE_UP in answer else answer


@dataclass(frozen=True, slots=True)
class Called:
    name: str
    arguments: str
    observation: str


def _calls(messages: Sequence[AnswerMessage]) -> Iterator[Called]:
    """The calls of a conversation with what they returned; those of Finish are none."""
    shown = observations_of(messages)
    for message in messages:
        for call in message.tool_calls:
            if call.name != FINISH:
                yield Called(call.name, call.arguments, shown.get(call.id, ""))


def observations_of(messages: Sequence[AnswerMessage]) -> Mapping[str | None, str]:
    """What the calls of a conversation returned, by the id of the call."""
    return {message.tool_call_id: message.content or "" for message in messages if message.role == "tool"}


def _told(observation: str) -> str:
    """How a call ended of which no row says so: ToolBench's observations hold an error, too."""
    told = _json(observation)
    failed = isinstance(told, dict) and bool(told.get("error"))
    return Outcome.ERROR_MESSAGE if failed or not observation.strip() else Outcome.OK


def _required(functions: str) -> Mapping[str, Set[str]]:
    """The arguments that each offered function needs, by its name."""
    offered = _json(functions)
    described = [each.get("function", each) for each in offered or () if isinstance(each, dict)]
    return {
        str(each.get("name")): frozenset((each.get("parameters") or {}).get("required") or ())
        for each in described
        if isinstance(each, dict)
    }


def _has_arguments(call: Called, required: Mapping[str, Set[str]]) -> bool:
    given = _json(call.arguments or "{}")
    return isinstance(given, dict) and required.get(call.name, frozenset()) <= given.keys()


def _json(text: str) -> Any:
    try:
        return exact_json.loads(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Value:
    """A value that an answer states.  words: those before it, the nearest last, in which it may be named."""

    text: str
    number: Decimal | None = None
    day: date | None = None
    time: str = ""
    percent: bool = False
    words: tuple[str, ...] = ()


def values_of(answer: str, query: str) -> list[Value]:
    """The numbers, dates, codes and quoted names of an answer that its instruction does not give."""
    text = _without_list_marks(answer)
    asked = _folded(query)
    asked_days = {_day(match) for match in _DATE.finditer(query)}
    asked_numbers = {number for number in map(_number, _NUMBER.findall(query)) if number is not None}
    values = []
    taken: list[tuple[int, int]] = []
    for match in _DATE.finditer(text):
        day = _day(match)
        if day is not None:
            taken.append(match.span())
            if match["time"] or day not in asked_days:
                stated = match.group().rstrip(".:-+")
                values.append((match.start(), Value(stated, day=day, time=match["time"] or "")))
    for match in _QUOTED.finditer(text):
        if not _overlaps(match.span(), taken):
            taken.append(match.span())
            if len(match.group(1)) <= _LONGEST_NAME and _folded(match.group(1)) not in asked:
                values.append((match.start(), Value(match.group(1))))
    for match in _TOKEN.finditer(text):
        token = match.group().strip(_AROUND).lstrip(_CURRENCY)
        if _overlaps(match.span(), taken) or not (re.search("[0-9]", token) or _CODE.fullmatch(token)):
            continue
        number = _number(token) if _UNIT.fullmatch(token) else None
        if _folded(token) in asked if number is None else number in asked_numbers:
            continue
        before = tuple(
            word.lower() for word in _KEY_WORD.findall(text[max(0, match.start() - 80) : match.start()])
        )
        values.append((match.start(), Value(token, number, percent=token.endswith("%"), words=before)))
    return [value for _, value in sorted(values, key=lambda placed: placed[0])]


def _without_list_marks(text: str) -> str:
    """Without 1., 2. and so on, where they count in order; other numbers that end a sentence are values."""
    expected = 1

    def kept(match: re.Match[str]) -> str:
        nonlocal expected
        after_a_word = text[: match.start()].rstrip(" \t")[-1:].isalnum()
        if int(match[1] or match[2]) != expected or (expected == 1 and after_a_word):
            return match.group()
        expected += 1
        return " "

    return _LIST_MARK.sub(kept, text)


def _words(text: str) -> tuple[str, ...]:
    """Those of a phrase, or of a key."""
    return tuple(word.lower() for word in _KEY_WORD.findall(text))


def _overlaps(span: tuple[int, int], taken: Iterable[tuple[int, int]]) -> bool:
    return any(span[0] < end and start < span[1] for start, end in taken)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _number(text: str) -> Decimal | None:
    found = _NUMBER.match(text)
    if found is None:
        return None
    number = Decimal(found.group().replace(",", "").replace("\u2212", "-"))
    return number if abs(number.adjusted()) <= _LARGEST_EXPONENT else None


def _day(match: re.Match[str]) -> date | None:
    """The day that a match of `_DATE` names, None when there is none such."""
    try:
        if match["iso"]:
            return date.fromisoformat(match["iso"])
        day, month, year = (
            match["d1"] or match["d2"],
            match["m1"] or match["m2"],
            match["y1"] or match["y2"],
        )
        return date(int(year), _MONTH_OF[month.lower().removesuffix(".")], int(re.sub(r"\D", "", day)))
    except ValueError:
        return None


@dataclass
class Seen:
    """What the calls of a search returned."""

    observations: Sequence[str]
    text: str = ""
    strings: list[str] = field(default_factory=list)
    days: set[tuple[date | None, str]] = field(default_factory=set)
    """With every beginning of the time that is told with one."""
    times: set[str] = field(default_factory=set)
    numbers: set[Decimal] = field(default_factory=set)
    named: dict[tuple[str, ...], set[Decimal]] = field(default_factory=lambda: defaultdict(set))
    """The numbers under a key, by the key's words; of a list, how long it is, too."""
    _rounded: dict[tuple[int, bool], set[Decimal]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for observation in self.observations:
            for match in _DATE.finditer(observation):
                day, time = _day(match), match["time"] or ""
                self.days |= {(day, time[:length]) for length in (0, 5, 8)}
                self.numbers |= {Decimal(day.year)} if day is not None else set()
            for match in _TIME.finditer(observation):
                self.times |= {_clock(match, seconds=False), _clock(match, seconds=True)}
            told = _json(observation)
            if told is None:
                self.numbers |= set(_numbers_in(observation))
            else:
                self._take(told, ())
        self.text = _folded("\n".join([*self.observations, *self.strings]))

    def _take(self, value: Any, key: tuple[str, ...]) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                self.strings.append(str(name).replace("_", " "))
                self._take(inner, _words(str(name)))
            return
        if isinstance(value, list):
            self._note(key, [Decimal(len(value) + _left_out(value))])
            for inner in value:
                self._take(inner, key)
        elif isinstance(value, str):
            self.strings.append(value)
            self._note(key, _numbers_in(value))
        elif value is not None and not isinstance(value, bool):
            self._note(key, _numbers_in(str(value)))

    def _note(self, key: tuple[str, ...], numbers: Iterable[Decimal]) -> None:
        for number in numbers:
            self.numbers.add(number)
            self.named[key].add(number)

    def backs(self, value: Value) -> bool:
        """Whether the value stands in what was returned, as it is or rounded.

        A number that is named by a key, as in "the mask is 7", has to stand under that key, or under another
        one that is named in the same clause.
        """
        if value.day is not None:
            return (value.day, value.time) in self.days
        time = _TIME.fullmatch(value.text)
        if time is not None:
            return _clock(time, seconds=time[3] is not None) in self.times
        if value.number is None:
            return re.search(rf"(?<!\w){re.escape(_folded(value.text))}(?!\w)", self.text) is not None
        named = self._under_keys(value.words)
        if named:
            return any(_same(value.number, _rounded([number], *_kind(value))) for number in named)
        kind = _kind(value)
        if kind not in self._rounded:
            self._rounded[kind] = _rounded(self.numbers, *kind)
        return _same(value.number, self._rounded[kind])

    def _under_keys(self, words: tuple[str, ...]) -> set[Decimal]:
        """The numbers under the keys that a clause names, when its last words say that it is of one."""
        end = len(words)
        while end and words[end - 1] in _BETWEEN:
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


def _clock(match: re.Match[str], *, seconds: bool) -> str:
    """A time as two digits each, with its seconds or without."""
    hours, minutes, rest = match.groups()
    return f"{int(hours):02}:{minutes}" + (f":{rest or '00'}" if seconds else "")


def _left_out(items: Sequence[Any]) -> int:
    """How many items a shortened list lacks beside those that stand there, the note of it among them."""
    note = items[-1].get(CUT_KEY) if items and isinstance(items[-1], dict) else None
    told = _LEFT_OUT.fullmatch(note) if isinstance(note, str) else None
    return 0 if told is None else int(told[1]) - 1


def _numbers_in(text: str) -> Iterator[Decimal]:
    """Numbers that are words of their own, perhaps with a unit; not those within codes and names."""
    for token in _TOKEN.findall(text):
        stated = token.strip(_AROUND).lstrip(_CURRENCY)
        number = _number(stated) if _UNIT.fullmatch(stated) else None
        if number is not None:
            yield number


def _kind(value: Value) -> tuple[int, bool]:
    """How a value is rounded: its decimal places, and whether it is a percentage."""
    assert value.number is not None
    return max(0, -int(value.number.as_tuple().exponent)), value.percent


def _rounded(numbers: Iterable[Decimal], places: int, percent: bool) -> set[Decimal]:
    """The numbers as they are and rounded to so many places; percent: those times a hundred, too."""
    given = set(numbers)
    scaled = given | {number * 100 for number in given} if percent else given
    unit, rounded = Decimal(1).scaleb(-places), set(given)
    for number in scaled:
        if (places or abs(number) >= _WHOLE_FROM) and number.adjusted() + places < _PRECISION:
            rounded |= {number.quantize(unit, way) for way in (ROUND_HALF_UP, ROUND_HALF_EVEN)}
    return rounded


def _same(stated: Decimal, numbers: Set[Decimal]) -> bool:
    """A sign may be left out, as in "it fell by 5", and none may be added."""
    return stated in numbers or (stated > 0 and -stated in numbers)
