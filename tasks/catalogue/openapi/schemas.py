"""JSON schemas written out: references followed, `allOf` merged, one branch of `oneOf` taken, cycles cut.

What comes out holds no reference, no combination, and a limited number of schemas.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from tasks.catalogue.openapi.files import Elsewhere
from tasks.catalogue.openapi.keywords import is_null, is_true, keywords_of, type_of
from tasks.catalogue.openapi.location import JsonLocation
from tasks.catalogue.openapi.refs import References, reference_in
from tasks.errors import BadRow
from tasks.exact_json import Json

Key = tuple[str, tuple[str, ...]]
Role = Literal["request", "response"]

_MAX_DEPTH = 12
_MAX_LAYERS = 200  # schemas that make up one
_COMBINING = ("allOf", "oneOf", "anyOf")
# Properties that are only for the other direction.
_LEFT_OUT = {"request": "readOnly", "response": "writeOnly"}


@dataclass(slots=True)
class _Task:
    """Schemas that hold together for one value, where to write them out, and what they are part of."""

    spots: list[JsonLocation]
    into: Json
    within: frozenset[Key] = frozenset()
    depth: int = 0


@dataclass(slots=True)
class _Layers:
    """The plain schemas that make up one, and the references followed to find them."""

    spots: list[JsonLocation] = field(default_factory=list)
    followed: set[Key] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)
    around: JsonLocation | None = None  # the schema that they are part of, where a reference leads back to it

    @property
    def values(self) -> list[Json]:
        return [spot.value for spot in self.spots]

    def all(self, keyword: str) -> list[JsonLocation]:
        saying = (spot for spot in self.spots if keyword in spot.value)
        return [inner for spot in saying if (inner := spot.get(keyword)) is not None]


@dataclass(slots=True)
class _Nested:
    """The schemas within one that are still to be written, at most `limit`."""

    within: frozenset[Key]
    depth: int
    limit: int
    tasks: list[_Task] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.limit - len(self.tasks)

    def add(self, spots: list[JsonLocation]) -> Json:
        """Where they will stand."""
        self.tasks.append(_Task(spots, {}, self.within, self.depth))
        return self.tasks[-1].into


class Schemas:
    """Writes out the schemas of documents.

    left_out: remarks on those within what is sent that are described at another host only, for the caller to
    empty; they count as schemas that admit anything.
    """

    def __init__(self, references: References) -> None:
        self._references = references
        self._written: dict[tuple[Key, Role, int], tuple[Json, list[str]]] = {}
        self.left_out: list[str] = []

    def written_out(self, spot: JsonLocation, role: Role, *, limit: int) -> Json:
        """The schema at `spot` in plain JSON, not to be changed.

        role: which way its values go.  limit: of schemas within it, the upper levels first.

        Raises `BadRow` when a reference is broken.
        """
        if reference_in(spot.value) is None or len(spot.value) > 1:
            return self._write_out(spot, role, limit)
        target = self._references.follow(spot)
        key = (target.key, role, limit)
        if key not in self._written:
            already = len(self.left_out)
            whole = self._write_out(target, role, limit)
            self._written[key] = whole, self.left_out[already:]
            return whole
        whole, left_out = self._written[key]
        self.left_out += left_out
        return whole

    def _write_out(self, spot: JsonLocation, role: Role, limit: int) -> Json:
        whole: Json = {}
        tasks = deque([_Task([spot], whole)])
        left = limit
        while tasks:
            inner = self._write(tasks.popleft(), role, left)
            left -= len(inner)
            tasks.extend(inner)
        return whole

    def _write(self, task: _Task, role: Role, left: int) -> list[_Task]:
        """Writes one schema; what is left to do are the schemas within it, at most `left`."""
        layers = self._layers(task.spots, task.within)
        if role == "request":
            self.left_out += layers.left_out
        if layers.around is not None:
            task.into.update(_short(layers.around))
        task.into.update(keywords_of(layers.values))
        if role == "response":
            task.into.pop("examples", None)  # one shows the form; several are values to choose from
        if task.depth == _MAX_DEPTH:
            return []
        nested = _Nested(task.within | layers.followed, task.depth + 1, left)
        task.into.update(_items(layers, nested))
        task.into.update(_additional(layers, nested))
        task.into.update(_properties(layers, _LEFT_OUT[role], nested))
        return nested.tasks

    def _layers(self, spots: list[JsonLocation], within: frozenset[Key]) -> _Layers:
        found = _Layers(followed={spot.key for spot in spots})
        pending = spots[::-1]
        while pending and len(found.spots) < _MAX_LAYERS:
            spot = pending.pop()
            if not isinstance(spot.value, dict):
                continue
            if reference_in(spot.value) is None:
                found.spots.append(spot)
                pending.extend(reversed(self._parts(spot, within)))
                continue
            try:
                target = self._references.target(spot)
            except Elsewhere as fault:
                found.left_out.append(fault.message)
            else:
                if target.key in within:
                    found.around = target
                elif target.key not in found.followed:
                    found.followed.add(target.key)
                    pending.append(target)
            pending.append(spot.with_value({k: v for k, v in spot.value.items() if k != "$ref"}))
        return found

    def _parts(self, spot: JsonLocation, within: frozenset[Key]) -> list[JsonLocation]:
        """All schemas of `allOf`, and one of `oneOf` and of `anyOf` each."""
        if spot.value.keys().isdisjoint(_COMBINING):
            return []
        every = spot.get("allOf")
        parts = [] if every is None else list(every.elements())
        for keyword in ("oneOf", "anyOf"):
            branches = spot.get(keyword)
            if branches is not None:
                parts.extend(self._branch(list(branches.elements()), within))
        return parts

    def _branch(self, branches: list[JsonLocation], within: frozenset[Key]) -> list[JsonLocation]:
        """The first that can be used; constants together as what they are, an enumeration."""
        possible = [branch for branch in branches if not is_null(branch.value)]
        if len(possible) > 1 and all(
            isinstance(branch.value, dict) and branch.value.get("const") is not None for branch in possible
        ):
            return [possible[0].with_value({"enum": [branch.value["const"] for branch in possible]})]
        return next(([branch] for branch in possible if self._is_usable(branch, within)), [])

    def _is_usable(self, branch: JsonLocation, within: frozenset[Key]) -> bool:
        try:
            meant = self._references.follow(branch)
        except BadRow:
            return False
        return isinstance(meant.value, dict) and not is_null(meant.value) and meant.key not in within


def _short(around: JsonLocation) -> Json:
    """What is said of a schema inside itself."""
    kind = type_of(around.value) if isinstance(around.value, dict) else None
    name = around.pointer[-1] if around.pointer else "the whole"
    return ({} if kind is None else {"type": kind}) | {"description": f"{name} again"}


def _properties(layers: _Layers, left_out: str, nested: _Nested) -> Json:
    by_name: dict[str, list[JsonLocation]] = {}
    for properties in layers.all("properties"):
        for name, spot in properties.fields():
            if not (isinstance(spot.value, dict) and is_true(spot.value.get(left_out))):
                by_name.setdefault(name, []).append(spot)
    said = [element.value for spot in layers.all("required") for element in spot.elements()]
    required = {name for name in said if isinstance(name, str)}
    # Where there is no room for all, the required ones come first.
    kept = set(sorted(by_name, key=lambda name: name not in required)[: nested.left])
    names = [name for name in by_name if name in kept]
    written = {"properties": {name: nested.add(by_name[name]) for name in names}} if names else {}
    needed = [name for name in names if name in required]
    return written | ({"required": needed} if needed else {})


def _items(layers: _Layers, nested: _Nested) -> Json:
    """One schema for all elements; that of the first where each has its own."""
    said = [spot for keyword in ("items", "prefixItems") for spot in layers.all(keyword)]
    first = [
        element for spot in said for element in (spot, *list(spot.elements())[:1]) if _is_schema(element)
    ]
    return {"items": nested.add(first)} if first and nested.left else {}


def _additional(layers: _Layers, nested: _Nested) -> Json:
    said = layers.all("additionalProperties")
    schemas = [spot for spot in said if _is_schema(spot) and spot.value]
    if schemas and nested.left:
        return {"additionalProperties": nested.add(schemas)}
    return {"additionalProperties": said[0].value is not False} if said else {}


def _is_schema(spot: JsonLocation) -> bool:
    return isinstance(spot.value, dict)
