"""What a file is: an OpenAPI document with a name, a category and operations, or something else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from tasks.catalogue.openapi.location import JsonLocation, one_line
from tasks.catalogue.openapi.refs import References
from tasks.catalogue.params import OpenApiParams
from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow

NO_CATEGORY = "Uncategorised"

_METHODS = frozenset({"get", "head", "post", "put", "patch", "delete", "options"})
_UNSUPPORTED_METHODS = frozenset({"trace", "query"})
_VERSION = re.compile(r"[23](?:\.[0-9]+)*(?:-[\w.]+)?")


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation and the path it is of.  fault: why it cannot be used, where that is known already."""

    method: str
    path: str
    spot: JsonLocation
    item: JsonLocation
    fault: BadRow | None = None

    @property
    def place(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def said_name(self) -> str:
        """operationId, else the summary, else method and path."""
        return one_line(self.spot.text("operationId") or self.spot.text("summary") or self.place)

    @property
    def tags(self) -> list[str]:
        return _tags(self.spot.get("tags"))


@dataclass(frozen=True, slots=True)
class Document:
    """An OpenAPI document with all its operations.  is_swagger: version 2.0.

    tag: the first of these operations where they are a part of it; "" for those without, None for the whole.
    """

    root: JsonLocation
    is_swagger: bool
    operations: tuple[Operation, ...]
    tag: str | None = None

    @property
    def place(self) -> str:
        return self.root.place

    @property
    def info(self) -> JsonLocation:
        return self.root.get("info") or self.root.with_value({})

    @property
    def title(self) -> str:
        """info.title, else the name of the file; of a part with its tag."""
        whole = one_line(self.info.text("title")) or PurePosixPath(self.place).stem or self.place
        return f"{whole} {self.tag}" if self.tag else whole

    @property
    def description(self) -> str:
        """Of a part what its tag is declared to be, if it is."""
        declared = self.root.get("tags")
        tags = [] if declared is None or not self.tag else list(declared.elements())
        said = [tag.text("description") for tag in tags if one_line(tag.text("name")) == self.tag]
        return "".join(said[:1]) or self.info.text("description") or self.info.text("summary")

    def by_tag(self) -> list[Document]:
        """The parts whose operations have the same first tag, in the document's order."""
        parts: dict[str, list[Operation]] = {}
        for operation in self.operations:
            parts.setdefault("".join(operation.tags[:1]), []).append(operation)
        return [replace(self, operations=tuple(part), tag=tag) for tag, part in parts.items()]

    def named(self, params: OpenApiParams) -> list[tuple[str, Operation]]:
        """The wanted operations under their names: what they say, else, and where others say the same,
        method and path.
        """
        said = Counter(operation.said_name for operation in self.operations)
        return [
            (operation.said_name if said[operation.said_name] == 1 else one_line(operation.place), operation)
            for operation in self.operations
            if _is_wanted(operation, params)
        ]

    def category(self, params: OpenApiParams) -> str:
        """The first there is of those that `category_from` asks for."""
        found = {
            "info": _first(_tags(self.info.get("x-apisguru-categories"))),
            "tags": self._main_tag() if self.tag is None else None,
            "configuration": params.category,
        }
        said = [found[origin] for origin in params.category_from]
        if self.tag is not None:  # the parts of a document are tools of one category
            said.append(replace(self, tag=None).title)
        # A slash divides category and tool in an id.
        return next((one_line(name.replace("/", " ")) for name in said if name), NO_CATEGORY)

    def collections(self, params: OpenApiParams) -> tuple[str, ...]:
        """Those of the configuration, else the tags."""
        if params.collections is not None:
            return tuple(sorted(set(params.collections)))
        used = [tag for operation in self.operations for tag in operation.tags]
        return tuple(sorted({*used, *(self._declared_tags() if self.tag is None else ())}))

    def _declared_tags(self) -> list[str]:
        tags = self.root.get("tags")
        return (
            [] if tags is None else [name for tag in tags.elements() if (name := one_line(tag.text("name")))]
        )

    def _main_tag(self) -> str | None:
        """The tag of most operations, the first of equals; else the first declared."""
        used = Counter(tag for operation in self.operations for tag in operation.tags[:1])
        return max(used, key=lambda tag: used[tag]) if used else _first(self._declared_tags())


def is_document(whole: JsonLocation) -> bool:
    """Whether a file says of itself that it is an OpenAPI document; others are only referred to."""
    versions = ("openapi", "swagger", "swaggerVersion")
    return any(whole.get(key) is not None for key in versions) or any(
        path.startswith("/") for path, _ in _paths(whole)
    )


def document_of(whole: JsonLocation, references: References) -> Document:
    """Reads the frame of a document.  Raises `BadRow` (unsupported_version)."""
    version = _version(whole)
    return Document(whole, version.startswith("2"), tuple(_operations(whole, references)))


def _version(whole: JsonLocation) -> str:
    said = {key: whole.value[key] for key in ("openapi", "swagger", "swaggerVersion") if key in whole.value}
    for key in ("openapi", "swagger"):
        if _VERSION.fullmatch(str(said.get(key))):
            return str(said[key])
    shown = ", ".join(f"{key}: {str(value)[:40]!r}" for key, value in said.items()) or "no version"
    raise BadRow(
        CrawlReason.UNSUPPORTED_VERSION, f"{whole.place}: {shown}; read are OpenAPI 2.0, 3.0, 3.1 and 3.2"
    )


def _paths(whole: JsonLocation) -> Iterator[tuple[str, JsonLocation]]:
    paths = whole.get("paths")
    return ((path, item) for path, item in (paths.fields() if paths else ()) if not path.startswith("x-"))


def _operations(whole: JsonLocation, references: References) -> Iterator[Operation]:
    for path, said in _paths(whole):
        try:
            item = references.follow(said)
        except BadRow as fault:
            yield Operation("ANY", path, said.with_value({}), said, fault)
            continue
        for name, spot in item.fields():
            if name.lower() in _METHODS | _UNSUPPORTED_METHODS:
                yield _operation(name.upper(), path, spot, item)
        for name, spot in (item.get("additionalOperations") or item.with_value({})).fields():
            yield _operation(name, path, spot, item)


def _operation(method: str, path: str, spot: JsonLocation, item: JsonLocation) -> Operation:
    fault = None
    if not isinstance(spot.value, dict):
        fault = spot.bad(CrawlReason.MALFORMED, "an operation must be an object")
    elif method.lower() not in _METHODS:
        fault = spot.bad(CrawlReason.UNSUPPORTED_METHOD, f"{method} requests are not made")
    return Operation(method, path, spot, item, fault)


def _is_wanted(operation: Operation, params: OpenApiParams) -> bool:
    names = (operation.spot.text("operationId"), operation.place)

    def named_by(globs: tuple[str, ...]) -> bool:
        return any(fnmatchcase(name, glob) for name in names for glob in globs)

    return (not params.include or named_by(params.include)) and not named_by(params.exclude)


def _tags(spot: JsonLocation | None) -> list[str]:
    elements = () if spot is None else spot.elements()
    return [
        tag for element in elements if isinstance(element.value, str) and (tag := one_line(element.value))
    ]


def _first(names: list[str]) -> str | None:
    return names[0] if names else None
