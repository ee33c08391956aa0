"""What a call returned: facts, or an error and its message."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sandbox.teacher.documents import word_set
from sandbox.teacher.prompts import parsed

_MOST_FACTS, _DEEPEST = 400, 32
_ERRORS = frozenset({"error", "errors", "errormessage", "fault"})
_NOTES = _ERRORS | word_set(
    "message messages msg detail details status statuscode code type success ok response reason title "
    "description errno path timestamp requestid info hint"
)
_REFUSED = re.compile(
    r"^(?:error\b|there is no function|the call of|this call of finish|invalid|traceback|<)", re.IGNORECASE
)
_SOUNDS_WRONG = re.compile(
    r"\b(?:went wrong|try again|error|failed|failure|invalid|not found|denied|forbidden|unauthori[sz]ed)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Fact:
    """A leaf of an answer and the keys and positions that lead to it."""

    path: tuple[str | int, ...]
    value: Any

    @property
    def key(self) -> str:
        return next((step for step in reversed(self.path) if isinstance(step, str)), "")


@dataclass(frozen=True, eq=False)
class Observation:
    """error: the message when the call failed, else None; status: that of HTTP where an error tells it."""

    error: str | None
    facts: tuple[Fact, ...] = ()
    value: Any = None
    status: int | None = None


@lru_cache(maxsize=4096)
def read(text: str) -> Observation:
    """An observation's meaning, whether JSON, JSON that was cut, or plain text."""
    value, text = parsed(text), text.strip()
    if value is None:
        pairs = re.findall(
            r'"([^"\\]{1,80})"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false)(?=\s*[,}\]])', text
        )
        facts = tuple(Fact((key,), parsed(inner)) for key, inner in pairs[:_MOST_FACTS])
        if text[:1] in {"{", "["} and facts:
            failed = '"error"' in text[:200] and '"status"' in text[:200] and len(facts) <= 4
            return Observation(text[:300]) if failed else Observation(None, facts)
        if not text or _REFUSED.match(text):
            return Observation(text[:300] or "the answer was empty")
        return Observation(None, (Fact((), text[:600]),), text)
    if isinstance(value, dict) and "response" in value and value.keys() <= {"error", "response"}:
        inner = value["response"]  # how some executors wrap an answer, which may itself be a text of JSON
        if not value.get("error"):
            value = (parsed(inner) or inner) if isinstance(inner, str) else inner
    message, status = _error_of(value)
    if message is not None:
        return Observation(message, (), value, status)
    facts = tuple(_facts(value))[:_MOST_FACTS]
    return Observation(None if facts else "the answer was empty", facts, value)


def _error_of(value: Any) -> tuple[str | None, int | None]:
    """What an error says, None when the value is no error, and the HTTP status it tells."""
    if isinstance(value, str):
        return (value if _REFUSED.match(value) else None), None
    if not isinstance(value, dict) or not value:
        return None, None
    told = (value.get(key) for key in ("status", "status_code", "statusCode", "code"))
    status = next((one for one in told if type(one) is int and 400 <= one < 600), None)
    keys = {re.sub(r"[^a-z]", "", str(key).lower()): inner for key, inner in value.items()}
    named = any(keys.get(key) for key in _ERRORS)
    failed = status is not None or keys.get("success", keys.get("ok")) is False
    only_notes = keys.keys() <= _NOTES
    texts = list(dict.fromkeys(_texts(value)))
    sentences = [text for text in texts if " " in text.strip()]
    message = " ".join(sentences) or " ".join(text.replace("_", " ") for text in texts)
    if (named and (only_notes or failed)) or (failed and only_notes):
        return message or "an error without a message", status
    return (message if only_notes and _SOUNDS_WRONG.search(message) else None), status


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        inside = parsed(value) if value.lstrip().startswith("{") else None
        yield from _texts(inside) if isinstance(inside, dict) else (value,)
    elif isinstance(value, dict):
        slugs = {"code", "type", "status", "request_id", "timestamp", "path"}
        for inner in [inner for key, inner in value.items() if key not in slugs] or value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value[:5]:
            yield from _texts(inner)


def _facts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[Fact]:
    """Leaves that tell something, shallow ones of an object before its nested ones."""
    if len(path) > _DEEPEST or is_cut_mark(value):
        return
    if isinstance(value, dict):
        for key, inner in sorted(value.items(), key=lambda item: isinstance(item[1], (dict, list))):
            yield from _facts(inner, (*path, str(key)))
    elif isinstance(value, list):
        for position, inner in enumerate(value[:50]):
            yield from _facts(inner, (*path, position))
    elif value is not None and value != "":
        yield Fact(path, value)


def is_cut_mark(value: Any) -> bool:
    """Whether an element only says that more elements were left out."""
    return isinstance(value, dict) and value.keys() == {"_cut"}


def length_of(value: list[Any]) -> int:
    """How many elements there were, with those that were left out."""
    cut = re.match(r"\d+", str(value[-1]["_cut"])) if value and is_cut_mark(value[-1]) else None
    return len(value) - 1 + int(cut[0]) if cut else len(value)


def as_text(value: Any) -> str:
    """A value as an answer states it: just as the observation has it."""
    if isinstance(value, str):
        return " ".join(value.split())
    return json.dumps(value, ensure_ascii=False)
