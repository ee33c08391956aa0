"""Which keys of a response a description promises, and which shortenings break such a promise.

An instruction is written from the description: what it names and no observation can hold would be asked
for in vain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import TypeAlias

from tasks.text_budget.shape import Shape

Words: TypeAlias = tuple[str, ...]

_WORD = re.compile(r"[kc]?m[23]\b|[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WRAPPERS = frozenset({"data", "result", "item", "list", "response", "entry", "record", "object"})
# What a name may end in besides what it is about: `rain_mm`, `day_length_minutes`.
_UNIT = re.compile(
    r"[kc]?m[23]|bp|bytes?|c|celsius|chf|cm|cny|days?|db|deg|degrees?|eur|f|fahrenheit|ft|g|gb|gbp|hours?|hpa|in"
    r"|inch|inr|jpy|k|kb|kelvin|kg|kmh?|knots?|kph|kwh?|lb?|m|mb|met(?:re|er)|mhz|mi|miles?|minutes?|ml|mm|months?"
    r"|mph|ms|pa|percent(?:age)?|ppm|s|sec|seconds?|usd|utc|v|w|weeks?|years?"
)
_LEAST_LETTERS = 3  # shorter names are in too many words
_SHORT_FORMS = {
    "abbr": "abbreviation",
    "addr": "address",
    "alt": "altitude",
    "amt": "amount",
    "avg": "average",
    "curr": "currency",
    "dec": "declination",
    "desc": "description",
    "dob": "birth",
    "hex": "hexadecimal",
    "lang": "language",
    "lat": "latitude",
    "lng": "longitude",
    "lon": "longitude",
    "max": "maximum",
    "min": "minimum",
    "num": "number",
    "org": "organisation",
    "pct": "percentage",
    "pop": "population",
    "qty": "quantity",
    "ra": "ascension",
    "temp": "temperature",
    "tz": "timezone",
    "vol": "volume",
}
_TWINS = tuple(
    frozenset(pair.split())
    for pair in (
        "latitude longitude",
        "x y",
        "start end",
        "from to",
        "minimum maximum",
        "low high",
        "value unit",
        "amount currency",
    )
)


def named_keys(description: str, shape: Shape, echoed: Set[str] = frozenset()) -> tuple[str, ...]:
    """Paths of the keys in the shape that the description speaks of, in order.

    A name counts in singular and plural and in its usual short form.  echoed: names of parameters; what an
    answer says at its top of what was asked is no promise.
    """
    said = _stems(description)
    return tuple(path for path, _, _ in _promised(said, shape, {_stems(name) for name in echoed}))


def names_on(paths: Iterable[str]) -> frozenset[str]:
    """Every name on the way to the keys."""
    return frozenset(name for path in paths for name in path.replace("[]", "").split("."))


def broken_promise(
    description: str, before: str, shape: Shape, kept: Shape, echoed: Set[str] = frozenset()
) -> str | None:
    """What is wrong with keeping only `kept` of the shape under the description, or None.

    before: the description that was shortened.
    """
    echoes = {_stems(name) for name in echoed}
    left = {(words, is_leaf) for _, words, is_leaf in _keys(kept)}
    dropped = [
        path for path, *key in _promised(_stems(description), shape, echoes) if (key[0], key[1]) not in left
    ]
    if dropped:
        return (
            f"the description speaks of what `keep` drops: {', '.join(dropped)}; "
            "keep these keys, or leave them out of the description"
        )
    promised = _promised(_stems(before), shape, echoes)
    if promised and not any((words, is_leaf) in left for _, words, is_leaf in promised):
        paths = ", ".join(path for path, _, _ in promised)
        return f"`keep` drops every key that the document promises: {paths}"
    twin = next(_lone_twins(shape, kept, ""), None)
    return None if twin is None else "`keep` has `{}` without `{}`: keep both or neither".format(*twin)


def _promised(said: Words, shape: Shape, echoes: Set[Words]) -> list[tuple[str, Words, bool]]:
    return [
        (path, words, is_leaf)
        for path, words, is_leaf in _keys(shape)
        if _is_said(words, said) and not ("." not in path and "[" not in path and words in echoes)
    ]


def _keys(shape: Shape, path: str = "") -> Iterator[tuple[str, Words, bool]]:
    """Path and words of each key, and whether it is a leaf."""
    if isinstance(shape, list):
        for element in shape:
            yield from _keys(element, f"{path}[]")
    elif isinstance(shape, dict):
        for key, inner in shape.items():
            below = f"{path}.{key}" if path else key
            yield below, _stems(key), isinstance(inner, str)
            yield from _keys(inner, below)


def _is_said(words: Words, said: Words) -> bool:
    """Whether the words stand in a text side by side, the unit of a name aside."""
    while len(words) > 1 and _UNIT.fullmatch(words[-1]):
        words = words[:-1]
    if not words or words[0] in _WRAPPERS or len("".join(words)) < _LEAST_LETTERS:
        return False
    return any(said[at : at + len(words)] == words for at in range(len(said) - len(words) + 1))


def _stems(text: str) -> Words:
    return tuple(map(_stem, _WORD.findall(_HUMP.sub(" ", text))))


def _stem(word: str) -> str:
    """In small letters, singular, written out: enough for a key and a sentence to meet."""
    lower = word.lower()
    lower = _SHORT_FORMS.get(lower, lower)
    if len(lower) > _LEAST_LETTERS and lower.endswith("ies"):
        return lower[:-3] + "y"
    if lower.endswith(("sses", "xes", "ches", "shes")):
        return lower[:-2]
    if len(lower) > _LEAST_LETTERS and lower.endswith("s") and not lower.endswith(("ss", "us", "is")):
        return lower[:-1]
    return lower


def _lone_twins(shape: Shape, kept: Shape, path: str) -> Iterator[tuple[str, str]]:
    """Paths of kept keys, and of what says nothing without them and is dropped: latitude and longitude."""
    if isinstance(shape, list) and isinstance(kept, list) and shape and kept:
        yield from _lone_twins(shape[0], kept[0], f"{path}[]")
    elif isinstance(shape, dict) and isinstance(kept, dict):
        words = {_stems(key): key for key in shape}
        for key, inner in kept.items():
            below = f"{path}.{key}" if path else key
            for twin in _twins_of(_stems(key)):
                if twin in words and words[twin] not in kept:
                    yield below, f"{path}.{words[twin]}" if path else words[twin]
            yield from _lone_twins(shape[key], inner, below)


def _twins_of(words: Sequence[str]) -> Iterator[Words]:
    for at, word in enumerate(words):
        for twins in _TWINS:
            if word in twins:
                yield (*words[:at], *(twins - {word}), *words[at + 1 :])
