"""Corrects the arguments of a refused call by what the error message says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sandbox.teaching.fitting import fitting
from sandbox.teaching.functions import Function
from sandbox.teaching.observation import Fact, Observation, matching
from sandbox.teaching.parameter import Parameter
from sandbox.teaching.values import Chooser
from sandbox.teaching.words import plain

_HOPELESS = re.compile(
    r"""\b(?:unauthori[sz]ed|forbidden|api\ key|subscri\w+|timed?\ ?out|internal\ server
    |unavailable|rate\ limit|too\ many\ requests|quota|read-only|connection|overloaded
    |html\ page|too\ large|blocked)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ABOUT_ARGUMENTS = re.compile(
    r"""\b(?:invalid|unknown|not\ found|no\ such|no\ \w+\ (?:found|match)|must|missing|required|parameters?
    |arguments?|expected|unsupported|not\ supported|valid|range|between|format|should|cannot\ be
    |(?:does\ )?not\ exist|not\ recogni[sz]ed|wrong|bad|malformed)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ADVICE = re.compile(
    r"""\b(?:did\ you\ mean|try|e\.g\.|for\ example|examples?\b|(?<!no\ )such\ as|nearest(?:\ \w+)?)
    [\s:]*(?P<options>[^)\]\n;]{1,300})""",
    re.IGNORECASE | re.VERBOSE,
)
_LISTING = re.compile(
    r"""\b(?:one\ of|allowed(?:\ \w+)?|choose\ from|known\ \w+|valid\ (?:\w+\ )?(?:values|options)
    |supported\ \w+|options|should\ be|must\ be|expected)
    (?:\ are|\ is)?[\s:(\[]*(?P<options>[^)\].\n;]{1,300})""",
    re.IGNORECASE | re.VERBOSE,
)
_ARGUMENT_STATUSES = frozenset({400, 404, 406, 409, 422})
_TOKEN = re.compile(r"[\w.+:/-]{1,40}")
_RANGE = re.compile(r"(?:between|from)\s+(-?\d+(?:\.\d+)?)\s+(?:and|to)\s+(-?\d+(?:\.\d+)?)", re.IGNORECASE)
_LEAST = re.compile(
    r"(?:at least|greater than(?: or equal to)?|minimum(?: is| of)?|>=?)\s*(-?\d+(?:\.\d+)?)", re.IGNORECASE
)
_MOST = re.compile(
    r"(?:at most|less than(?: or equal to)?|maximum(?: is| of)?|no more than|<=?)\s*(-?\d+(?:\.\d+)?)",
    re.IGNORECASE,
)


def mended(
    function: Function, arguments: dict[str, Any], refused: Observation, facts: Sequence[Fact], *seed: object
) -> dict[str, Any] | None:
    """Other arguments worth trying after such an error, None where another value would not help."""
    message = refused.error or ""
    if not _blames_arguments(message, refused.status):
        return None
    named = [parameter for parameter in function.parameters if _named_in(parameter, message)]
    missing = [parameter for parameter in named if parameter.name not in arguments]
    blamed = [parameter for parameter in named if parameter.name in arguments]
    blamed += [
        parameter
        for parameter in function.parameters
        if parameter not in named
        and parameter.name in arguments
        and _quotes(message, arguments[parameter.name])
    ]
    for parameter in (*missing, *blamed, *_guesses(function, arguments, named or blamed)):
        value = _other_value(parameter, arguments.get(parameter.name), message, facts, *seed)
        if value is not None and value != arguments.get(parameter.name):
            return {**arguments, parameter.name: value}
    return None


def _blames_arguments(message: str, status: int | None) -> bool:
    if _HOPELESS.search(message) or (
        status is not None and status >= 400 and status not in _ARGUMENT_STATUSES
    ):
        return False
    return status in _ARGUMENT_STATUSES or _ABOUT_ARGUMENTS.search(message) is not None


def _guesses(function: Function, arguments: dict[str, Any], known: Sequence[Parameter]) -> list[Parameter]:
    """When the message blames nothing: the text arguments, which are wrong most often."""
    if known:
        return []
    return [one for one in function.parameters if one.kind == "string" and one.name in arguments]


def _named_in(parameter: Parameter, message: str) -> bool:
    names = {parameter.name, plain(parameter.name)}
    return any(
        re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", message, re.IGNORECASE) for name in names if name
    )


def _quotes(message: str, value: Any) -> bool:
    text = str(value)
    return len(text) > 1 and text.lower() in message.lower()


def _other_value(parameter: Parameter, tried: Any, message: str, facts: Sequence[Fact], *seed: object) -> Any:
    if parameter.numeric and (within := _within(parameter, tried, message)) is not None:
        return within
    for option in _options(message):
        fitted = fitting(option, parameter)
        if fitted is not None and str(fitted) != str(tried):
            return fitted
    if parameter.numeric:
        return None
    observed = [fact.value for fact in matching(tuple(facts), parameter.stems)]
    for value in (*observed, *parameter.examples, *parameter.enum):
        fitted = fitting(value, parameter)
        if fitted is not None and str(fitted) != str(tried):
            return fitted
    return Chooser(*seed, "mended").value(parameter)


def _options(message: str) -> list[str]:
    """Values the message offers: after words of advice, or listed as the ones there are."""
    for pattern, least in ((_ADVICE, 1), (_LISTING, 2)):
        found = pattern.search(message)
        options = _values_in(found["options"]) if found else []
        if len(options) >= least:
            return options
    return []


def _values_in(text: str) -> list[str]:
    quoted = re.findall(r"[\"'`]([^\"'`]{1,60})[\"'`]", text)
    if quoted:
        return quoted
    parts = [part.strip(" .:;()[]") for part in re.split(r",\s*|\s+or\s+|\s+and\s+", text)]
    return parts if all(map(_TOKEN.fullmatch, parts)) else []


def _within(parameter: Parameter, tried: Any, message: str) -> float | int | None:
    allowed = _RANGE.search(message)
    low = float(allowed[1]) if allowed else _bound(_LEAST, message)
    high = float(allowed[2]) if allowed else _bound(_MOST, message)
    if low is None and high is None:
        example = next((one for one in parameter.examples if fitting(one, parameter) is not None), None)
        return fitting(example, parameter) if example is not None else None
    current = float(tried) if isinstance(tried, (int, float)) else None
    if low is not None and (current is None or current < low):
        value = low + 1
    elif high is not None and (current is None or current > high):
        value = high - 1
    else:
        return None
    value = min(max(value, low if low is not None else value), high if high is not None else value)
    return int(value) if float(value).is_integer() else value


def _bound(pattern: re.Pattern[str], message: str) -> float | None:
    found = pattern.search(message)
    return float(found[1]) if found else None
