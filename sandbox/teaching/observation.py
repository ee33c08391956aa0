"""Reads what a call returned: facts, or an error and its message."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sandbox.teaching.words import name_stems, stem_set, word_set

CUT_KEY = "_cut"
_DEEPEST = 32
_MOST_FACTS = 400
_ERROR_KEYS = frozenset(("error", "errors", "errormessage", "fault"))
_VERBS = (stem_set("knowing") | stem_set("doing")) - stem_set("nouns_as_well")
_NOTE_KEYS = word_set("notes")
_SLUG_KEYS = frozenset(("code", "type", "status", "request_id", "timestamp", "path"))
_REFUSED = re.compile(
    r"^(?:error\b|there is no function|the call of|this call of finish|invalid|traceback)", re.IGNORECASE
)
_SOUNDS_WRONG = re.compile(
    r"\b(?:went wrong|try again|error|failed|failure|invalid|not found|denied|forbidden|unauthori[sz]ed)\b",
    re.IGNORECASE,
)
_PAIR = re.compile(
    r'"((?:[^"\\]|\\.){1,80})"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false)(?=\s*[,}\]])'
)


@dataclass(frozen=True)
class Fact:
    """A leaf of an answer.  path: keys and positions from the top; origin: the function that gave it."""

    path: tuple[str | int, ...]
    value: Any
    origin: str = ""

    @property
    def key(self) -> str:
        return next((step for step in reversed(self.path) if isinstance(step, str)), "")


@dataclass(frozen=True, eq=False)
class Observation:
    """error: the message when the call failed, else None; status: that of HTTP where an error tells it.

    value: the parsed body, None when it is no JSON.
    """

    error: str | None
    facts: tuple[Fact, ...] = ()
    value: Any = None
    status: int | None = None

    @property
    def ok(self) -> bool:
        return self.error is None


@lru_cache(maxsize=4096)
def read(text: str) -> Observation:
    """An observation's meaning, whether JSON, cut JSON, or plain text."""
    value = _parsed(text)
    if value is None:
        return _read_text(text)
    value = _unwrapped(value)
    message = _error_message(value)
    if message is not None:
        return Observation(message, (), value, _status(value))
    facts = tuple(_facts(value))
    if not facts:
        return Observation("the answer was empty", (), value)
    return Observation(None, facts, value)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # an API may nest as deep as it likes
        return None


def _unwrapped(value: Any) -> Any:
    """Some executors wrap an answer as {"error": "", "response": ...}, the response as text."""
    if not (isinstance(value, dict) and "response" in value and value.keys() <= {"error", "response"}):
        return value
    if value.get("error"):
        return {"error": value["error"], "message": value["response"]}
    inner = value["response"]
    return (_parsed(inner) or inner) if isinstance(inner, str) else inner


def _error_message(value: Any) -> str | None:
    """What an error says; None when the value is no error."""
    if isinstance(value, str):
        return value if _REFUSED.match(value) else None
    if not isinstance(value, dict) or not value:
        return None
    plain = {re.sub(r"[^a-z]", "", str(key).lower()): inner for key, inner in value.items()}
    named = any(plain.get(key) for key in _ERROR_KEYS)
    only_notes = plain.keys() <= _NOTE_KEYS | _ERROR_KEYS
    failed = _status(value) is not None or plain.get("success", plain.get("ok")) is False
    if (named and (only_notes or failed)) or (failed and only_notes):
        return _message(value) or "an error without a message"
    message = _message(value) if only_notes else ""
    return message if _SOUNDS_WRONG.search(message) else None


def _message(value: dict[str, Any]) -> str:
    """The error's own words; its mere name where it has no others."""
    texts = list(dict.fromkeys(_texts(value)))
    sentences = [text for text in texts if " " in text.strip()]
    return " ".join(sentences) or " ".join(text.replace("_", " ") for text in texts)


def _status(value: Any) -> int | None:
    """The HTTP status an error object tells."""
    if not isinstance(value, dict):
        return None
    told = (value.get(key) for key in ("status", "status_code", "statusCode", "code"))
    return next((status for status in told if _is_failure_status(status)), None)


def _is_failure_status(status: Any) -> bool:
    return isinstance(status, int) and not isinstance(status, bool) and 400 <= status < 600


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        inside = _parsed(value) if value.lstrip().startswith("{") else None
        yield from _texts(inside) if isinstance(inside, dict) else (value,)
    elif isinstance(value, dict):
        said = [inner for key, inner in value.items() if str(key).lower() not in _SLUG_KEYS]
        for inner in said or value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value[:5]:
            yield from _texts(inner)


def _read_text(text: str) -> Observation:
    stripped = text.strip()
    if not stripped:
        return Observation("the answer was empty")
    if stripped[0] in "{[" and (pairs := _PAIR.findall(stripped)):
        return _read_cut_json(stripped, pairs[:_MOST_FACTS])
    if _REFUSED.match(stripped) or stripped.startswith("<"):
        return Observation(stripped[:300])
    return Observation(None, (Fact((), stripped[:600]),), stripped)


def _read_cut_json(text: str, pairs: list[tuple[str, str]]) -> Observation:
    """JSON that ends somewhere in the middle: its pairs of key and plain value still tell something."""
    leaves = [(key, _parsed(value)) for key, value in pairs]
    facts = tuple(
        Fact((position, key) if position else (key,), value)
        for position, (key, value) in enumerate(leaves)
        if _tells(value)
    )
    heading = text[:200].lower()
    failed = '"error"' in heading and '"status"' in heading and len(facts) <= 4
    return Observation(text[:300]) if failed or not facts else Observation(None, facts)


def _facts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[Fact]:
    """Leaves that tell something, shallow ones of an object before its nested ones."""
    if len(path) > _DEEPEST:
        return
    if isinstance(value, dict):
        nested = [key for key, inner in value.items() if isinstance(inner, (dict, list))]
        for key, inner in value.items():
            if key not in nested and key != CUT_KEY and _tells(inner):
                yield Fact((*path, str(key)), inner)
        for key in nested:
            yield from _facts(value[key], (*path, str(key)))
    elif isinstance(value, list):
        for position, inner in enumerate(value[:50]):
            if not is_cut_mark(inner):
                yield from _facts(inner, (*path, position))
    elif _tells(value):
        yield Fact(path, value)


def is_cut_mark(value: Any) -> bool:
    """Whether an element only says that more elements were left out."""
    return isinstance(value, dict) and value.keys() == {CUT_KEY}


def _tells(value: Any) -> bool:
    return value is not None and value != ""


def matching(
    facts: tuple[Fact, ...], stems: tuple[str, ...], about: frozenset[str] = frozenset()
) -> list[Fact]:
    """Facts whose key says the same as a parameter's name, exact ones first.

    about: stems of what the parameter's function is about: "id" is an id of that, "bucket id" of a bucket.
    """
    wanted = set(stems)
    exact = [fact for fact in facts if name_stems(fact.key) == stems]
    if exact or not wanted:
        return sorted(exact, key=lambda fact: not _of(fact, about)) if len(stems) == 1 else exact
    near = [fact for fact in facts if len(stems) > 1 and set(name_stems(fact.key)) >= wanted]
    tail = [
        fact
        for fact in facts
        if name_stems(fact.key)[-1:] == stems[-1:] and len(name_stems(fact.key)) < len(stems)
    ]
    return near or sorted(tail, key=lambda fact: not _of(fact, frozenset(stems[:-1])))


def _of(fact: Fact, about: frozenset[str]) -> bool:
    return bool((about - _VERBS) & set(name_stems(fact.origin)))
