"""Values of documents together with where they stand, so that every fault can name its place."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tasks.catalogue.openapi.files import Files
from tasks.catalogue.openapi.parsing import parse
from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow

_CACHED_BYTES = 16_000_000  # of text; parsed it takes about ten times as much
_LONGEST = 500  # characters of a pointer or a message: keys and references may be of any length


@dataclass(frozen=True, slots=True)
class JsonLocation:
    """A value, the place of its file, and the JSON pointer to it, in parts."""

    value: Any
    place: str
    pointer: tuple[str, ...] = ()

    def __str__(self) -> str:
        escaped = (part.replace("~", "~0").replace("/", "~1") for part in self.pointer)
        return "/".join((f"{self.place}#", *escaped))

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        return self.place, self.pointer

    def get(self, name: str) -> JsonLocation | None:
        """The value of a key; None when there is none, or when this is no object."""
        if not isinstance(self.value, dict) or name not in self.value:
            return None
        return JsonLocation(self.value[name], self.place, (*self.pointer, name))

    def at(self, *names: str) -> JsonLocation | None:
        """The value some keys down."""
        spot: JsonLocation | None = self
        for name in names:
            spot = None if spot is None else spot.get(name)
        return spot

    def fields(self) -> Iterator[tuple[str, JsonLocation]]:
        """The keys of an object and their values; nothing when this is none."""
        for name in self.value if isinstance(self.value, dict) else ():
            yield name, JsonLocation(self.value[name], self.place, (*self.pointer, name))

    def elements(self) -> Iterator[JsonLocation]:
        """The elements of an array; nothing when this is none."""
        for at, value in enumerate(self.value if isinstance(self.value, list) else ()):
            yield JsonLocation(value, self.place, (*self.pointer, str(at)))

    def text(self, name: str) -> str:
        """The text of a key, stripped; "" when there is none."""
        value = self.value.get(name) if isinstance(self.value, dict) else None
        return value.strip() if isinstance(value, str) else ""

    def with_value(self, value: Any) -> JsonLocation:
        return JsonLocation(value, self.place, self.pointer)

    def bad(self, reason: CrawlReason, what: str) -> BadRow:
        """The fault found here, for the caller to raise."""
        return BadRow(reason, f"{str(self)[:_LONGEST]}: {what[:_LONGEST]}")


class Library:
    """The parsed files of a source; as many are kept as make up 16 MB of text."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self._parsed: OrderedDict[str, tuple[int, JsonLocation | BadRow]] = OrderedDict()
        self._bytes = 0

    def whole(self, place: str) -> JsonLocation:
        """The value of a file.  Raises `BadRow`."""
        if place not in self._parsed:
            self._keep(place, *self._read(place))
        self._parsed.move_to_end(place)
        found = self._parsed[place][1]
        if isinstance(found, BadRow):
            raise BadRow(found.reason, found.message)
        return found

    def _read(self, place: str) -> tuple[int, JsonLocation | BadRow]:
        try:
            raw = self.files.read(place)
            return len(raw), JsonLocation(parse(raw), place)
        except BadRow as fault:
            return 0, BadRow(fault.reason, f"{place}: {fault.message}")

    def _keep(self, place: str, size: int, found: JsonLocation | BadRow) -> None:
        self._parsed[place] = (size, found)
        self._bytes += size
        while self._bytes > _CACHED_BYTES and len(self._parsed) > 1:
            self._bytes -= self._parsed.popitem(last=False)[1][0]


LONGEST = 65_536  # characters of a description
LONGEST_NAME = 200
CUT = " ... (cut)"


def capped(text: str, characters: int = LONGEST) -> str:
    """The text, or as much of it as fits before a mark."""
    return text if len(text) <= characters else text[: characters - len(CUT)] + CUT


def one_line(text: str) -> str:
    """The text of a name: without line breaks and control characters, not overlong."""
    printable = text[:10_000]
    if not printable.isprintable():
        printable = "".join(character if character.isprintable() else " " for character in printable)
    return " ".join(printable.split())[:LONGEST_NAME].strip()
