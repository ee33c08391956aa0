"""Keep searches: which searches and votes of earlier commands a new snapshot has with its own.

A refresh writes its searches as stage `annotate`.  Those of `toolloom annotate` are kept as stage
`annotated`, and the instructions read from query files as stage `pose`, so that methods stand side by side.
What was imported is stage `import`, instructions and all; it is of no catalogue, and every snapshot keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from tasks.annotate import STAGE as ANNOTATE
from tasks.embed import STAGE as EMBED
from tasks.import_ import STAGE as IMPORT
from tasks.judging.judge import PREFERENCE, QUESTIONS
from tasks.load_queries import STAGE as LOAD
from tasks.rank import STAGE as RANK
from warehouse.manifest import Manifest
from warehouse.ref import Counts, StageOutput, TableRef
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import (
    ANNOTATIONS,
    ANSWER_FACTS,
    APIS,
    DOCUMENTS,
    EMBEDDINGS,
    EVALUATIONS,
    INSTRUCTIONS,
    LABELS,
    NODES,
    PREFERENCES,
    REJECTS,
)
from warehouse.tables.accounts import Reject

REFRESHED = ANNOTATE.name
SEARCHED = "annotated"
IMPORTED = IMPORT.name
LOAD_QUERIES = LOAD.name
HOLD_ANSWERS = (REFRESHED, SEARCHED, IMPORTED)
HOLD_INSTRUCTIONS = ("select", LOAD_QUERIES, IMPORTED)
RANKED = RANK.name
TREES: tuple[Table[Any], ...] = (ANNOTATIONS, NODES)
_VOTES: Mapping[str, tuple[tuple[Table[Any], str], ...]] = {
    "evaluate": ((ANSWER_FACTS, "annotation_id"), (EVALUATIONS, "subject_id")),
    "prefer": ((PREFERENCES, "first_id"), (PREFERENCES, "second_id")),
    "label": ((LABELS, "annotation_id"),),
}
"""What judges and people said, with the columns that name answers; a stage counts its first table."""
_RANKED_OVER: Mapping[str, Table[Any]] = {
    "crawl": APIS,
    "compress": DOCUMENTS,
    "select": INSTRUCTIONS,
    EMBED.name: EMBEDDINGS,
}
"""What retrievers were measured over."""


def merged_searches(
    store: Store, before: Mapping[str, StageOutput], loaded: StageOutput | None, searched: StageOutput | None
) -> dict[str, StageOutput]:
    """The stages of a snapshot that has new searches; of one made before under the same id only the new."""
    outputs = {} if loaded is None else {LOAD_QUERIES: _with_earlier(store, before.get(LOAD_QUERIES), loaded)}
    if searched is None:
        return outputs
    new = _ids(store, [searched])
    if REFRESHED in before and _ids(store, [before[REFRESHED]]) & new:
        outputs[REFRESHED] = _without(store, before[REFRESHED], new)
    outputs[SEARCHED] = _joined(store, before.get(SEARCHED), searched, new)
    return outputs


def merged_imports(
    store: Store, before: Mapping[str, StageOutput], imported: StageOutput
) -> dict[str, StageOutput]:
    """New imports with those of before.

    An answer that is imported again is as it was read last; but the raw answer with its whole tree stays
    where the other was converted, which is a reject then.  An instruction is as query files say, if any do:
    not every folder of answers has them beside.  Votes on an answer go with what it says.
    """
    earlier = before.get(IMPORTED)
    if earlier is None:
        return {IMPORTED: imported}
    were, are = _answers_read(store, earlier), _answers_read(store, imported)
    kept = {key for key in are.keys() & were.keys() if were[key].is_raw and not are[key].is_raw}
    replaced = {key for key in are.keys() & were.keys() if are[key].is_raw and not were[key].is_raw}
    taken = imported
    if kept:
        n_rejected = imported.counts.n_rejected + len(kept)
        counts = imported.counts.model_copy(update={"n_rejected": n_rejected})
        taken = _without(store, imported, kept).model_copy(update={"counts": counts})
    joined = _union(store, earlier, taken, TREES, "annotation_id", are.keys() - kept)
    rows = {row.instruction_id: row for row in _rows(store, earlier, INSTRUCTIONS)}
    for row in _rows(store, imported, INSTRUCTIONS):
        if row.api_list is not None or row.instruction_id not in rows:
            rows[row.instruction_id] = row
    joined = _replaced(store, joined, INSTRUCTIONS, [*rows.values()])
    changed = {key for key in are.keys() & were.keys() if not are[key].says_as(were[key])}
    for table, columns in ((EVALUATIONS, ("subject_id",)), (PREFERENCES, ("first_id", "second_id"))):
        votes, earlier_votes = _rows(store, imported, table), _rows(store, earlier, table)
        ids_of = attrgetter("judge", *columns)
        votes = [row for row in votes if not (changed & kept).intersection(ids_of(row))]
        gone = {ids_of(row) for row in votes}
        gone.update(ids_of(row) for row in earlier_votes if not (changed - kept).isdisjoint(ids_of(row)))
        votes += [row for row in earlier_votes if ids_of(row) not in gone]
        joined = _replaced(store, joined, table, votes)
    if kept or replaced:
        refused = [*_rows(store, imported, REJECTS), *_told(kept, replaced, changed)]
        joined = _replaced(store, joined, REJECTS, refused)
    return {IMPORTED: joined}


@dataclass(frozen=True)
class _Answer:
    """An imported answer.  said: how it ended and with what; steps: its messages."""

    said: tuple[str, str | None]
    steps: Any
    is_raw: bool

    def says_as(self, other: _Answer) -> bool:
        """Converted steps are never those of the raw answer to the letter."""
        return self.said == other.said and (self.is_raw != other.is_raw or self.steps == other.steps)


def _answers_read(store: Store, output: StageOutput) -> dict[str, _Answer]:
    """By id.  Only raw files say what a search cost, or how far it might go."""
    columns = ("annotation_id", "finish_type", "final_answer", "messages", "tokens_in", "max_depth")
    found = store.select(output.tables[ANNOTATIONS.name], *columns, "max_queries")
    return {
        key: _Answer((ended, answer), steps, is_raw=bool(tokens) or any(limits))
        for key, ended, answer, steps, tokens, *limits in found
    }


def _told(kept: Set[str], replaced: Set[str], changed: Set[str]) -> Iterator[Reject]:
    """A reject for each converted answer that is not taken, and a remark on those that were."""
    for key in sorted(kept):
        other = "; it says something else, so that votes on it are not taken either" if key in changed else ""
        yield Reject(
            stage=IMPORTED,
            row_id=f"there already[{key}]",
            reason="duplicate",
            detail=f"this answer stays as its raw file said, with its whole tree and what it cost{other}",
        )
    if replaced:
        told = f"{len(replaced):,} answers that were known by converted steps are as their raw files say"
        yield Reject(stage=IMPORTED, row_id="there already", reason="replaced", detail=told)


def _rows(store: Store, output: StageOutput, table: Table[Any]) -> list[Any]:
    return store.read(table, output.tables.get(table.name, ()))


def keep_searches(
    store: Store, before: Mapping[str, StageOutput], outputs: Mapping[str, StageOutput]
) -> dict[str, StageOutput]:
    """What a refresh keeps: as long as the catalogue is the same, searches of instructions that are there.

    Searches that the refresh made itself replace others of the same id.
    """
    kept = {
        stage: output for stage, output in before.items() if stage not in {LOAD_QUERIES, SEARCHED, RANKED}
    }
    if RANKED in before and all(
        stage in before and output.digests(table.name) == before[stage].digests(table.name)
        for stage, table in _RANKED_OVER.items()
        if (output := outputs.get(stage)) is not None
    ):
        kept[RANKED] = before[RANKED]
    if not _same_catalogue(before, outputs):
        return kept
    if LOAD_QUERIES in before:
        kept[LOAD_QUERIES] = before[LOAD_QUERIES]
    if SEARCHED in before:
        stages = {**kept, **outputs}
        there = _instructions(store, [stages[stage] for stage in ("select", LOAD_QUERIES) if stage in stages])
        own = _ids(store, [stages[REFRESHED]] if REFRESHED in stages else [])
        kept[SEARCHED] = _still_valid(store, before[SEARCHED], there, own)
    return kept


def merged_votes(
    store: Store, before: Mapping[str, StageOutput], judged: Mapping[str, StageOutput], judge: str
) -> dict[str, StageOutput]:
    """New votes of a judge, with those that others gave before, and its own on what was not asked now."""
    outputs = dict(judged)
    if "evaluate" in before and "evaluate" in judged:
        rows = store.read(EVALUATIONS, judged["evaluate"].tables[EVALUATIONS.name])
        asked = {(row.subject_id, row.question) for row in rows}
        earlier = [
            row
            for row in store.read(EVALUATIONS, before["evaluate"].tables[EVALUATIONS.name])
            if row.judge != judge
            or (
                row.prompt_digest == QUESTIONS[row.question].digest
                and (row.subject_id, row.question) not in asked
            )
        ]
        outputs["evaluate"] = _with_rows(store, judged["evaluate"], EVALUATIONS, rows, earlier)
    if "prefer" in before and "prefer" in judged:
        votes = store.read(PREFERENCES, judged["prefer"].tables[PREFERENCES.name])
        pairs = {frozenset((row.first_id, row.second_id)) for row in votes}
        kept = [
            row
            for row in store.read(PREFERENCES, before["prefer"].tables[PREFERENCES.name])
            if row.judge != judge
            or (
                row.prompt_digest == PREFERENCE.digest
                and frozenset((row.first_id, row.second_id)) not in pairs
            )
        ]
        outputs["prefer"] = _with_rows(store, judged["prefer"], PREFERENCES, votes, kept)
    return outputs


def _with_rows(
    store: Store, output: StageOutput, table: Table[Any], own: Sequence[Any], earlier: Sequence[Any]
) -> StageOutput:
    """The output with rows of before beside its own; without any it is as the stage wrote it."""
    return _replaced(store, output, table, [*own, *earlier]) if earlier else output


def merged_labels(store: Store, before: StageOutput | None, labelled: StageOutput) -> StageOutput:
    """New labels, with those that people gave before, but where the same person has labelled anew."""
    rows = store.read(LABELS, labelled.tables[LABELS.name])
    new = {(row.annotation_id, row.person) for row in rows}
    if before is not None:
        earlier = store.read(LABELS, before.tables[LABELS.name])
        rows += [row for row in earlier if (row.annotation_id, row.person) not in new]
    counts = Counts(unit=labelled.counts.unit, n_in=len(rows), n_out=len(rows), n_rejected=0)
    return _replaced(store, labelled, LABELS, rows).model_copy(update={"counts": counts})


def _replaced(store: Store, output: StageOutput, table: Table[Any], rows: Sequence[Any]) -> StageOutput:
    """The output with these rows of a table."""
    written = store.compact(table, (store.write_shard(table, rows),))
    return output.model_copy(update={"tables": {**output.tables, table.name: (written,)}, "shards": {}})


def keep_votes(
    store: Store, before: Mapping[str, StageOutput], now: Mapping[str, StageOutput]
) -> dict[str, StageOutput]:
    """What judges and people said of answers that are as they were to instructions that are there."""
    if not before.keys() & _VOTES.keys() or _judged(before) == _judged(now):
        return {}
    answers = _rows_by_id(store, now)
    gone = {each for each, row in _rows_by_id(store, before).items() if answers.get(each) != row}
    there = _instructions(store, [now[stage] for stage in HOLD_INSTRUCTIONS if stage in now])
    voted = [before["evaluate"]] if "evaluate" in before else []
    asked = _values(store, voted, EVALUATIONS, "instruction_id")
    without = gone | (asked - there)
    kept = {}
    for stage, dropped in _VOTES.items():
        if stage not in before:
            continue
        tables = {name: () if name == REJECTS.name else refs for name, refs in before[stage].tables.items()}
        for table, column in dropped:
            refs = tables[table.name]
            tables[table.name] = tuple(store.without(table, ref, column, without) for ref in refs)
        counted = dropped[0][0]
        columns = [column for table, column in dropped if table is counted]
        n = len({frozenset(ids) for ids in store.select(tables[counted.name], *columns)})
        if counted is LABELS:  # of which an answer has several
            n = sum(ref.rows for ref in tables[counted.name])
        counts = Counts(unit=before[stage].counts.unit, n_in=n, n_out=n, n_rejected=0)
        kept[stage] = before[stage].model_copy(update={"tables": tables, "counts": counts, "shards": {}})
    return kept


def _judged(stages: Mapping[str, StageOutput]) -> list[Sequence[str]]:
    """What votes are about: the contents of the answers and of the instructions."""
    written = [(stage, ANNOTATIONS.name) for stage in HOLD_ANSWERS]
    written += [(stage, INSTRUCTIONS.name) for stage in HOLD_INSTRUCTIONS]
    return [stages[stage].digests(table) if stage in stages else () for stage, table in written]


def _rows_by_id(store: Store, stages: Mapping[str, StageOutput]) -> dict[str, tuple[Any, ...]]:
    """What a judge reads of each answer, by its id."""
    found = [stages[stage] for stage in HOLD_ANSWERS if stage in stages]
    refs = [ref for output in found for ref in output.tables[ANNOTATIONS.name]]
    columns = ("annotation_id", "finish_type", "final_answer", "messages")
    return {annotation_id: tuple(row) for annotation_id, *row in store.select(refs, *columns)}


def stages_of(before: Manifest | None) -> Mapping[str, StageOutput]:
    return {} if before is None else before.stages


def _same_catalogue(before: Mapping[str, StageOutput], outputs: Mapping[str, StageOutput]) -> bool:
    if "crawl" not in outputs or "crawl" not in before:
        return "crawl" not in outputs
    return before["crawl"].digests(APIS.name) == outputs["crawl"].digests(APIS.name)


def _still_valid(store: Store, searched: StageOutput, there: Set[str], own: Set[str]) -> StageOutput:
    refs = searched.tables[ANNOTATIONS.name]
    gone = {
        annotation_id
        for annotation_id, instruction_id in store.select(refs, "annotation_id", "instruction_id")
        if instruction_id not in there or annotation_id in own
    }
    left = _without(store, searched, gone) if gone else searched
    return _with(left, {**left.tables, REJECTS.name: ()})


def _with_earlier(store: Store, earlier: StageOutput | None, loaded: StageOutput) -> StageOutput:
    """The instructions of other files stay; what was refused is told of the files just read."""
    if earlier is None:
        return loaded
    new = _instructions(store, [loaded])
    return _union(store, earlier, loaded, (INSTRUCTIONS,), "instruction_id", new)


def _joined(store: Store, earlier: StageOutput | None, searched: StageOutput, new: Set[str]) -> StageOutput:
    named = searched.model_copy(update={"shards": {}})
    return named if earlier is None else _union(store, earlier, named, TREES, "annotation_id", new)


def _union(
    store: Store,
    earlier: StageOutput,
    later: StageOutput,
    tables: Sequence[Table[Any]],
    column: str,
    new: Set[str],
) -> StageOutput:
    """Both as one output, which counts the rows of the first table that there are now."""
    joined = dict(later.tables)
    for table in tables:
        old = tuple(store.without(table, ref, column, new) for ref in earlier.tables[table.name])
        joined[table.name] = (store.compact(table, (*old, *later.tables[table.name])),)
    counts = later.counts
    n_out = joined[tables[0].name][0].rows
    n_in = n_out + counts.n_rejected + counts.n_pending
    counts = counts.model_copy(update={"n_in": n_in, "n_out": n_out})
    return later.model_copy(update={"tables": joined, "shards": {}, "counts": counts})


def _without(store: Store, output: StageOutput, ids: Set[str]) -> StageOutput:
    tables: dict[str, tuple[TableRef, ...]] = dict(output.tables)
    for table in TREES:
        refs = output.tables[table.name]
        tables[table.name] = tuple(store.without(table, ref, "annotation_id", ids) for ref in refs)
    return _with(output.model_copy(update={"shards": {}}), tables)


def _with(output: StageOutput, tables: Mapping[str, tuple[TableRef, ...]]) -> StageOutput:
    """The output with these tables, and the account that they bear out."""
    n_out, n_rejected = (
        sum(ref.rows for ref in tables.get(table.name, ())) for table in (ANNOTATIONS, REJECTS)
    )
    counts = Counts(unit=output.counts.unit, n_in=n_out + n_rejected, n_out=n_out, n_rejected=n_rejected)
    return output.model_copy(update={"tables": tables, "counts": counts})


def _ids(store: Store, outputs: Iterable[StageOutput]) -> set[str]:
    return _values(store, outputs, ANNOTATIONS, "annotation_id")


def _instructions(store: Store, outputs: Iterable[StageOutput]) -> set[str]:
    return _values(store, outputs, INSTRUCTIONS, "instruction_id")


def _values(store: Store, outputs: Iterable[StageOutput], table: Table[Any], column: str) -> set[str]:
    refs = [ref for output in outputs for ref in output.tables[table.name]]
    return {value for (value,) in store.select(refs, column)}
