"""Values that a text states: numbers, dates, codes and quoted names, and what each may mean.

Numbers are written in many ways: `1,234.5`, `1.234,5`, `1 234`, `10-20 mm`, `1.2 million`; so are dates and
telephone numbers.  A way that has two meanings is read in both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import NamedTuple, TypeAlias

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_MONTH_OF = {name[:length].lower(): i for i, name in enumerate(_MONTHS, 1) for length in (3, len(name))}
_MONTH = rf"(?:{'|'.join(sorted(_MONTH_OF, key=len, reverse=True))})\.?"
_SHORT_MONTHS = tuple(name[:3].lower() for name in _MONTHS)
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_TO = r" ?[-\u2010-\u2014] ?"
SPACES = " \u00a0\u2009\u202f"
_NUMERIC_DATE = re.compile(
    r"\d(?<!\w\d)(?:"
    r"(?P<iso>\d{3}-\d\d-\d\d)(?:[T ](?P<time>\d\d:\d\d(?::\d\d)?)"
    rf"(?:[{SPACES}]?(?P<half>[AaPp])(?:\.[Mm]\.|[Mm]\b))?)?[\d.:Z+-]*"
    r"|(?<![./-]\d)\d{3}(?P<s1>[/.])\d\d?(?P=s1)\d\d?\b(?![/.]\d)"
    r"|(?<![./-]\d)\d?(?P<s2>[/.-])\d\d?(?P=s2)(?:\d{4}|(?<=/)\d\d)\b(?![/.-]\d))"
)
_WORDED_DATE = re.compile(  # the sets of characters refuse a place before all months are tried there
    rf"\b(?=\d)(?:(?<![\d.,/-])(?P<from1>{_DAY}){_TO})?(?P<d1>{_DAY})(?: of)? (?P<m1>{_MONTH})"
    r"(?:,? (?P<y1>\d{4}))?\b"
    rf"|\b(?=[jfmasond])(?P<m2>{_MONTH}) (?P<d2>{_DAY})(?:{_TO}(?P<to2>{_DAY})(?![\d-]))?"
    r"(?:,? (?P<y2>\d{4}))?\b(?!\.\d)",
    re.IGNORECASE,
)
_MONTH_BEGINS = re.compile("|".join(_SHORT_MONTHS))
_AROUND_MONTH = 40  # characters, more than a date has on either side of it
DIGIT = re.compile(r"\d")
_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»\n]{1,2000})[\"”“»]")
# Possessive, and begun only where a word begins: each place of a long text is looked at once or twice.
_CHUNK = r"\(?+\d++(?:[.,/'\u2019()-]++\d++)*+\)?+"
_SEQUENCE = re.compile(
    rf"(?:(?<![\w.,$€£¥'\u2019/()-])|(?<=[\s:]['\u2019/(]))\+?+{_CHUNK}(?:[{SPACES}]{_CHUNK})+(?![\w%])"
)
"""Digits in groups between spaces: thousands, telephone numbers, or numbers one after another."""
_HAS_SEQUENCE = re.compile(rf"\d\)?[{SPACES}]\(?\d")
_TOKEN = re.compile(r"[^\s\"“”„«»()\[\]{},;|]+(?:,\d+(?!\d)[^\s\"(){},;|\[\]]*)*")
_SIGN = r"[-+\u2212]?"
_PLAIN = re.compile(_SIGN + r"\d+(?:\.\d+)?(?:[eE][-+]?\d{1,3})?")
_GROUPED = re.compile(_SIGN + r"\d{1,3}(?:,\d\d\d?)*,\d{3}(?:\.\d+)?")
_POINTED = re.compile(_SIGN + r"\d{1,3}(?:\.\d{3})+(?:,\d+)?")
_APOSTROPHES = re.compile(_SIGN + r"\d{1,3}(?:['\u2019]\d{3})+(?:[.,]\d+)?")
_SPACED = re.compile(rf"\d{{1,3}}(?:[{SPACES}]\d{{3}})+(?:[.,]\d+)?")
_DECIMAL_COMMA = re.compile(_SIGN + r"\d+,\d+")
_BETWEEN_TWO = re.compile(
    r"(?P<low>[-\u2212]?[\d.,]{0,60}\d)(?:%|°[CF]?)?(?P<mark>[-\u2010-\u2014]|\.\.\.?|[x\u00d7])[$€£¥]?(?P<high>[-\u2212]?\d[\d.,]{0,60})"
)
_UNIT = re.compile(r"(?<=\d)(?:%|°[CFNSEW]?|[a-zA-Zµ²³/]{1,4})$")
_SCALE = re.compile(rf"[{SPACES}]?(thousand|million|billion|trillion|bn)\b")
_SCALES = {"thousand": 3, "million": 6, "billion": 9, "bn": 9, "trillion": 12}
_SHORT_SCALE = re.compile(r"(?<=\d)(?:k|M|mn|bn|B)$")
_SHORT_SCALES = {"k": 3, "M": 6, "mn": 6, "bn": 9, "B": 9}
_PERCENT = re.compile(rf"[{SPACES}]?(?:%|per ?cent\b)")
_WITHIN = re.compile(
    r"(?:[A-Za-z_]{1,30}[=:]|[<>=\u2248\u2264\u2265~\u00b1]{1,3}|[A-Z]{1,3}(?=[$€£¥])"
    r"|(?:USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|NZD|NOK|SEK|DKK|PLN|CZK|BRL|MXN|ZAR|SGD|HKD)(?=\d))?"
    r"[$€£¥]?(?P<number>[-+\u2212]?\d[\d.,'\u2019]{0,40}?)"
    r"(?P<unit>%|°[CFNSEW]?|(?:k|M|mn|bn|B)(?![A-Za-z]))?(?:[$€£¥]|(?:[$€£¥]|[A-Za-z]{1,4})?/[A-Za-z]{1,12}|(?:-[a-z]{3,15}){1,3})?"
)
"""A number with what is written to it: `US$5`, `20€`, `€20/month`, `x=5`, `>5`, `a 3-day trip`."""
_TAG = re.compile(
    r"</?(?:a|b|i|u|p|em|strong|span|div|code|pre|br|hr|li|[uo]l|t[dhr]|table|tbody|thead|h[1-6])"
    r"(?: [^<>]{0,200})?/?>",
    re.IGNORECASE,
)
_MORE = re.compile(r"\s(?:more|others?)\b")
_FOLLOWED = re.compile(r"\s?[tmbp%o]")  # as all begins that is looked for behind a number
TIME = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?")
HALF_DAY = re.compile(
    r"([0-9](?<![\d:.,/-][0-9])(?:(?<=0)[1-9]|(?<=1)[0-2]|(?<=[1-9])))(?::(\d\d)(?::(\d\d))?)?"
    rf"[{SPACES}]?([AaPp])(?:\.[Mm]\.|[Mm]\b)"
)
"""A time of twelve hours, as in 5:30 PM."""
_CODE = re.compile(r"(?!(?:AM|PM|OK)$)[A-Z]{2,20}")
KEY_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
BETWEEN = frozenset(
    "is are was were of the a an equals at about approximately to there".split()  # noqa: SIM905 - as one reads it
)
_BEFORE = 80  # characters in which a value is named
_LIST_MARK = re.compile(r"(?m)(?:^|(?<=\s))(?:\((\d{1,2})\)|(\d{1,2})[.)])(?=\s)")
DIGITS = re.compile(rf"\+?\(?\d[\d{SPACES}()/.-]{{5,40}}\d")
FEWEST_DIGITS = 7
"""Of a number that is known by its digits, whatever stands between them: a telephone's, a book's."""
_AROUND = ".,:!?'*_`~"
_CURRENCY = "$€£¥"
_LARGEST_EXPONENT = 300
_LONGEST_NAME = 80

Reading: TypeAlias = tuple[Decimal, ...]
"""What a text may mean: a number, or several of which each has to be found."""
Day: TypeAlias = tuple[int | None, int, int]
"""Year, month and day; the year may be left out."""


class Value(NamedTuple):
    """A value that an answer states.

    readings: of a number, what it may mean.  days, time: of a date, in either order of day and month; a time
    alone is one of 24 hours.  digits: of a number that is known by them.  scale: as a power of ten, as in
    "1.2 million".  before: what is said before it, in which it may be named.  more: it says how many are
    left out.  within: the text says more than the number.
    """

    text: str
    readings: tuple[Reading, ...] = ()
    days: tuple[Day, ...] = ()
    time: str = ""
    digits: str = ""
    percent: bool = False
    scale: int = 0
    before: str = ""
    more: bool = False
    within: bool = False

    @property
    def words(self) -> list[str]:
        """Those before it, the nearest last."""
        return [word.lower() for word in KEY_WORD.findall(self.before)]


def values_of(answer: str, query: str) -> list[Value]:
    """The numbers, dates, codes and quoted names of an answer that its instruction does not give."""
    text = _TAG.sub(" ", _without_list_marks(answer))
    asked = _asked(query)
    dates = list(dates_in(text))
    placed = [
        (told.span[0], Value(told.text, days=told.days, time=told.time))
        for told in dates
        if told.time or asked.days.isdisjoint(told.days)
    ]
    quoted = list(_QUOTED.finditer(text))
    left = _blanked(text, sorted(told.span for told in dates))
    placed += [
        (match.start(), Value(match.group(1)))
        for match in quoted
        if len(match.group(1)) <= _LONGEST_NAME
        and folded(match.group(1)) not in asked.text
        and "\n" not in left[slice(*match.span())]  # a date is in it, which is a value of its own
    ]
    left = _blanked(left, [match.span() for match in quoted])
    clocks = list(HALF_DAY.finditer(left))
    for match in clocks:
        if folded(match.group()) not in asked.text:
            placed.append((match.start(), _time_of(match)))
    left = _blanked(left, [match.span() for match in clocks])
    sequences = list(_SEQUENCE.finditer(left)) if _HAS_SEQUENCE.search(left) else []
    for match in sequences:
        stated = match.group()
        readings = _readings_of_sequence(stated)
        if not asked.gives(stated, readings):
            placed.append((match.start(), Value(stated, readings, digits=_digits(stated))))
    left = _blanked(left, [match.span() for match in sequences])
    for match in _TOKEN.finditer(left):
        token = match.group()
        if token.isupper() or not (token.isalpha() or DIGIT.search(token) is None):
            stated = token.strip(_AROUND).lstrip(_CURRENCY)
            readings = readings_of(stated)
            is_value = readings or _CODE.fullmatch(stated) or DIGIT.search(stated)
            if is_value and not asked.gives(stated, readings):
                placed.append((match.start(), _stated_in(text, match, stated, readings)))
    placed.sort(key=itemgetter(0))
    return [value for _, value in placed]


def clock_of(half_day: re.Match[str], *, seconds: bool) -> str:
    hours = int(half_day[1]) % 12 + (12 if half_day[4] in "Pp" else 0)
    return f"{hours:02}:{half_day[2] or '00'}" + (f":{half_day[3] or '00'}" if seconds else "")


def _time_of(half_day: re.Match[str]) -> Value:
    """A whole hour may have been told as a number."""
    time = clock_of(half_day, seconds=half_day[3] is not None)
    hours = () if half_day[2] else ((Decimal(half_day[1]),), (Decimal(time[:2]),))
    return Value(half_day.group(), hours, time=time)


class Asked:
    """What an instruction gives."""

    def __init__(self, query: str) -> None:
        self.query = query
        self.text = folded(query)
        self.numbers = {
            number for token in _tokens(query) for reading in readings_of(token) for number in reading
        }

    @cached_property
    def days(self) -> set[Day]:
        return {day for told in dates_in(self.query) for day in told.days}

    def gives(self, stated: str, readings: tuple[Reading, ...]) -> bool:
        """Whether it gives a value: a number by what it may mean, another by its text."""
        if any(self.numbers.issuperset(reading) for reading in readings):
            return True
        return not is_single(readings) and folded(stated) in self.text


_asked = lru_cache(maxsize=1_000)(Asked)  # several answers to one instruction


def _stated_in(text: str, match: re.Match[str], stated: str, readings: tuple[Reading, ...]) -> Value:
    """A word of an answer that is a number or a code, with what is said around it."""
    if not is_single(readings):
        return Value(stated, readings, digits=_digits(stated))
    is_plain = stated.isdecimal() or _PLAIN.fullmatch(stated)
    within = None if is_plain else _WITHIN.fullmatch(stated)
    short = "" if within is None else (within["unit"] or "")
    end = match.end()
    is_followed = _FOLLOWED.match(text, end) is not None
    scale = _SCALE.match(text, end) if is_followed else None
    return Value(
        stated,
        readings,
        digits="" if is_plain else _digits(stated),
        percent=stated.endswith("%")
        or short == "%"
        or (is_followed and _PERCENT.match(text, end) is not None),
        scale=_SHORT_SCALES.get(short, 0) if scale is None else _SCALES[scale[1]],
        within=short in _SHORT_SCALES or (within is not None and within["number"] + short != stated),
        before=text[max(0, match.start() - _BEFORE) : match.start()],
        more=is_followed and _MORE.match(text, end) is not None,
    )


def is_single(readings: tuple[Reading, ...]) -> bool:
    return bool(readings) and len(readings[0]) == 1


def _blanked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text with nothing but ends of lines where the spans are."""
    if not spans:
        return text
    parts, at = [], 0
    for start, end in spans:
        if start >= at:
            parts += [text[at:start], "\n" * (end - start)]
            at = end
    return "".join([*parts, text[at:]])


def _without_list_marks(text: str) -> str:
    """Without 1., 2. and so on, where they count in order; other numbers that end a sentence are values."""
    if "1." not in text and "1)" not in text:
        return text
    expected = 1

    def kept(match: re.Match[str]) -> str:
        nonlocal expected
        after_a_word = text[max(0, match.start() - _BEFORE) : match.start()].rstrip(" \t")[-1:].isalnum()
        if int(match[1] or match[2]) != expected or (expected == 1 and after_a_word):
            return match.group()
        expected += 1
        return " "

    return _LIST_MARK.sub(kept, text)


def folded(text: str) -> str:
    text = text.casefold()
    if not text.isascii():
        for apostrophe in "\u2018\u2019\u02bc":
            text = text.replace(apostrophe, "'")
    return " ".join(text.split())


def _tokens(text: str) -> Iterator[str]:
    """Words that hold digits."""
    if DIGIT.search(text):
        for token in _TOKEN.findall(text):
            if DIGIT.search(token):
                yield token.strip(_AROUND).lstrip(_CURRENCY)


@lru_cache(maxsize=50_000)
def readings_of(token: str) -> tuple[Reading, ...]:
    """What a word may mean that is a number, perhaps with a unit, or two as in `10-20`; none of another."""
    if not token.isdecimal():
        token = _UNIT.sub("", token).replace("\u2212", "-")
    if _PLAIN.fullmatch(token):
        return _one(token) + (_one(token.replace(".", "")) if _POINTED.fullmatch(token) else ())
    if token[-1:].isdigit() and token.strip("+-")[:1].isdigit():
        found = next((read(token) for form, read in _FORMS if form.fullmatch(token)), None)
        if found is not None:
            return found
    within = _WITHIN.fullmatch(token) if len(token) <= _LONGEST_NAME else None
    return readings_of(within["number"]) if within is not None and within["number"] != token else ()


def _two(token: str) -> tuple[Reading, ...]:
    """The ends of a range, the lower one first, or the sides of a size."""
    two = _BETWEEN_TWO.fullmatch(token)
    assert two is not None
    low, high = readings_of(two["low"]), readings_of(two["high"])
    if low and high and (two["mark"] in "x\u00d7" or low[0] < high[0]):
        return ((*low[0], *high[0]),)
    return ()


def _grouped(token: str) -> tuple[Reading, ...]:
    """`1,234` may be written with a decimal comma."""
    whole = _one(token.replace(",", ""))
    return whole if token.count(",") > 1 or "." in token else whole + _one(token.replace(",", "."))


_FORMS: tuple[tuple[re.Pattern[str], Callable[[str], tuple[Reading, ...]]], ...] = (
    (_GROUPED, _grouped),
    (_POINTED, lambda token: _one(token.replace(".", "").replace(",", "."))),
    (_APOSTROPHES, lambda token: _one(re.sub("['\u2019]", "", token).replace(",", "."))),
    (_DECIMAL_COMMA, lambda token: _one(token.replace(",", ".")) + _all(token.split(","))),
    (re.compile(r"\d+(?:,\d+)+"), lambda token: _all(token.split(","))),
    (_BETWEEN_TWO, _two),
)


def _readings_of_sequence(text: str) -> tuple[Reading, ...]:
    """Of numbers between spaces: thousands of one, or each by itself."""
    spaced = _SPACED.fullmatch(text)
    joined = _one(re.sub(rf"[{SPACES}]", "", text).replace(",", ".")) if spaced else ()
    parts = [readings_of(part.strip("()")) for part in re.split(rf"[{SPACES}]", text)]
    if all(parts):
        return (*joined, tuple(number for readings in parts for number in readings[0]))
    return joined


def _one(text: str) -> tuple[Reading, ...]:
    number = decimal_of(text)
    return () if number is None else ((number,),)


def _all(texts: Iterable[str]) -> tuple[Reading, ...]:
    numbers = [decimal_of(text) for text in texts]
    return () if None in numbers else (tuple(number for number in numbers if number is not None),)


@lru_cache(maxsize=20_000)
def decimal_of(text: str) -> Decimal | None:
    """A number, None where it is beyond what anybody states."""
    number = Decimal(text)
    return number if number.is_finite() and abs(number.adjusted()) <= _LARGEST_EXPONENT else None


def _digits(text: str) -> str:
    """Those of a number that is known by them, without zeros in front; nothing of a shorter one."""
    digits = re.sub(r"\D", "", text).lstrip("0")
    known = len(digits) >= FEWEST_DIGITS and DIGITS.fullmatch(text) is not None
    return digits if known and not _POINTED.fullmatch(text) else ""


class Stated(NamedTuple):
    """A date in a text.  days: it may name; time: told with it."""

    span: tuple[int, int]
    text: str
    days: tuple[Day, ...]
    time: str = ""


def dates_in(text: str) -> Iterator[Stated]:
    """Those of a text that a calendar has."""
    for match in _NUMERIC_DATE.finditer(text):
        stated, days, time = _numeric_date(match.group())
        if days:
            yield Stated(match.span(), stated, days, time)
    for match in _worded_dates(text):
        month, written = match["m1"] or match["m2"], match["y1"] or match["y2"]
        if written or month[0].isupper():  # not "may 5 of them"
            number = _MONTH_OF[month.casefold().removesuffix(".")]
            for told in filter(None, match.group("from1", "d1", "d2", "to2")):
                day = int(re.sub(r"\D", "", told))
                days = _there((int(written) if written else None, number, day))
                if days:
                    yield Stated(match.span(), match.group(), days)


def _worded_dates(text: str) -> Iterator[re.Match[str]]:
    """Looked for around the names of months alone: to try every word of a text costs more than all else."""
    lowered = text.lower()
    spans: list[tuple[int, int]] = []
    for match in _MONTH_BEGINS.finditer(lowered):
        begin, end = max(0, match.start() - _AROUND_MONTH), match.end() + _AROUND_MONTH
        if spans and begin <= spans[-1][1]:
            begin = spans.pop()[0]
        spans.append((begin, end))
    if len(lowered) != len(text):  # what is lowered is not always as long
        spans = [(0, len(text))]
    for begin, end in spans:
        yield from _WORDED_DATE.finditer(text, begin, end)


@lru_cache(maxsize=20_000)
def _numeric_date(written: str) -> tuple[str, tuple[Day, ...], str]:
    """Of what `_NUMERIC_DATE` found: without what ends it, the days it may mean, the time told with it."""
    match = _NUMERIC_DATE.fullmatch(written)
    assert match is not None
    stated = written.rstrip(".:-+")
    if match["iso"]:
        days = _there((int(stated[:4]), int(stated[5:7]), int(stated[8:10])))
    else:
        first, second, third = map(int, re.split("[/.-]", stated))
        if match["s1"]:
            days = _there((first, second, third))
        else:
            year = third if third > 99 else 2000 + third
            days = _there((year, second, first), (year, first, second))
    half_day = HALF_DAY.match(written, len("yyyy-mm-dd ")) if match["half"] else None
    seconds = len(match["time"] or "") > len("hh:mm")
    return stated, days, match["time"] or "" if half_day is None else clock_of(half_day, seconds=seconds)


_LEAP_YEAR = 2000


def _there(*days: Day) -> tuple[Day, ...]:
    """Those that a calendar has."""
    found = []
    for year, month, day in days:
        try:
            date(_LEAP_YEAR if year is None else year, month, day)
        except ValueError:
            continue
        found.append((year, month, day))
    return tuple(dict.fromkeys(found))


def numbers_in(text: str) -> Iterator[Decimal]:
    """Numbers that are words of their own, perhaps with a unit; not those within codes and names."""
    for token in _tokens(text):
        for reading in readings_of(token):
            yield from reading
    for match in _SEQUENCE.finditer(text) if _HAS_SEQUENCE.search(text) else ():
        if _SPACED.fullmatch(match.group()):
            yield from _readings_of_sequence(match.group())[0]
