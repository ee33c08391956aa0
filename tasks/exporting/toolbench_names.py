"""How ToolBench names methods, files and queries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b

from tasks.exporting.searches import IMPORTED, Indexed, Search
from warehouse.tables.annotations import Annotation

_IMPORTED_ID = re.compile(r"toolbench-G[123]-(\d{1,18})-[0-9a-f]+")
_EXACT = (1 << 53) - 1  # readers of JSON may keep numbers as floats
_WIDTH = 2
_NO_NAME = re.compile(r"[^A-Za-z0-9.@-]+")


def number_of(row_id: str) -> int:
    """A number for a row, always the same one: a part of its id's digest."""
    return int.from_bytes(blake2b(row_id.encode(), digest_size=8).digest(), "big") & _EXACT


def query_id_of(instruction_id: str) -> int:
    """An instruction's `query_id`: its own where it was read from ToolBench's files."""
    imported = _IMPORTED_ID.fullmatch(instruction_id)
    return int(imported[1]) if imported else number_of(instruction_id)


def method_name(method: str, width: int | None) -> str:
    """What ToolBench calls a method: DFS_woFilter_w2 for dfsdt, DFS_w2 for dfs_ranked, CoT@N for react@N."""
    kind, _, tries = method.partition("@")
    if kind == "react":
        return f"CoT@{tries or 1}"
    name = {"dfsdt": "DFS_woFilter", "dfs_ranked": "DFS"}.get(kind, kind)
    return f"{name}_w{_WIDTH if width is None else width}"


class AnswerNames:
    """Names of answer files: `<query id>_<method>.json`.

    Where a run has searches of one method that differ otherwise (model, rules, offer), what differs goes
    before the method, for else their files would have one name.  Imported files keep the name they had.
    Should two searches still come to one name, the later one gets a part of its id.
    """

    def __init__(self, index: Iterable[Indexed]) -> None:
        own = {(search.model, search.rules, search.offer) for search in index if search.offer != IMPORTED}
        self._differing = [len(set(values)) > 1 for values in zip(*own, strict=True)]
        self._taken: set[str] = set()

    def name(self, search: Search) -> str:
        annotation = search.annotation
        method = method_name(annotation.method, annotation.width)
        number, variant = str(query_id_of(annotation.instruction_id)), self._variant(annotation)
        place = f"{search.instruction.scenario}/{search.level}/"
        name = "_".join([number, *variant, method]) + ".json"
        if place + name in self._taken:
            name = "_".join([number, *variant, annotation.annotation_id[:12], method]) + ".json"
        self._taken.add(place + name)
        return name

    def _variant(self, annotation: Annotation) -> list[str]:
        if annotation.offer == IMPORTED:
            return [annotation.model] if annotation.model else []
        values = (annotation.model, annotation.rules, annotation.offer)
        return [
            _NO_NAME.sub("-", value).strip("-")
            for value, differs in zip(values, self._differing, strict=True)
            if differs
        ]
