"""Carry: which searches of earlier commands a new snapshot keeps beside its own.

A refresh writes its searches as stage `annotate`.  Those of `toolloom annotate` are kept as stage
`annotated`, and the instructions read from query files as stage `pose`, so that methods stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from tasks.annotate import STAGE as ANNOTATE
from tasks.catalogue.toolbench.instructions import STAGE as POSED
from warehouse.manifest import Manifest
from warehouse.ref import Counts, StageOutput, TableRef
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import ANNOTATIONS, APIS, INSTRUCTIONS, NODES, REJECTS

REFRESHED = ANNOTATE.name
SEARCHED = "annotated"
TREES: tuple[Table[Any], ...] = (ANNOTATIONS, NODES)


def beside(
    store: Store, before: Mapping[str, StageOutput], posed: StageOutput | None, searched: StageOutput | None
) -> dict[str, StageOutput]:
    """The stages of a snapshot that has new searches; of one made before under the same id only the new."""
    outputs = {} if posed is None else {POSED: _with_earlier(store, before.get(POSED), posed)}
    if searched is None:
        return outputs
    new = _ids(store, [searched])
    if REFRESHED in before and _ids(store, [before[REFRESHED]]) & new:
        outputs[REFRESHED] = _without(store, before[REFRESHED], new)
    outputs[SEARCHED] = _joined(store, before.get(SEARCHED), searched, new)
    return outputs


def carried(
    store: Store, before: Mapping[str, StageOutput], outputs: Mapping[str, StageOutput]
) -> dict[str, StageOutput]:
    """What a refresh keeps: as long as the catalogue is the same, searches of instructions that are there.

    Searches that the refresh made itself replace others of the same id.
    """
    kept = {stage: output for stage, output in before.items() if stage not in {POSED, SEARCHED}}
    if not _same_catalogue(before, outputs):
        return kept
    if POSED in before:
        kept[POSED] = before[POSED]
    if SEARCHED in before:
        stages = {**kept, **outputs}
        there = _instructions(store, [stages[stage] for stage in ("select", POSED) if stage in stages])
        own = _ids(store, [stages[REFRESHED]] if REFRESHED in stages else [])
        kept[SEARCHED] = _still_valid(store, before[SEARCHED], there, own)
    return kept


def stages_below(before: Manifest | None) -> Mapping[str, StageOutput]:
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


def _with_earlier(store: Store, earlier: StageOutput | None, posed: StageOutput) -> StageOutput:
    """The instructions of other files stay; what was refused is told of the files just read."""
    if earlier is None:
        return posed
    new = _instructions(store, [posed])
    return _union(store, earlier, posed, (INSTRUCTIONS,), "instruction_id", new)


def _joined(store: Store, earlier: StageOutput | None, searched: StageOutput, new: Set[str]) -> StageOutput:
    named = searched.model_copy(update={"shards": {}})
    return named if earlier is None else _union(store, earlier, named, TREES, "annotation_id", new)


def _union(
    store: Store,
    earlier: StageOutput,
    later: StageOutput,
    tables: Iterable[Table[Any]],
    column: str,
    new: Set[str],
) -> StageOutput:
    joined = dict(later.tables)
    for table in tables:
        old = tuple(store.without(table, ref, column, new) for ref in earlier.tables[table.name])
        joined[table.name] = (store.compact(table, (*old, *later.tables[table.name])),)
    return later.model_copy(update={"tables": joined, "shards": {}})


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
