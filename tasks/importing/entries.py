"""A file about a test set, entry by entry: one that is broken, or there twice, takes no other with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks import exact_json
from tasks.errors import BadRow
from tasks.importing.answer_files import MALFORMED, of_repeated, parsed, read_text

REPEATED = "the file has this key again further on, and whoever reads it takes the last"
CUT = "the file ends within it, or a quote or a bracket in it is not closed"
_PART = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]', re.DOTALL)


@dataclass
class SetContent:
    """value: what the file holds, without the entries that are lost.  lost: the keys of those, and why.

    noted: what is odd within an entry that is taken.  fault: what is wrong with the file, for which no
    entry is lost.
    """

    value: Any
    lost: list[tuple[str, BadRow]] = field(default_factory=list)
    noted: list[tuple[str, str]] = field(default_factory=list)
    fault: str = ""


def read_set(path: Path) -> SetContent:
    """Raises `BadRow` for a file that is too large, cannot be read, or holds nothing that is JSON."""
    text = read_text(path)
    try:
        repeated: list[str] = []
        value = parsed(text, repeated)
    except BadRow as error:
        found = _entry_by_entry(text)
        if not found.value:
            raise
        found.fault = "" if found.lost else error.message
        return found
    # A repeated key somewhere within an entry is the entry's; the hook cannot tell, the entries can.
    if repeated and isinstance(value, dict):
        return _entry_by_entry(text)
    return SetContent(value, fault=of_repeated(repeated))


def _entry_by_entry(text: str) -> SetContent:
    content = SetContent({})
    for key, written in _entries(text):
        if key in content.value:
            content.lost.append((key, BadRow("duplicate", REPEATED)))
        if written is None:
            content.lost.append((key, BadRow(MALFORMED, CUT)))
            continue
        repeated: list[str] = []
        try:
            content.value[key] = parsed(written, repeated)
        except BadRow as fault:
            content.value.pop(key, None)
            content.lost.append((key, fault))
            continue
        if repeated:
            content.noted.append((key, of_repeated(repeated)))
    return content


def _entries(text: str) -> Iterator[tuple[str, str | None]]:
    """The keys of the outermost object with their values as text; None for one without an end."""
    key, begun, depth = None, 0, 0
    previous = ""
    if not text.lstrip().startswith("{"):
        return
    for match in _PART.finditer(text):
        part = match.group()
        if depth == 1 and part in ":,}":
            if part == ":" and key is None:
                key, begun = _key(previous), match.end()
            elif key is not None:
                yield key, text[begun : match.start()]
                key = None
        depth += (part in "{[") - (part in "}]")
        if depth <= 0:
            return
        previous = part
    if key is not None:
        yield key, None


def _key(written: str) -> str:
    try:
        return str(exact_json.lenient(written))
    except ValueError:
        return written
