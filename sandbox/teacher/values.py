"""Values for parameters: chosen for a call or after a refusal, said by a person, read from what is said."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.teacher import faults
from sandbox.teacher.documents import PREPOSITIONS, Api, Parameter, name_stems, of_document, spoken
from sandbox.teacher.observations import Observation
from sandbox.teacher.prompts import Trying

_PLACES = ((52.52, 13.41), (48.86, 2.35), (40.71, -74.01), (35.68, 139.69), (51.51, -0.13), (59.91, 10.75))
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def look(value: object) -> str:
    """How a value looks: "EUR" is "AAA", "Oslo" is "Aa", "2026-01-15" is "9-9-9"; running text is "text"."""
    text = re.sub(r"[^\W\d_a-z]", "A", str(value))
    text = re.sub(r"\d+", "9", re.sub(r"a+", "a", re.sub(r"[^\W\dA]", "a", text)))
    return "text" if text.count(" ") >= 4 else text


@cache
def _pools() -> list[tuple[list[set[str]], list[str], bool]]:
    read = tomllib.loads((Path(__file__).parent / "pools.toml").read_text(encoding="utf-8"))
    return [
        ([set(name_stems(name)) for name in pool["names"]], pool["values"], pool.get("vague", False))
        for pool in read["pool"]
    ]


def pool_of(parameter: Parameter, known: list[Any]) -> list[str]:
    """What anybody knows by the parameter's name, and looks like what the documents show, if anything."""
    looks = {look(value) for value in known}
    words = set(name_stems(parameter.name))
    for names, values, vague in _pools():
        alike = [value for value in values if not looks or look(value) in looks]
        if alike and not (vague and looks) and any(name <= words for name in names):
            return alike
    return []


def value_for(api: Api, parameter: Parameter, *seed: object) -> Any:  # noqa: PLR0911  # a case for each kind
    """A value for a call of the API, None where nothing plausible is known."""
    seed = (*seed, parameter.name)
    if parameter.enum:
        return faults.pick(parameter.enum, *seed)
    known = list(parameter.shown)
    if (called := parameter.fit(api.called.get(parameter.name))) is not None and parameter.name in api.called:
        known.insert(0, called)
    if parameter.kind in {"number", "integer"}:
        return _number_for(parameter, known, *seed)
    if parameter.kind == "boolean":
        return True
    if parameter.kind == "object":
        return known[0] if known else None
    if parameter.kind == "array":
        return _list_for(parameter, known, *seed)
    shown = str(known[0]) if known else ""
    dated = {"date", "day", "since", "until", "start", "end", "birthday"} & set(
        spoken(parameter.name).split()
    )
    if _ISO_DATE.search(shown) or (not known and dated):
        return _day_for(parameter, shown or "2026-03-14", *seed)
    pool = pool_of(parameter, known)
    if known and (not pool or faults.chance(0.4, *seed, "as shown")):
        return faults.pick(known, *seed)
    return faults.pick(pool, *seed) if pool else None


def _number_for(parameter: Parameter, known: list[Any], *seed: object) -> float | int:
    words = spoken(parameter.name).split()
    axis = next((axis for axis, name in enumerate(("latitude", "longitude")) if name in words), None)
    if axis is not None and parameter.kind == "number":
        # The same place for both, and another one for "latitude 2".
        places = faults.shuffled(_PLACES, *seed[:-1])
        place = places[sum(int(word) for word in words if word.isdecimal()) % len(places)]
        if parameter.allows(place[axis]):
            return place[axis]
    low, high = parameter.bound("minimum"), parameter.bound("maximum")
    if known:
        base = float(known[0])
    elif "year" in words:
        base = 2025
    else:
        base = (low + min(high - low, 20) / 2) if low is not None and high is not None else (low or 0) + 10
    if "year" in words and 1900 < base < 2100:
        options = [base + step for step in range(-3, 4)]
    else:
        options = [base * factor for factor in (0.5, 0.8, 1, 1.2, 1.5, 2, 2.5, 4)] if base else [1.0, 2, 3, 5]
    whole = parameter.kind == "integer" or base.is_integer()
    rounded = [round(option) if whole else round(option, 2) for option in options]
    fitting = [one for one in rounded if parameter.allows(one) and (one != 0 or base == 0)]
    drawn: float | int = faults.pick(fitting or known or [round(base)], *seed)
    return drawn


def _list_for(parameter: Parameter, known: list[Any], *seed: object) -> list[Any] | None:
    if known and isinstance(known[0], list):
        first = known[0]
        if any(isinstance(value, (dict, list, bool)) for value in first):
            return first
        if all(isinstance(value, (int, float)) for value in first):
            factor = faults.pick((1, 2, 3), *seed)
            return [round(value * factor, 2) for value in first]
        others = [value for value in pool_of(parameter, first) if value not in first]
        return faults.shuffled([*first, *others], *seed)[: len(first)] if others else first
    items = parameter.schema.get("items")
    inner = Parameter(parameter.name, True, items if isinstance(items, dict) else {})
    if inner.kind in {"number", "integer"}:
        return [faults.between(2, 60, *seed, index) for index in range(4)]
    if inner.enum:
        return [faults.pick(inner.enum, *seed)]
    return faults.shuffled(pool_of(inner, []), *seed)[:3] or None


def _day_for(parameter: Parameter, shown: str, *seed: object) -> str:
    """A day some weeks after the one that is shown, the end of a stretch later than its start."""
    late = bool({"end", "until", "to"} & set(spoken(parameter.name).split()))
    days = faults.between(1, 90, *seed) + (100 if late else 0)
    try:
        return _ISO_DATE.sub(
            lambda day: (date.fromisoformat(day[0]) + timedelta(days=days)).isoformat(), shown, count=1
        )
    except ValueError:
        return shown


# Values in what people say.  What is written by `said` is read by `read_said`, letter for letter.


def said(parameter: Parameter, value: Any) -> str:
    """`the city "Oslo"`, `the values 7, 8 and 9`, `from "mile"`."""
    flat = isinstance(value, list) and value and not any(isinstance(one, (list, dict)) for one in value)
    *before, last = [json.dumps(one, ensure_ascii=False) for one in (value if flat else [value])]
    text = f"{', '.join(before)} and {last}" if before else last
    return f"{_called(parameter)} {text}"


def _called(parameter: Parameter) -> str:
    name = spoken(parameter.name) or "value"
    return name if name in PREPOSITIONS else f"the {name}"


def read_said(parameter: Parameter, text: str) -> Any:
    """The value that a text gives beside the parameter's name, None where it gives none."""
    for found in re.finditer(rf"\b{re.escape(_called(parameter))} (?=[\"\[{{\d-]|true|false)", text):
        values = list(_values_at(text, found.end()))
        value = values if parameter.kind == "array" and not isinstance(values[:1], dict) else None
        if parameter.kind == "array" and len(values) == 1 and isinstance(values[0], list):
            value = values[0]
        elif parameter.kind != "array" and values:
            value = parameter.fit(values[0])
        if value is not None and values:
            return value
    return None


def _values_at(text: str, at: int) -> Iterator[Any]:
    """The JSON value there, and those that follow with commas and "and"."""
    decoder = json.JSONDecoder()
    while True:
        try:
            value, at = decoder.raw_decode(text, at)
        except ValueError:
            return
        yield value
        joint = re.compile(r"(?:, | and )(?=[\"\d-]|true|false)").match(text, at)
        if joint is None:
            return
        at = joint.end()


_BARE = re.compile(r"(?<![\w\"])(?:\"([^\"]*)\"|([\w+@/#][\w.+:/@#%-]*))")


def read_free(parameter: Parameter, text: str, taken: set[str], *, apart: bool) -> Any:
    """A value in words that were not written by rules: beside the parameter's name, or else of its kind.

    taken: values that belong to other parameters; one is added.  apart: also a value that stands alone.
    """
    name = spoken(parameter.name)
    first = name.split(" ")[0]
    names = [name, *([first] if first in PREPOSITIONS else [])]
    near = [
        token
        for one in names
        for found in re.finditer(rf"\b{re.escape(one)}(?: is| of| to|:| =)? ", text, re.IGNORECASE)
        if (token := _BARE.match(text, found.end()))
    ]
    alone = list(_BARE.finditer(text)) if apart or parameter.enum else []
    for position, token in enumerate([*near, *alone]):
        word = token[1] if token[1] is not None else (token[2] or "").rstrip(".,:;?!")
        if word in taken or not word or (not parameter.enum and not _suits(parameter, token, word)):
            continue
        if position >= len(near) and not parameter.enum and _begins_sentence(text, token.start()):
            continue
        value = parameter.fit(word)
        if value is not None:
            taken.add(word)
            return value
    return None


def _suits(parameter: Parameter, token: re.Match[str], word: str) -> bool:
    if parameter.kind in {"number", "integer"}:
        return bool(re.fullmatch(r"-?\d[\d,.]*", word))
    dated = any(_ISO_DATE.search(str(one)) for one in parameter.shown) or "YYYY" in str(parameter.schema)
    if dated or {"date", "day"} & set(spoken(parameter.name).split()):
        return bool(_ISO_DATE.match(word))
    shaped = bool(re.search(r"[A-Z@]|://|\w\.\w", word)) or (
        bool(re.search(r"\d", word)) and not parameter.shown
    )
    return (
        parameter.kind in {"string", "array"}
        and not _ISO_DATE.match(word)
        and (token[1] is not None or shaped)
    )


def _begins_sentence(text: str, at: int) -> bool:
    before = text[:at].rstrip()
    return (not before or before[-1] in ".!?:") and text[at : at + 1].isalpha()


Json = dict[str, Any]


_BEYOND_ARGUMENTS = re.compile(
    r"unauthori[sz]ed|forbidden|api key|subscri|timed? ?out|server error|unavailable|rate limit"
    r"|too many requests|quota|connection|overloaded|html page|too large|blocked|read-only",
    re.IGNORECASE,
)
_ABOUT_ARGUMENTS = re.compile(
    r"\b(?:invalid|unknown|not found|no such|must|missing|required|parameter|argument|expected|unsupported"
    r"|valid|range|between|format|should|exist|recogni[sz]ed|wrong|bad|malformed)",
    re.IGNORECASE,
)
_OFFER = re.compile(
    r"(?:did you mean|try|e\.g\.|for example|such as|nearest|one of|allowed|choose from|known \w+|options"
    r"|valid \w+|must be|should be|expected)(?: are| is)?[\s:(\[]*([^)\]\n;]{1,300})",
    re.IGNORECASE,
)
_NUMBER = r"(-?\d+(?:\.\d+)?)"


def mended_arguments(api: Api, arguments: Json, refused: Observation, *seed: object) -> Json | None:
    """Other arguments worth trying after such an error, None where another value would not help."""
    message, status = refused.error or "", refused.status
    if _BEYOND_ARGUMENTS.search(message) or status not in {None, 400, 404, 406, 409, 422}:
        return None
    if status is None and not _ABOUT_ARGUMENTS.search(message):
        return None

    def blamed(parameter: Parameter) -> bool:
        names = "|".join(re.escape(name) for name in (parameter.name, spoken(parameter.name)) if name)
        value = str(arguments.get(parameter.name, ""))
        quoted = len(value) > 1 and value.lower() in message.lower()
        return quoted or bool(re.search(rf"(?<!\w)(?:{names})(?!\w)", message, re.IGNORECASE))

    named = sorted(filter(blamed, api.parameters), key=lambda parameter: parameter.name in arguments)
    guesses = [one for one in api.parameters if one.kind == "string" and one.name in arguments]
    for parameter in named or guesses:
        tried = arguments.get(parameter.name)
        for value in _offered_values(api, parameter, tried, message, *seed):
            fitted = parameter.fit(value)
            if fitted is not None and str(fitted) != str(tried):
                return {**arguments, parameter.name: fitted}
    return None


def _offered_values(api: Api, parameter: Parameter, tried: Any, message: str, *seed: object) -> list[Any]:
    """Values within the bounds that the message states, those it offers, then those the documents show."""
    offered: list[Any] = []
    if parameter.kind in {"number", "integer"}:
        span = re.search(rf"(?:between|from) {_NUMBER} (?:and|to) {_NUMBER}", message, re.IGNORECASE)
        least = re.search(rf"(?:at least|greater than(?: or equal to)?|minimum|>=?)\s*{_NUMBER}", message)
        most = re.search(
            rf"(?:at most|less than(?: or equal to)?|maximum|no more than|<=?)\s*{_NUMBER}", message
        )
        low, high = (span[1], span[2]) if span else (least and least[1], most and most[1])
        over = isinstance(tried, (int, float)) and high is not None and tried > float(high)
        offered += [high, low] if over else [low, high]
        offered = [value for value in offered if value is not None]
    found = _OFFER.search(message)
    if found:
        quoted = re.findall(r"[\"'`]([^\"'`]{1,60})[\"'`]", found[1])
        bare = [part.strip(" .:;()[]") for part in re.split(r",\s*|\s+or\s+|\s+and\s+", found[1])]
        offered += quoted or [part for part in bare if re.fullmatch(r"[\w+.:/-]{1,40}", part)]
    return [*offered, *parameter.shown, *parameter.enum, value_for(api, parameter, *seed, "mended")]


def arguments_to_try(task: Trying, digest: str) -> Json:
    """Values for the wanted parameters, after a refusal those it asks for.  digest: of the request."""
    api = of_document(task.document)
    if task.tried:
        arguments, said_back = task.tried[-1]
        status = re.match(r"^\w+ \((\d{3})\)", said_back)
        refused = Observation(said_back, status=int(status[1]) if status else None)
        mended = mended_arguments(api, arguments, refused, digest)
        if mended is not None:
            return mended
    secret = set(name_stems("key token password passwd secret authorization credential"))
    values = {
        parameter.name: value_for(api, parameter, digest, "try")
        for parameter in api.parameters
        if parameter.name in task.wanted and not secret & set(name_stems(parameter.name))
    }
    return {name: value for name, value in values.items() if value is not None}
