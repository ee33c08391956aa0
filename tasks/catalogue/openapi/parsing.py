"""From the bytes of a file to the JSON value in them: JSON, or YAML 1.2 with the core schema.

Files are foreign: whatever they hold ends in a value within the limits below, or in a `BadRow`.
PyYAML's own construction is YAML 1.1: it reads `on`, `no`, `=` and dates as something else than text,
keeps the last of equal keys, and recurses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import yaml

from tasks import exact_json
from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow
from tasks.exact_json import WrittenFloat, WrittenInt

MAX_NODES = 3_000_000  # with every alias counted as what it stands for
MAX_DEPTH = 200


def _integer(text: str) -> int:
    number = int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
    return number if str(number) == text else WrittenInt(number, text)


def _float(text: str) -> float:
    """A number with its text, which a schema may want as such: as a version, 1.10 is not 1.1."""
    sign, digits = ("-" if text[0] == "-" else ""), text.lstrip("+-").lstrip("0")
    padded = digits if digits[:1].isdecimal() else f"0{digits}"
    whole, _, rest = padded.partition(".")
    as_json = f"{sign}{whole}{'.' * rest[:1].isdecimal()}{rest}"
    return float(text) if repr(float(text)) == as_json else WrittenFloat(as_json)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))
_MERGE = "<<"
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], float]], ...] = (
    (re.compile(r"[-+]?[0-9]{1,4300}|0o[0-7]{1,1000}|0x[0-9a-fA-F]{1,1000}"), _integer),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"), _float),
)


def parse_yaml(text: str) -> Any:
    """The value of the one document in `text`; None when it is empty.

    Raises `BadRow`: unreadable with the line, too_large when aliases multiply beyond the limits.
    """
    composer = _Composer()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except yaml.YAMLError as error:
        raise BadRow(CrawlReason.UNREADABLE, f"it is not YAML: {_problem(error)}") from error
    return composer.root.value


def _problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.reader.ReaderError):
        return f"character {error.position}: {error.reason}"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem or error.context}"
    return " ".join(str(error).split())


@dataclass(slots=True)
class _Node:
    """A value, and how many values and levels it has once aliases are written out."""

    value: Any = None
    size: int = 1
    height: int = 1


@dataclass(slots=True)
class _Open(_Node):
    """A collection whose end has not come yet."""

    anchor: str | None = None
    key: str | None = None
    merged: list[Any] = field(default_factory=list)


class _Composer:
    def __init__(self) -> None:
        self.root = _Node()
        self._documents = 0
        self._open: list[_Open] = []
        self._anchored: dict[str, _Node] = {}

    def take(self, event: Any) -> None:
        """Takes the next event of the text."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            node = _Node(event.value if self._wants_key() else _scalar(event))
            self._anchor(event.anchor, node)
            self._add(node, event)
        elif kind in {yaml.MappingStartEvent, yaml.SequenceStartEvent}:
            self._start(event)
        elif kind in {yaml.MappingEndEvent, yaml.SequenceEndEvent}:
            self._end(event)
        elif kind is yaml.AliasEvent:
            self._add(self._aliased(event), event)
        elif kind is yaml.DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                raise _bad(event, "a second YAML document begins")

    def _wants_key(self) -> bool:
        """Whether a key comes next, and no value."""
        if not self._open:
            return False
        innermost = self._open[-1]
        return innermost.key is None and type(innermost.value) is dict

    def _start(self, event: Any) -> None:
        if self._wants_key():
            raise _bad(event, "a key must be text")
        if len(self._open) >= MAX_DEPTH:
            raise BadRow(CrawlReason.TOO_LARGE, f"line {_line(event)}: more than {MAX_DEPTH} levels")
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        if event.anchor:
            self._anchored.pop(event.anchor, None)
        self._open.append(_Open(value, anchor=event.anchor))

    def _end(self, event: Any) -> None:
        closed = self._open.pop()
        for base in closed.merged:
            closed.value = base | closed.value
        node = _Node(closed.value, closed.size, closed.height)
        self._anchor(closed.anchor, node)
        self._add(node, event)

    def _anchor(self, name: str | None, node: _Node) -> None:
        if name:
            self._anchored[name] = node

    def _aliased(self, event: Any) -> _Node:
        node = self._anchored.get(event.anchor)
        if node is None:
            inside = any(opened.anchor == event.anchor for opened in self._open)
            what = "stands inside what it names" if inside else "names nothing"
            raise _bad(event, f"the alias *{event.anchor} {what}")
        return node

    def _add(self, node: _Node, event: Any) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if self._wants_key():
            parent.key = self._key(node, event)
            return
        self._grow(parent, node, event)
        if isinstance(parent.value, list):
            parent.value.append(node.value)
            return
        key, parent.key = parent.key, None
        if key == _MERGE and (bases := _bases(node.value)):
            parent.merged.extend(bases)
        elif key in parent.value:
            raise _bad(event, f"the key {key!r} stands twice in one mapping")
        else:
            parent.value[key] = node.value

    def _key(self, node: _Node, event: Any) -> str:
        if isinstance(node.value, str):
            return node.value
        raise _bad(event, "a key must be text")

    def _grow(self, parent: _Open, node: _Node, event: Any) -> None:
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)
        if parent.size > MAX_NODES:
            raise BadRow(CrawlReason.TOO_LARGE, f"line {_line(event)}: more than {MAX_NODES:,} values")
        if len(self._open) + node.height > MAX_DEPTH:
            raise BadRow(CrawlReason.TOO_LARGE, f"line {_line(event)}: more than {MAX_DEPTH} levels")


def _bases(value: Any) -> list[dict[str, Any]]:
    """The mappings a merge key takes in, the one that wins first."""
    several = value if isinstance(value, list) else [value]
    return several if all(isinstance(base, dict) for base in several) else []


def _scalar(event: yaml.ScalarEvent) -> Any:
    plain = event.tag is None and event.implicit[0]
    return _resolved(event.value) if plain or event.tag in _CORE_TAGS else event.value


def _resolved(text: str) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789":
        return text
    for pattern, number in _NUMBERS:
        if pattern.fullmatch(text):
            return number(text)
    return text


def _bad(event: Any, what: str) -> BadRow:
    return BadRow(CrawlReason.UNREADABLE, f"line {_line(event)}: {what}")


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


MAX_BYTES = 64_000_000

Pairs = list[tuple[str, Any]]


def parse(raw: bytes) -> Any:
    """The value of a JSON or YAML text in UTF-8, UTF-16 or UTF-32; None when there is none.

    Raises `BadRow` (unreadable, too_large), its message saying where in the text.
    """
    if len(raw) > MAX_BYTES:
        raise BadRow(CrawlReason.TOO_LARGE, f"it is larger than {MAX_BYTES:,} bytes")
    text = _decoded(raw)
    if text.lstrip()[:1] not in ("{", "["):
        return parse_yaml(text)
    try:
        return _json(text)
    except orjson.JSONDecodeError as error:
        return _as_yaml_after_all(text, error)


def _decoded(raw: bytes) -> str:
    encoding = json.detect_encoding(raw)
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadRow(
            CrawlReason.UNREADABLE, f"it is not text in {encoding.upper()} (byte {error.start:,})"
        ) from error


def _json(text: str) -> Any:
    value = exact_json.loads(text)
    try:
        exact_json.dumps(value)  # which takes fewer levels than loading does
        # orjson keeps the last of equal keys without a word, which would lose whole paths.
        json.loads(text, object_pairs_hook=_refuse_repeated_keys)
    except (TypeError, RecursionError) as error:
        raise BadRow(CrawlReason.TOO_LARGE, "it is nested too deeply") from error
    return value


def _refuse_repeated_keys(pairs: Pairs) -> None:
    if len(dict(pairs)) == len(pairs):
        return
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise BadRow(CrawlReason.UNREADABLE, f"the key {key!r} stands twice in one object")
        seen.add(key)


def _as_yaml_after_all(text: str, fault: orjson.JSONDecodeError) -> Any:
    """Braces may be YAML, too; what is neither is called broken JSON."""
    try:
        return parse_yaml(text)
    except BadRow as error:
        if error.reason == CrawlReason.TOO_LARGE:
            raise
        raise BadRow(CrawlReason.UNREADABLE, f"it is not JSON: {fault}") from fault
