"""Shortens an API's document: fewer words, and the keys of its response that tell most for their size.

What the words promise stays, and a list counts by its elements, of which a document shows a few.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from sandbox.teacher.documents import first_sentences, name_stems, stems
from sandbox.teacher.observations import is_cut_mark
from sandbox.teacher.prompts import Compress

Json = dict[str, Any]
# Fewer characters per token than prose has, so that the estimate errs on the safe side.
_CHARACTERS_PER_TOKEN = 2.6
_LONGEST_DESCRIPTION = 400
_SPARE = 0.9
# Keys worth their tokens in a shortened example, and keys that are not.
_TELLING = frozenset(
    name_stems(
        "name title result value amount total price cost date time day year status unit currency code "
        "id symbol type kind label city country count number rate score summary description address start "
        "end"
    )
)
_BULKY = frozenset(
    name_stems(
        "image img icon thumbnail logo avatar html markup svg base64 raw debug trace meta metadata links "
        "href url color colour css style hash etag cursor token tracking internal locale translations"
    )
)
_FEW = 3  # elements of a list that a document shows
_TWINS = {"latitud": "longitud", "longitud": "latitud"}


@dataclass(frozen=True)
class _Key:
    """A leaf of the response's shape.  size: characters that its occurrences take in a few elements."""

    path: str
    depth: int
    order: int
    size: int
    text_length: float

    @property
    def list_path(self) -> str:
        """The path of the list whose elements have this key; empty outside lists."""
        return self.path.rpartition("[]")[0]

    @property
    def stems(self) -> tuple[str, ...]:
        return name_stems(self.path.rpartition(".")[2].replace("[]", ""))

    @property
    def merit(self) -> float:
        words = set(self.stems)
        merit = 1.0 * bool(words & _TELLING) - 1.5 * bool(words & _BULKY) - 0.25 * self.depth
        return merit - 0.01 * min(self.text_length, 200)


def shortened(task: Compress) -> Json:
    """The JSON reply: description and keep."""
    description = first_sentences(
        re.sub(r"\s+", " ", str(task.document.get("api_description") or "")), _LONGEST_DESCRIPTION
    )
    keys = _keys(task.response, task.shape)
    return {
        "description": description,
        "keep": _kept(keys, _room(task, description), set(stems(description))),
    }


def _room(task: Compress, description: str) -> float:
    """Characters left for the response once the rest of the document stands."""
    rest = {**task.document, "api_description": description, "response": None}
    used = len(json.dumps(rest, ensure_ascii=False, separators=(",", ":")))
    return task.max_tokens * _CHARACTERS_PER_TOKEN * _SPARE - used


def _kept(keys: list[_Key], room: float, said: set[str]) -> list[str]:
    """The best keys that fit, in the order of the response; at least one.

    What the description speaks of is kept even where it does not fit, and the best key of a list: elements
    without what names them are of no use, and a list can still be cut to its first elements.
    """
    chosen = [key for key in keys if key.stems and said.issuperset(key.stems)]
    room -= sum(key.size for key in chosen)
    served = {key.list_path for key in chosen}
    for key in sorted(keys, key=lambda key: (-key.merit, key.order)):
        if key in chosen:
            continue
        names_elements = bool(key.list_path) and key.list_path not in served
        served.add(key.list_path)
        if key.size <= room or (names_elements and room > 0):
            chosen.append(key)
            room -= key.size
    chosen += [key for key in keys if key not in chosen and _is_twin_of_one(key, chosen)]
    if not chosen and keys:
        chosen = [min(keys, key=lambda key: (key.size, key.order))]
    return [key.path for key in sorted(chosen, key=lambda key: key.order)]


def _is_twin_of_one(key: _Key, chosen: list[_Key]) -> bool:
    twin, above = tuple(_TWINS.get(stem, stem) for stem in key.stems), key.path.rpartition(".")[0]
    beside = [other.stems for other in chosen if other.path.rpartition(".")[0] == above]
    return twin != key.stems and twin in beside


def _keys(response: Any, shape: Any) -> list[_Key]:
    sizes: dict[str, list[int]] = {}
    _measure(response, "", 0, sizes)
    for path in _paths(shape, ""):
        sizes.setdefault(path, [])
    return [
        _Key(
            path=path,
            depth=path.count(".") + path.count("[]"),
            order=order,
            size=round(sum(lengths) / len(lengths) * min(len(lengths), _FEW)) if lengths else 0,
            text_length=sum(lengths) / len(lengths) if lengths else 0,
        )
        for order, (path, lengths) in enumerate(sizes.items())
        if path
    ]


def _measure(value: Any, path: str, surroundings: int, sizes: dict[str, list[int]]) -> None:
    """Adds the sizes of all leaves; surroundings: characters of keys and brackets a leaf brings with it."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            below = f"{path}.{name}" if path else str(name)
            _measure(inner, below, surroundings // len(value) + len(str(name)) + 4, sizes)
    elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        for item in value:
            if not is_cut_mark(item):
                _measure(item, f"{path}[]", 3, sizes)
    else:
        length = len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
        sizes.setdefault(path, []).append(length + surroundings + 1)


def _paths(shape: Any, path: str) -> list[str]:
    if isinstance(shape, dict) and shape:
        return [
            found
            for name, inner in shape.items()
            for found in _paths(inner, f"{path}.{name}" if path else str(name))
        ]
    if isinstance(shape, list) and shape and isinstance(shape[0], (dict, list)):
        return _paths(shape[0], f"{path}[]")
    return [path] if path else []
