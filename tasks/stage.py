"""What a stage is, as data, and its keys; and from shards to a finished one: buckets, submission,
verification, compaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, TypeVar

from prefect import State, Task
from prefect.futures import PrefectFuture, as_completed
from pydantic import BaseModel

import seeds
from prompts import digests_of
from tasks.errors import BrokenContract, StopRun, Transient
from tasks.identity import identity
from tasks.llm.chat import digest_of
from tasks.progress import Progress
from tasks.run import RunContext
from warehouse.ref import Counts, ShardOutput, StageOutput, Stop, TableRef
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import TABLES

# Prefect's server drops records beyond 10,000 undrained messages, about three a task run.
WINDOW = 500

R = TypeVar("R")
TableRows: TypeAlias = Mapping[Table[Any], Sequence[Any]]


# Raised when keys are made otherwise: the next refresh then says why its stages are computed anew.
KEYS = 2
# Under which name a stage's task is given the output of another stage.
GIVEN = {
    "crawl": "crawled",
    "probe": "probed",
    "compress": "compressed",
    "sample": "sampled",
    "propose": "proposed",
    "select": "selected",
}


def stage_key(stage: str, version: int, *parts: object) -> str:
    """A cache key: readable in front, the digest of all parts behind."""
    return f"{stage}-v{version}-{digest_of(parts)}"


@dataclass(frozen=True)
class Stage:
    """A stage as data: its keys, its check and the lineage are made of this.

    A key covers the stage's version, the contents of the tables it reads, what identifies its settings
    (`tasks/identity.py`), its prompts, and the model or the APIs it asks; never an address, a port, a clock.

    unit: what its account counts.
    reads: tables, by the stage that writes them.
    again: by argument, those that a further round of draws reads.
    carries: tables it reads in its own output of the run before.  They are in no key: rows that are carried
        over differ from new ones in nothing that counts, and `as_of` says from when they may be.
    prompts: those it asks with, by name or folder.  uses_seeds: the seed examples shape its rows.
    asks_model: whether it does, or the setting that says so.
    asks_world: what it finds is the world's to decide, so that its key holds the moment `as_of`.
    by_shard: how its input is divided counts.
    arguments: further arguments that count.
    contents: of settings that name files, what these hold.
    """

    name: str
    version: int
    unit: str
    writes: tuple[Table[Any], ...]
    reads: Mapping[str, tuple[Table[Any], ...]] = field(default_factory=dict)
    again: Mapping[str, tuple[Table[Any], ...]] = field(default_factory=dict)
    carries: tuple[Table[Any], ...] = ()
    prompts: tuple[str, ...] = ()
    uses_seeds: bool = False
    asks_model: bool | str = False
    calls_apis: bool = False
    asks_world: bool = False
    by_shard: bool = False
    arguments: tuple[str, ...] = ()
    contents: Callable[[Any], object] | None = None

    def key(self, run: RunContext, params: BaseModel, **given: Any) -> str:
        """Of the stage's task, by its arguments."""
        read = {**{GIVEN[writer]: tables for writer, tables in self.reads.items()}, **self.again}
        outputs = [(given[argument], tables) for argument, tables in read.items() if given.get(argument)]
        inputs = [
            ref.content_digest
            for output, tables in outputs
            for table in tables
            for ref in (output.shards if self.by_shard else output.tables)[table.name]
        ]
        counted = [given.get(argument) or None for argument in self.arguments]
        return self.settings_key(run, params, "stage", inputs, *counted)

    def shard_key(self, run: RunContext, params: BaseModel, inputs: object) -> str:
        """Of a shard's task; inputs: digests of just what the shard reads."""
        return self.settings_key(run, params, "shard", inputs, shard=True)

    def settings_key(self, run: RunContext, params: BaseModel, *parts: object, shard: bool = False) -> str:
        """What each of its rows is made with, and the parts."""
        asks = self.asks_model if isinstance(self.asks_model, bool) else getattr(params, self.asks_model)
        return stage_key(
            self.name,
            self.version,
            *([run.as_of[self.name].isoformat()] if self.asks_world else []),
            identity(params, self.name, shard=shard),
            *([self.contents(params)] if self.contents is not None and not shard else []),
            *([run.model_identity()] if asks else []),
            *([run.calling_identity(), run.replay] if self.calls_apis else []),
            *([digests_of(folder) for folder in self.prompts] if asks else []),
            *([seeds.digest()] if self.uses_seeds else []),
            *parts,
        )


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
    stage: Stage, store: Store, outputs: Sequence[ShardOutput], *, n_shard_tasks: int
) -> StageOutput:
    """Compacts the shards' files, one file a table; history tables keep theirs.

    Raises `BrokenContract` when the shards wrote other tables than the stage declares.
    """
    shards: dict[str, list[TableRef]] = {}
    for output in outputs:
        for ref in output.tables:
            shards.setdefault(ref.table, []).append(ref)
    _refuse_undeclared(stage.name, {table.name for table in stage.writes}, shards.keys())
    counts = outputs[0].counts
    for output in outputs[1:]:
        counts += output.counts
    return StageOutput(
        stage=stage.name,
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
            fix=f"this is a bug of Toolloom: correct `writes` in tasks/{stage}.py",
        )


def _compacted(store: Store, table: Table[Any], refs: Sequence[TableRef]) -> tuple[TableRef, ...]:
    if table.history:
        return tuple(ref for ref in dict.fromkeys(refs) if ref.rows)
    return (store.compact(table, refs),)
