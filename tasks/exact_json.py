"""JSON whose numbers stay what was written: integers of any length, decimals that no double holds.

orjson reads integers beyond 64 bits as floats, rounds decimals to doubles and refuses what a double cannot
reach; it writes no integer beyond 64 bits.  What it reads and writes exactly, which is nearly everything, is
left to it; the rest costs more, and stays exact.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

import orjson

Json: TypeAlias = dict[str, Any]

# Digits and points of a number that a double or 64 bits may not hold are at least this many in a row.
_RUN = b"0" * 16
_FLAT = bytes.maketrans(b"123456789.E", b"0000000000e")
_UNDERFLOW = b"0e-000"
_NUMBER = re.compile(rb"[0-9.]+(?:[eE][+-]?[0-9]+)?")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_EXACT_DIGITS = 15  # a double holds any decimal of so many
_MOST_DIGITS = 4300  # of an integer that Python reads from text
_BEYOND = 2**63  # with its sign before it, which is not looked at


class WrittenFloat(float):
    """A number as its JSON text; as a float it is the nearest double, or infinite."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> WrittenFloat:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]  # of a text, not of a float
        return (self.text,)

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__


class WrittenInt(int):
    """An integer that was written in another way than JSON's: `007`, `0x1F`.  text: that way."""

    text: str

    def __new__(cls, value: int, text: str) -> WrittenInt:
        number = super().__new__(cls, value)
        number.text = text
        return number

    def __getnewargs__(self) -> tuple[int, str]:  # type: ignore[override]  # with its text
        return int(self), self.text


def loads(text: str | bytes) -> Any:
    """The value of a JSON text.  Raises `orjson.JSONDecodeError`.

    Integers are ints, numbers that are not exactly a double `WrittenFloat`s.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if "infinity" not in error.msg:  # a number beyond doubles
            raise
        return _loaded(text, error)
    raw = text.encode() if isinstance(text, str) else text
    flat = raw.translate(_FLAT)
    if (_RUN in flat and _loses(raw, flat)) or _UNDERFLOW in flat:
        try:
            return _loaded(text)
        except RecursionError:  # orjson takes some levels more
            return value
    return value


def lenient(text: str, repeated: list[str] | None = None) -> Any:
    """Likewise, with line breaks within strings and halves of surrogate pairs.  Raises `ValueError`.

    NaN and Infinity, which are Python's own, become None: other readers of what is made of them would fail.
    repeated: where it is given, takes the keys that an object has more than once, of which the last counts.
    """

    def noted(pairs: list[tuple[str, Any]]) -> Json:
        found = dict(pairs)
        if repeated is not None and len(found) < len(pairs):
            repeated.extend(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        return found

    return json.loads(
        text,
        strict=False,
        parse_int=_int,
        parse_float=_float,
        parse_constant=lambda _: None,
        object_pairs_hook=None if repeated is None else noted,
    )


def is_plain(value: Any) -> bool:
    """Whether no number in `value` is a `WrittenFloat`, so that any writer of JSON keeps it."""
    if isinstance(value, dict):
        return all(map(is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    return not isinstance(value, WrittenFloat)


def number_of(text: str) -> int | float:
    """The number that a JSON number's text is, exactly."""
    if "." in text or "e" in text or "E" in text:
        return _float(text)
    return _int(text)


def is_number(text: str) -> bool:
    """Whether a text is a number as JSON writes it."""
    return _JSON_NUMBER.fullmatch(text) is not None


def whole(number: float) -> int | float:
    """A float that is an integer, in all its digits, as one: 5.0 is 5, 1e30 stays what it is."""
    if isinstance(number, WrittenFloat):
        exact = Decimal(number.text)
        is_whole = (
            exact.is_finite() and exact.adjusted() < _MOST_DIGITS and exact == exact.to_integral_value()
        )
        return int(exact) if is_whole and "e" not in number.text.lower() else number
    return int(number) if number.is_integer() and abs(number) <= 2**53 else number


def dumps(value: Any, *, sort_keys: bool = False) -> bytes:
    """Compact JSON text of `value`.  Raises `TypeError` for what is no JSON or nested too deeply."""
    try:
        return orjson.dumps(value, _fragment, orjson.OPT_SORT_KEYS if sort_keys else None)
    except TypeError as error:
        if "64-bit" not in str(error):
            raise
    try:
        return text_of(value, sort_keys=sort_keys).encode()
    except RecursionError as error:
        raise TypeError("nested too deeply") from error


def text_of(
    value: Any, comma: str = ",", colon: str = ":", *, sort_keys: bool = False, ascii_only: bool = False
) -> str:
    """JSON text of `value`, whatever its numbers; of characters beyond ASCII only lone surrogates escaped."""

    def written(value: Any) -> str:
        if isinstance(value, dict):
            items = sorted(value.items()) if sort_keys else value.items()
            fields = (f"{_quoted(str(key), ascii_only)}{colon}{written(inner)}" for key, inner in items)
            return f"{{{comma.join(fields)}}}"
        if isinstance(value, (list, tuple)):
            return f"[{comma.join(map(written, value))}]"
        if isinstance(value, WrittenFloat):
            return value.text
        if isinstance(value, float) and not math.isfinite(value):
            return "null"
        return _quoted(value, ascii_only) if isinstance(value, str) else json.dumps(value)

    return written(value)


def _quoted(text: str, ascii_only: bool) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        ascii_only = True
    return json.dumps(text, ensure_ascii=ascii_only)


def _fragment(value: Any) -> orjson.Fragment:
    if isinstance(value, WrittenFloat):
        return orjson.Fragment(value.text)
    raise TypeError(f"Type is not JSON serializable: {type(value).__name__}")


def _loses(raw: bytes, flat: bytes) -> bool:
    """Whether any of the long numbers is not exactly what orjson makes of it."""
    at = flat.find(_RUN)
    while at >= 0:
        found = _NUMBER.match(raw, at)
        assert found is not None
        if _is_lossy(found[0].decode()):
            return True
        at = flat.find(_RUN, found.end())
    return False


def _is_lossy(digits: str) -> bool:
    if digits.isdigit():
        return len(digits) >= 19 and int(digits[:20]) >= _BEYOND
    try:
        return not _is_double(digits, float(digits))
    except (ValueError, InvalidOperation):  # in a text: a version, an address, a row of points
        return False


def _is_double(text: str, number: float) -> bool:
    return repr(number) == text or (math.isfinite(number) and Decimal(text) == Decimal(repr(number)))


def _loaded(text: str | bytes, fault: orjson.JSONDecodeError | None = None) -> Any:
    try:
        return json.loads(text, parse_int=_int, parse_float=_float, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        if fault is None:
            raise
        raise fault from None


def _int(text: str) -> int | float:
    return int(text) if len(text) <= _MOST_DIGITS else WrittenFloat(text)


def _float(text: str) -> float:
    number = float(text)
    short = len(text) <= _EXACT_DIGITS and "e" not in text and "E" not in text
    return number if short or _is_double(text, number) else WrittenFloat(text)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def digest_of(value: object) -> str:
    """Hex digest (128 bits) of a JSON value, whatever the order of its keys."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # numbers beyond 64 bits or doubles
        text = dumps(value, sort_keys=True)
    return hashlib.blake2b(text, digest_size=16).hexdigest()
