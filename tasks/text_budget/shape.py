"""The shape of a JSON value: its nesting and types without its data; and values reduced by a shape.

A shape is JSON itself: an object is an object of shapes, an array holds the one shape all its elements
share (or nothing when none was seen), a leaf is "string", "number", "integer", "boolean" or "null".
An empty object or array in a shape means "seen empty": what turns up there later is kept whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Set
from functools import reduce
from typing import Any, TypeAlias

from tasks.text_budget.shorten import shortened_json
from tasks.text_budget.tokens import O200K, Tokenizer

Shape: TypeAlias = dict[str, "Shape"] | list["Shape"] | str

# Foreign JSON may be nested to kill; below this depth contents count as unknown.
_MAX_DEPTH = 64
_INDEX = re.compile(r"\[(?:\d+|\*)\]")


def shape_of(value: Any) -> Shape:
    """The shape of a JSON value; elements of an array are united."""
    return _shape(value, _MAX_DEPTH)


def _shape(value: Any, depth: int) -> Shape:
    if isinstance(value, dict):
        return {str(key): _shape(inner, depth - 1) for key, inner in value.items()} if depth else {}
    if isinstance(value, (list, tuple)):
        return _element_shape(value, depth - 1) if depth else []
    return _leaf(value)


def _element_shape(elements: Iterable[Any], depth: int) -> list[Shape]:
    common: Shape | None = None
    for element in elements:
        shape = _shape(element, depth)
        common = shape if common is None else united(common, shape)
    return [] if common is None else [common]


def _leaf(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "number" if isinstance(value, float) else "string"


def united(one: Shape, other: Shape) -> Shape:
    """One shape for both; of kinds that exclude each other the richer one: object, array, leaf."""
    if isinstance(one, dict) and isinstance(other, dict):
        shared = {key: united(shape, other[key]) if key in other else shape for key, shape in one.items()}
        return shared | {key: shape for key, shape in other.items() if key not in one}
    if isinstance(one, list) and isinstance(other, list):
        return [united(one[0], other[0])] if one and other else one or other
    if isinstance(one, str) and isinstance(other, str):
        return _united_leaves(one, other)
    return max(one, other, key=_richness)


def _richness(shape: Shape) -> int:
    return 2 if isinstance(shape, dict) else 1 if isinstance(shape, list) else 0


def _united_leaves(one: str, other: str) -> str:
    if other in (one, "null"):
        return one
    if one == "null":
        return other
    return "number" if {one, other} == {"integer", "number"} else "string"


DROPPED, OTHERS = "", "*"
"""In a shape that only leaves out: a key with `DROPPED` is left out, keys not named are under `OTHERS`."""
_UNSEEN = "null"  # what comes is kept as it is, since a value that differs in kind from its shape stays whole


def project(value: Any, shape: Shape) -> Any:
    """`value` with only the keys that `shape` has; where the two differ in kind, the value stays."""
    if isinstance(value, dict) and isinstance(shape, dict) and shape:
        others = shape.get(OTHERS, DROPPED)
        shapes = {key: shape.get(key, others) for key in value}
        return {key: project(value[key], inner) for key, inner in shapes.items() if inner != DROPPED}
    if isinstance(value, (list, tuple)) and isinstance(shape, list) and shape:
        return [project(element, shape[0]) for element in value]
    return value


def is_part(shape: Shape, whole: Shape) -> bool:
    """Whether `shape` names only keys that `whole` has, and the same of each."""
    if isinstance(shape, dict) and isinstance(whole, dict):
        return all(key in whole and is_part(inner, whole[key]) for key, inner in shape.items())
    if isinstance(shape, list) and isinstance(whole, list):
        return not shape or (bool(whole) and is_part(shape[0], whole[0]))
    return shape == whole


def paths_of(shape: Shape) -> tuple[str, ...]:
    """Paths of all leaves in order: `a.b`, `items[].name`, `[].name` below a top-level array."""
    return tuple(path for path, inner in _below(shape, None) if isinstance(inner, str) or not inner)


def _below(shape: Shape, path: str | None) -> Iterator[tuple[str, Shape]]:
    """Everything inside `shape` with its path; `path` is the shape's own, None at the top."""
    for inner_path, inner in _inside(shape, path):
        yield inner_path, inner
        yield from _below(inner, inner_path)


def _inside(shape: Shape, path: str | None) -> Iterator[tuple[str, Shape]]:
    if isinstance(shape, dict):
        for key, inner in shape.items():
            yield key if path is None else f"{path}.{key}", inner
    elif isinstance(shape, list) and shape:
        yield f"{path or ''}[]", shape[0]


def keep_paths(shape: Shape, paths: Iterable[str]) -> Shape:
    """The part of `shape` that `paths` name; a path to an object or array keeps all below it.

    Accepts the spellings models use: `$.a`, `a[0].b`, `a[*].b`, and `a.b` for `a[].b`.  Paths the shape
    does not have are passed over (see `unknown_paths`); when none is left, the shape stays whole.
    """
    known = {path for wanted in paths for path in _meant(shape, wanted)}
    kept = _kept(shape, None, known)
    return shape if kept is None else kept


def unknown_paths(shape: Shape, paths: Iterable[str]) -> tuple[str, ...]:
    """Those of `paths` that name nothing in `shape`, as they were written."""
    return tuple(path for path in paths if not _meant(shape, path))


def _meant(shape: Shape, wanted: str) -> list[str]:
    """Paths of `shape` that `wanted` means: as written, else as usually spelled, else without array marks."""
    every = [path for path, _ in _below(shape, None)]
    usual = _INDEX.sub("[]", wanted.strip().removeprefix("$").removeprefix("."))
    bare = usual.replace("[]", "").removeprefix(".")
    return (
        [path for path in every if path == wanted]
        or [path for path in every if path == usual]
        or [path for path in every if bare and path.replace("[]", "").removeprefix(".") == bare]
    )


def _kept(shape: Shape, path: str | None, known: set[str]) -> Shape | None:
    if path in known:
        return shape
    inner = [_kept(below, below_path, known) for below_path, below in _inside(shape, path)]
    if all(kept is None for kept in inner):
        return None
    if isinstance(shape, dict):
        return {key: kept for key, kept in zip(shape, inner, strict=True) if kept is not None}
    return [kept for kept in inner if kept is not None]


def fit(
    value: Any,
    shape: Shape | None,
    max_tokens: int,
    tokenizer: Tokenizer = O200K,
    wanted: Set[str] = frozenset(),
) -> str:
    """JSON text of `value` projected on `shape`, in at most `max_tokens` (>= 1) tokens.

    Over budget it is shortened as `shortened_json` says: it always parses, and shows where it is cut.
    A `value` that is a string is plain text: cut as text, and neither quoted nor parsed.
    """
    if isinstance(value, str):
        return tokenizer.cut(value, max_tokens)
    return shortened_json(value if shape is None else project(value, shape), max_tokens, tokenizer, wanted)


def shape_of_schema(schema: Any, depth: int = _MAX_DEPTH) -> Shape:
    """The shape of the values that a JSON schema describes.

    Of what it leaves open, such as a map's keys, a shape that keeps everything.
    """
    if not isinstance(schema, dict) or not depth or schema.get("additionalProperties"):
        return _UNSEEN
    properties = schema.get("properties")
    if isinstance(properties, dict) and properties:
        return {name: shape_of_schema(inner, depth - 1) for name, inner in properties.items()}
    return [shape_of_schema(schema["items"], depth - 1)] if "items" in schema else _UNSEEN


Outline: TypeAlias = dict[str, "Outline"] | list["Outline"] | str
"""A shape without what differs from one answer to the next.

Two answers of an API have the same outline although one has another number of items, a null where the other
has text, or other dates as keys.  An outline is JSON: an object of outlines, a list of one or none, "value"
for a leaf, "" for a null, and {"*": outline} for an object whose keys are data.
"""

ANY_KEY = OTHERS
_LEAF, _UNKNOWN = "value", ""
_RECORD = 32  # objects with more keys are maps


def outline_of(shape: Shape) -> Outline:
    """The outline of the values that have this shape."""
    if isinstance(shape, str):
        return _UNKNOWN if shape == "null" else _LEAF
    if isinstance(shape, list):
        return [outline_of(shape[0])] if shape else []
    below: dict[str, Outline] = {key: outline_of(inner) for key, inner in shape.items()}
    telling: Outline = next((inner for inner in below.values() if inner), _UNKNOWN)
    if _keys_are_data(shape) and all(same_outline(inner, telling) for inner in below.values()):
        return {ANY_KEY: telling}
    return below


def same_outline(one: Outline, other: Outline) -> bool:
    """Whether both can be of answers of the same form: what is empty or null in one tells nothing."""
    if not one or not other:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_outline(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return same_outline(one[0], other[0])
    return one == other


def leaving_out(kept: Shape, seen: Outline) -> Shape:
    """A shape that leaves out what `seen` has and `kept`, a part of it, has not; all else stays.

    One answer does not show every key that others have: what it lacks was not chosen to be dropped.
    """
    if isinstance(kept, list) and isinstance(seen, list) and kept and seen:
        return [leaving_out(kept[0], seen[0])]
    if not (isinstance(kept, dict) and isinstance(seen, dict) and kept):
        return _UNSEEN
    if seen.keys() == {ANY_KEY}:
        return {OTHERS: leaving_out(reduce(united, kept.values()), seen[ANY_KEY])}
    left = {key: leaving_out(kept[key], inner) if key in kept else DROPPED for key, inner in seen.items()}
    return left | {OTHERS: _UNSEEN}


def _keys_are_data(shape: dict[str, Shape]) -> bool:
    """Dates, numbers and codes; or more keys than a record has."""
    return bool(shape) and (
        len(shape) > _RECORD or all(any(letter.isdigit() for letter in key) for key in shape)
    )
