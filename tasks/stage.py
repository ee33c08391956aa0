"""From shards to a finished stage: buckets, submission, verification, compaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, Protocol, TypeAlias, TypeVar

from prefect import State, Task
from prefect.futures import PrefectFuture, as_completed

from tasks.errors import BrokenContract, StopRun, Transient
from tasks.progress import Progress
from warehouse.ref import Counts, ShardOutput, StageOutput, Stop, TableRef
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import TABLES

# Prefect's server drops records beyond 10,000 undrained messages, about three a task run.
WINDOW = 500

R = TypeVar("R")
TableRows: TypeAlias = Mapping[Table[Any], Sequence[Any]]


def bucket_of(key: str, buckets: int) -> int:
    """The shard a row belongs to; moves only when the number of shards changes."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) % buckets


def bucket_count(rows: int, per_bucket: int, before: int | None) -> int:
    """How many shards for so many rows: the number used before while it is within a factor of two."""
    wanted = max(1, -(-rows // per_bucket))
    if before is not None and wanted <= 2 * before and before <= 2 * wanted:
        return before
    return wanted


def into_buckets(rows: Iterable[R], key: Callable[[R], str], buckets: int) -> list[list[R]]:
    shards: list[list[R]] = [[] for _ in range(buckets)]
    for row in rows:
        shards[bucket_of(key(row), buckets)].append(row)
    return shards


def write_shard(store: Store, rows: TableRows, counts: Counts, stop: StopRun | None = None) -> ShardOutput:
    """One file per table, empty ones too, so that the n-th file of a table is the n-th shard's."""
    refs = tuple(store.write_shard(table, table_rows) for table, table_rows in rows.items())
    return ShardOutput(tables=refs, counts=counts, stop=None if stop is None else stop_notice(stop))


def stop_notice(stop: StopRun | Transient) -> Stop:
    fix = stop.fix or "run the same command again: what is finished is kept"
    return Stop(kind=type(stop).__name__, message=stop.message, fix=fix)


class Settle(Protocol):
    """What is told of each finished shard."""

    def __call__(self, shard: Mapping[str, Any], output: ShardOutput, *, carried: bool) -> None: ...


def run_shards(
    task: Task[..., ShardOutput],
    store: Store,
    shards: Sequence[Mapping[str, Any]],
    progress: Progress,
    *,
    sizes: Sequence[int] | None = None,
) -> list[ShardOutput]:
    """Runs the task once per shard (its argument `shard` is the number) and returns the outputs in order.

    A cached output whose files are gone or damaged, or that was stopped before its end, is computed anew.
    sizes: of the shards in the progress's unit, where their accounts have another one.
    """

    def settle(shard: Mapping[str, Any], output: ShardOutput, *, carried: bool) -> None:
        number, counts = shard["shard"], output.counts
        size = counts.n_in - counts.n_pending if sizes is None else sizes[number]
        progress.settle(number, size, counts.n_rejected, carried=carried)

    outputs: list[ShardOutput] = []
    for start in range(0, len(shards), WINDOW):
        outputs.extend(_run_window(task, store, shards[start : start + WINDOW], settle))
    return outputs


def _run_window(
    task: Task[..., ShardOutput], store: Store, shards: Sequence[Mapping[str, Any]], settle: Settle
) -> list[ShardOutput]:
    outputs = _run(task, store, shards, settle)
    stale = [shard for shard, output in zip(shards, outputs, strict=True) if output is None]
    anew = iter(_run(task.with_options(refresh_cache=True), store, stale, settle))
    whole = [output or next(anew) for output in outputs]
    return [output for output in whole if output is not None]


def _run(
    task: Task[..., ShardOutput], store: Store, shards: Sequence[Mapping[str, Any]], settle: Settle
) -> list[ShardOutput | None]:
    """The outputs in order; None for a cached one that does not stand."""
    futures: list[PrefectFuture[ShardOutput]] = [task.submit(**shard) for shard in shards]
    shard_of = dict(zip(futures, shards, strict=True))
    stale = set()
    for future in as_completed(futures):  # one shard's failure must not abandon what the others finish
        future.wait()
        if not future.state.is_completed():
            continue
        output, carried = future.state.result(), is_cached(future.state)
        if carried and not usable(store, output):
            stale.add(future)
        else:
            settle(shard_of[future], output, carried=carried)
    return [None if future in stale else future.result() for future in futures]


def is_cached(state: State[Any]) -> bool:
    return state.name == "Cached"


def usable(store: Store, output: ShardOutput | StageOutput) -> bool:
    """Whether a cached output still stands: complete, and every file there, byte for byte."""
    refs = output.tables if isinstance(output, ShardOutput) else output.refs
    return output.stop is None and all(store.verify(ref) for ref in refs)


def finish_stage(
    stage: str,
    store: Store,
    outputs: Sequence[ShardOutput],
    *,
    writes: Sequence[Table[Any]],
    n_shard_tasks: int,
) -> StageOutput:
    """Compacts the shards' files, one file a table; history tables keep theirs.

    Raises `BrokenContract` when the shards wrote other tables than the stage declares.
    """
    shards: dict[str, list[TableRef]] = {}
    for output in outputs:
        for ref in output.tables:
            shards.setdefault(ref.table, []).append(ref)
    _refuse_undeclared(stage, {table.name for table in writes}, shards.keys())
    counts = outputs[0].counts
    for output in outputs[1:]:
        counts += output.counts
    return StageOutput(
        stage=stage,
        shards={name: tuple(refs) for name, refs in shards.items()},
        tables={name: _compacted(store, TABLES[name], refs) for name, refs in shards.items()},
        counts=counts,
        n_shard_tasks=n_shard_tasks,
        stop=next((output.stop for output in outputs if output.stop is not None), None),
    )


def added(store: Store, so_far: StageOutput, more: StageOutput) -> StageOutput:
    """One output of a stage that was run again for further rows: those of both, and one account.

    `n_shard_tasks` stays that of the first run, which the next refresh makes its shards by.
    """
    shards = {name: so_far.shards[name] + more.shards[name] for name in so_far.shards}
    return so_far.model_copy(
        update={
            "shards": shards,
            "tables": {name: _compacted(store, TABLES[name], refs) for name, refs in shards.items()},
            "counts": so_far.counts + more.counts,
            "stop": more.stop,
        }
    )


def _refuse_undeclared(stage: str, declared: Set[str], written: Set[str]) -> None:
    if declared != written:
        raise BrokenContract(
            f"stage {stage} declares that it writes {sorted(declared)}, and wrote {sorted(written)}",
            fix=f"this is a bug of Toolloom: correct WRITES in tasks/{stage}.py",
        )


def _compacted(store: Store, table: Table[Any], refs: Sequence[TableRef]) -> tuple[TableRef, ...]:
    if table.history:
        return tuple(ref for ref in dict.fromkeys(refs) if ref.rows)
    return (store.compact(table, refs),)
