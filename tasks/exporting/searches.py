"""Reading the searches of a run: an index of all of them, then their rows a batch at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import orjson

from tasks.errors import BrokenContract, NothingLeft
from tasks.exporting.params import Diversity, ExportParams
from tasks.search.asked import asked_beside
from warehouse.connect import connect_snapshot, open_database
from warehouse.manifest import Manifest
from warehouse.ref import TableRef
from warehouse.sql import statement
from warehouse.table import Table, from_arrow
from warehouse.tables.annotations import LOST, Annotation, Node
from warehouse.tables.instructions import Instruction

TRAIN = "train"
UNSEEN_INSTRUCTION = "test_instruction"
UNSEEN_TOOL = "test_tool"
UNSEEN_CATEGORY = "test_category"
LEVELS = (TRAIN, UNSEEN_INSTRUCTION, UNSEEN_TOOL, UNSEEN_CATEGORY)

_WHOLE = 1 << 64


def level_of(instruction_id: str, split: str, held_out: float) -> str:
    """The level of an instruction whose tools are of a split (train, test_tool or test_category).

    held_out: the share of the training split's instructions that become test_instruction.  Decided by
    hash of the id, so that an instruction stays where it is whatever else comes or goes.
    """
    if split != TRAIN:
        return split
    digest = blake2b(instruction_id.encode(), digest_size=8, person=b"held out").digest()
    return UNSEEN_INSTRUCTION if int.from_bytes(digest, "big") < held_out * _WHOLE else TRAIN


def level_of_instruction(instruction: Instruction, held_out: float) -> str:
    """Imported instructions stay where they came from; of our own, some are held out."""
    share = 0.0 if instruction.model == IMPORTED else held_out
    return level_of(instruction.instruction_id, instruction.split, share)


IMPORTED = "imported"  # the offer of a search that was read from files
GAVE_UP = "give_up"

_SEARCHES_AT_ONCE = 100
_NODES_AT_ONCE = 5_000
_INSTRUCTIONS_AT_ONCE = 5_000

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """A search in the index.  scenario, split: None when its instruction is gone."""

    annotation_id: str
    instruction_id: str
    scenario: str | None
    split: str | None
    win: bool
    finish_type: str
    method: str
    rules: str
    model: str
    offer: str
    n_nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search with its instruction and its tree, in pre-order.  level: see `tasks.exporting.searches`."""

    instruction: Instruction
    annotation: Annotation
    nodes: tuple[Node, ...]
    level: str

    @property
    def gave_up(self) -> bool:
        return not self.annotation.win and self.annotation.finish_type == GAVE_UP

    def asked_beside(self, diversity: Diversity) -> list[str | None]:
        """For each reply of the conversation what it was asked with beside that; empty: nothing is kept."""
        return asked_beside(self.annotation, self.nodes) if diversity is Diversity.KEEP else []

    @property
    def label(self) -> str:
        """Its level; a give-up says so."""
        return f"{self.level}_{GAVE_UP}" if self.gave_up else self.level


class Source:
    """The rows of one run.  left_out: how many searches no export can use, by reason."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, run_id: str, params: ExportParams) -> None:
        self.run_id = run_id
        self.params = params
        self.left_out: Counter[str] = Counter()
        self._connection = connection
        self._conversations: set[tuple[str, bytes]] = set()
        self.index = self._read_index()

    def searches(self, *, trees: bool = True) -> Iterator[Search]:
        """All searches in the order of their ids; without trees, their nodes are left out."""
        for batch in _batches(self.index):
            between = [batch[0].annotation_id, batch[-1].annotation_id]
            annotations = self.rows(Annotation, "export_annotations", between)
            of_id = {
                row.instruction_id: row for row in self.rows(Instruction, "export_instructions_of", between)
            }
            nodes = self._nodes(between) if trees else {}
            wanted = {indexed.annotation_id for indexed in batch}
            for annotation in annotations:
                instruction = of_id.get(annotation.instruction_id)
                if instruction is not None and annotation.annotation_id in wanted:
                    yield Search(
                        instruction=instruction,
                        annotation=annotation,
                        nodes=nodes.get(annotation.annotation_id, ()),
                        level=self.level_of(instruction),
                    )

    def results(
        self, among: Callable[[Search], str] = lambda _: "", *, trees: bool = False
    ) -> Iterator[Search]:
        """What can be learned from: searches that were won, and give-ups where wanted.

        among: see `is_result`.
        """
        return (search for search in self.searches(trees=trees) if self.is_result(search, among(search)))

    def is_result(self, search: Search, among: str) -> bool:
        """Whether there is something to learn from a search; if not, it is counted as left out.

        Several searches of an instruction often come to the very same conversation.  It is one example among
        rows that say nothing of how it was found; rows that are told apart by `among`, such as their
        method, each have it, whatever the others have.
        """
        if not (search.annotation.win or (self.params.give_ups and search.gave_up)):
            gave_up = "it gave up (--give-ups takes it)"
            self.left_out[gave_up if search.gave_up else "it ended without an answer"] += 1
            return False
        if any(message.content == LOST for message in search.annotation.messages):
            self.left_out["it was imported without what its calls returned"] += 1
            return False
        conversation = among, _conversation_digest(search)
        if conversation in self._conversations:
            self.left_out["another search of its instruction has the same conversation"] += 1
            return False
        self._conversations.add(conversation)
        return True

    def instructions(self) -> Iterator[Instruction]:
        """All instructions, searched or not, in the order of their ids."""
        for batch in self.batches("export_instructions", _INSTRUCTIONS_AT_ONCE):
            yield from from_arrow(Instruction, batch)

    def level_of(self, instruction: Instruction) -> str:
        return level_of_instruction(instruction, self.params.held_out)

    def rows(self, row_type: type[R], name: str, arguments: Sequence[str] = ()) -> list[R]:
        """What a statement selects, as rows of that type."""
        with self._reading():
            return from_arrow(
                row_type, self._connection.sql(statement(name), params=list(arguments)).to_arrow_table()
            )

    def batches(self, name: str, size: int) -> Iterator[Any]:
        """What a statement selects, as Arrow batches of so many rows."""
        with self._reading():
            reader = self._connection.cursor().sql(statement(name)).to_arrow_reader(size)
            yield from reader

    def _nodes(self, between: Sequence[str]) -> dict[str, tuple[Node, ...]]:
        nodes = self.rows(Node, "export_nodes", between)
        return {key: tuple(found) for key, found in groupby(nodes, attrgetter("annotation_id"))}

    def _read_index(self) -> list[Indexed]:
        of_all = self.rows(Indexed, "export_index")
        found = [search for search in of_all if self.params.method in (None, search.method)]
        usable = [search for search in found if search.scenario is not None]
        if len(usable) < len(found):
            self.left_out["its instruction is gone"] = len(found) - len(usable)
        return [search for search in usable if self._is_wanted(search)] if self.params.passed else usable

    def _is_wanted(self, search: Indexed) -> bool:
        """Whether it passed, or is a give-up where those are wanted; if not, it is counted as left out."""
        if search.finish_type == GAVE_UP and self.params.give_ups:
            return True
        why = self._judged.get(search.annotation_id, "nobody judged its answer")
        if why is not None:
            self.left_out[why] += 1
        return why is None

    @cached_property
    def _judged(self) -> Mapping[str, str | None]:
        """Why each answer that was judged is left out; None: it passed.  Raises `NothingLeft`."""
        with self._reading():
            found = dict(self._connection.execute(statement("export_passed")).fetchall())
        if not found:
            raise NothingLeft(
                f"run {self.run_id} has no answer that was judged, so it is not known which passed",
                fix="run `toolloom evaluate` first, or export without `passed`",
            )
        return found

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            raise BrokenContract(
                f"the tables of run {self.run_id} cannot be read: {error}",
                fix="name another run (`toolloom runs`), or mend it with `toolloom refresh`",
            ) from error


@contextmanager
def open_source(
    data: Path, run: str | None, params: ExportParams, *, searched: bool = True
) -> Iterator[Source]:
    """The searches of a run, the newest unless named.

    searched: it must have one to export.  Raises `UsageError` when there is no run, `NothingLeft`
    when it has no such search.
    """
    with open_database(data, run, thoroughly=True) as connection:
        ((run_id,),) = connection.execute(statement("shown_run")).fetchall()
        source = Source(connection, run_id, params)
        if searched and not any(search.win or params.give_ups for search in source.index):
            by_method = f" by method {params.method}" if params.method else ""
            which = "passed" if params.passed else "was won"
            raise NothingLeft(
                f"run {run_id} has no search{by_method} that {which}, so there is nothing to export",
                fix="look at `toolloom sql @funnel`; with --give-ups, searches that gave up are taken, too",
            )
        yield source


@contextmanager
def source_of(
    data: Path,
    run_id: str,
    as_of: datetime,
    tables: Mapping[Table[Any], tuple[TableRef, ...]],
    params: ExportParams,
) -> Iterator[Source]:
    """The searches in the files of a run under way, which is not committed yet."""
    snapshot = Manifest(
        run_id=run_id,
        kind="",
        status="partial",
        parent=None,
        started_at=as_of,
        finished_at=as_of,
        config_digest="",
        as_of={},
        stages={},
        tables={table.name: refs for table, refs in tables.items()},
    )
    with connect_snapshot(data, snapshot) as connection:
        yield Source(connection, run_id, params)


def _conversation_digest(search: Search) -> bytes:
    """Of what was offered, said and called, whatever the ids of the calls."""
    said = [
        [message.role, message.content, [[call.name, call.arguments] for call in message.tool_calls]]
        for message in search.annotation.messages
    ]
    return blake2b(
        orjson.dumps([search.instruction.instruction_id, search.annotation.functions, said]), digest_size=16
    ).digest()


def _batches(index: Sequence[Indexed]) -> Iterator[Sequence[Indexed]]:
    """Neighbours in the order of ids, so many that their trees are no burden on the memory."""
    begin = n_nodes = 0
    for at, search in enumerate(index):
        if at > begin and (at - begin >= _SEARCHES_AT_ONCE or n_nodes + search.n_nodes > _NODES_AT_ONCE):
            yield index[begin:at]
            begin, n_nodes = at, 0
        n_nodes += search.n_nodes
    if index:
        yield index[begin:]
