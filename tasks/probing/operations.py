"""An API as the others of its tool see it: what it is about, and what its parameters identify."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from tasks.probing.bounds import is_bounded
from tasks.probing.identifiers import IDENTIFYING, Kind, noun_of
from tasks.probing.known import book
from tasks.probing.wanted import Wanted, words_of
from warehouse.tables.catalogue import Api, Parameter

_PLACEHOLDER = re.compile(r"{([^{}]*)}")
# Last words of a name that say only that it identifies, as fields of an answer would be called.
_MARKS = {mark: mark for mark in IDENTIFYING} | {
    **dict.fromkeys(("identifier", "pk"), "id"),
    **dict.fromkeys(("no", "nr", "num"), "number"),
}
_SEARCHED = frozenset({"keyword", "phrase", "q", "query", "search", "term"})
_SEARCHED_TEXT = frozenset({"input", "name", "string", "text", "value", "word"})
# Never asked of an answer: what must not wander, and what every list has.
_NOT_SOUGHT = frozenset(
    {
        *("auth", "authorization", "credential", "password", "secret", "signature", "token"),
        *("cursor", "limit", "offset", "page", "size", "skip", "sort"),
    }
)
# What a name says of an operation besides what it is about.
_VERBS = frozenset(
    {
        *("all", "api", "browse", "by", "current", "describe", "detail", "fetch", "find", "for", "from"),
        *("get", "in", "index", "info", "latest", "list", "lookup", "my", "of", "query", "read", "recent"),
        *("retrieve", "search", "show", "summary", "the", "v", "view"),
    }
)


@dataclass(frozen=True, eq=False)
class Operation:
    """An API, read once."""

    api: Api

    @cached_property
    def path(self) -> list[str]:
        return [segment for segment in urlsplit(self.api.url).path.split("/") if segment]

    @cached_property
    def place(self) -> list[str]:
        """The path; all placeholders are alike."""
        return [_PLACEHOLDER.sub("{}", segment) for segment in self.path]

    @property
    def tells(self) -> bool:
        """Whether it can be a source: it reads."""
        return self.api.protocol == "mcp" or self.api.method.upper() == "GET"

    @cached_property
    def about(self) -> tuple[str, ...]:
        """What its answers are of: the nouns of its address's last word, and of its name."""
        static = [segment for segment in self.path if "{" not in segment and noun_of(segment) not in _VERBS]
        named = [word for word in words_of(self.api.api_name) if word not in _VERBS]
        if self.api.protocol == "mcp":
            return _nouns(named)
        told = _nouns(static[-1]) if static else ()
        return tuple(dict.fromkeys((*told, *(_nouns(named) if len(named) <= 2 else ()))))

    @cached_property
    def needed(self) -> list[Wanted]:
        """The parameters it is not called without, those of the address first and in its order."""
        needed = [wanted for wanted in Wanted.of(self.api) if wanted.needed]
        return sorted(needed, key=lambda wanted: self.position(wanted.parameter))

    def position(self, parameter: Parameter) -> int:
        placeholder = f"{{{parameter.name}}}"
        in_path = parameter.location == "path" and placeholder in self.path
        return self.path.index(placeholder) if in_path else len(self.path)

    def before(self, parameter: Parameter) -> tuple[str, ...]:
        """The nouns of the fixed part of the address before a parameter of it."""
        at = self.position(parameter)
        static = [segment for segment in self.path[:at] if "{" not in segment]
        return _nouns(static[-1]) if at < len(self.path) and static else ()

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """What its needed parameters identify, by `arg_name`; not of those that no answer would tell."""
        kinds = ((wanted.arg_name, self._kind(wanted)) for wanted in self.needed)
        return {name: kind for name, kind in kinds if kind is not None}

    def _kind(self, wanted: Wanted) -> Kind | None:
        json_type, schema = wanted.type, wanted.schema
        if json_type == "array":
            items = schema.get("items")
            schema = items if isinstance(items, dict) else {}
            json_type = str(schema.get("type", "string"))
        words = wanted.words
        if wanted.enumerated or "enum" in schema or json_type not in {"string", "integer", "number"}:
            return None
        if _NOT_SOUGHT & set(words[-1:]) or (json_type != "string" and is_bounded(schema)):
            return None
        if schema.get("format") in book().formats.keys() - {"uuid", "guid"}:
            return None
        mark = _MARKS.get(words[-1]) if words else None
        stem = words[:-1] if mark else words
        around = self.before(wanted.parameter) or (() if stem else self.about)
        nouns = tuple(dict.fromkeys((*_nouns(stem), *around)))
        searches = json_type == "string" and _is_searched(words) and wanted.parameter.location != "path"
        name = noun_of(wanted.parameter.name) if stem or not mark else mark
        return Kind(name, mark, self.about if searches else nouns, json_type, schema, searches)


def _nouns(name: str | Sequence[str]) -> tuple[str, ...]:
    """As one word, and the last word alone: "line-items" are "lineitem" and "item"."""
    words = words_of(name) if isinstance(name, str) else tuple(name)
    whole = noun_of(name) if isinstance(name, str) else "".join(words)
    return tuple(dict.fromkeys(noun for noun in (whole, *words[-1:]) if noun))


def _is_searched(words: tuple[str, ...]) -> bool:
    if not words:
        return False
    return words[-1] in _SEARCHED or (words[0] in _SEARCHED and words[-1] in _SEARCHED_TEXT)
