"""Answer files into table files, some hundred at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.errors import BadRow
from tasks.importing.answer_files import read_answer
from tasks.importing.files import AnswerFile
from tasks.importing.queries import Queries
from tasks.importing.rows import FINISH, ImportedRows, rows_of
from warehouse.ref import TableRef
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import ANNOTATIONS, INSTRUCTIONS, NODES, REJECTS
from warehouse.tables.accounts import Reject

STAGE = "import"
DUPLICATE = "duplicate"
IMPORTED_BEFORE = "imported_before"

_FILES_AT_ONCE = 250


@dataclass(slots=True)
class Known:
    """What is there already, by id."""

    annotations: set[str] = field(default_factory=set)
    instructions: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Imported:
    """What came of the files.  tables: their rows; rejects are among them."""

    tables: dict[str, TableRef]
    n_searches: int
    n_instructions: int
    rejects: tuple[Reject, ...]


def import_files(store: Store, files: Sequence[AnswerFile], queries: Queries, known: Known) -> Imported:
    """Reads every file: it becomes a search, or a reject that says why not."""
    importer = _Importer(store, queries, known)
    for at in range(0, len(files), _FILES_AT_ONCE):
        importer.take(files[at : at + _FILES_AT_ONCE])
    return importer.end()


class _Importer:
    def __init__(self, store: Store, queries: Queries, known: Known) -> None:
        self._store = store
        self._queries = queries
        self._before = frozenset(known.annotations)
        self._annotations = set(known.annotations)
        self._instructions = set(known.instructions)
        self._shards: dict[str, list[TableRef]] = defaultdict(list)
        self._rejects: list[Reject] = []
        self._n_instructions = 0

    def take(self, files: Sequence[AnswerFile]) -> None:
        found = [rows for file in files if (rows := self._read(file)) is not None]
        new = []
        for rows in found:
            if rows.instruction.instruction_id not in self._instructions:
                self._instructions.add(rows.instruction.instruction_id)
                new.append(rows.instruction)
        self._n_instructions += len(new)
        self._shards[INSTRUCTIONS.name].append(self._store.write_shard(INSTRUCTIONS, new))
        annotations = self._store.write_shard(ANNOTATIONS, [rows.annotation for rows in found])
        self._shards[ANNOTATIONS.name].append(annotations)
        nodes = self._store.write_shard(NODES, [node for rows in found for node in rows.nodes])
        self._shards[NODES.name].append(nodes)

    def end(self) -> Imported:
        compacted: tuple[Table[Any], ...] = (INSTRUCTIONS, ANNOTATIONS, NODES)
        tables = {table.name: self._store.compact(table, self._shards[table.name]) for table in compacted}
        tables[REJECTS.name] = self._store.write_shard(REJECTS, self._rejects)
        return Imported(
            tables=tables,
            n_searches=tables[ANNOTATIONS.name].rows,
            n_instructions=self._n_instructions,
            rejects=tuple(self._rejects),
        )

    def _read(self, file: AnswerFile) -> ImportedRows | None:
        try:
            answer = read_answer(file.path)
            n_apis = sum(function.get("name") != FINISH for function in answer.functions)
            asked = self._queries.of(file.scenario, file.query_id, answer.query, n_apis)
            rows = rows_of(file, answer, asked)
            self._refuse_known(rows.annotation.annotation_id)
        except BadRow as fault:
            reject = Reject(stage=STAGE, row_id=file.place, reason=fault.reason, detail=fault.message)
            self._rejects.append(reject)
            return None
        self._annotations.add(rows.annotation.annotation_id)
        return rows

    def _refuse_known(self, annotation_id: str) -> None:
        if annotation_id in self._before:
            raise BadRow(IMPORTED_BEFORE, "this search is in the data folder already")
        if annotation_id in self._annotations:
            raise BadRow(DUPLICATE, "another file has the same query, method and model")
