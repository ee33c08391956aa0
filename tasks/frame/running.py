"""Running a stage: the one pair of Prefect's tasks that every stage is run by, and from shards to a finished
one: submission, verification, compaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any, TypeAlias

from prefect import State, Task, task
from prefect.futures import PrefectFuture, as_completed
from pydantic import BaseModel

from tasks.errors import BrokenContract, StopRun, Transient
from tasks.frame.policies import shard_options, stage_options
from tasks.frame.progress import Progress
from tasks.frame.run import RunContext
from tasks.frame.services import Services, services_of
from tasks.frame.stage import Shard, Stage
from warehouse.ref import Counts, ShardOutput, StageOutput, Stop, TableRef
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import REJECTS, TABLES

# Prefect's server drops records beyond 10,000 undrained messages, about three a task run.
WINDOW = 500

TableRows: TypeAlias = Mapping[Table[Any], Sequence[Any]]


def _stage_key(stage: Stage, run: RunContext, params: BaseModel, given: Mapping[str, Any]) -> str:
    return stage.key(run, params, **given)


def _shard_key(shard: Shard, **_: object) -> str:
    return shard.key


@task(task_run_name="{stage.name}", **stage_options(_stage_key))
def run_whole(stage: Stage, run: RunContext, params: BaseModel, given: Mapping[str, Any]) -> StageOutput:
    """Divides what the stage has to do, has it done, and merges what came of it.  given: outputs it reads,
    and further arguments, by name.
    """
    services = services_of(run)
    store: Store = services.store
    so_far: StageOutput | None = given.get("so_far")
    n_shard_tasks = 0
    if stage.whole is not None:
        outputs = list(stage.whole(services, params, **given))
    else:
        assert stage.split is not None, f"{stage.name} declares what it does"
        split = stage.split(services, params, **given)
        progress = services.progress(stage.name)
        progress.expect(split.total, split.unit or stage.unit)
        outputs = run_shards(stage, services, params, split.shards, progress)
        n_shard_tasks = len(outputs)
        if split.rejects:
            rejected = len(split.rejects)
            counts = Counts(unit=stage.unit, n_in=rejected, n_out=0, n_rejected=rejected)
            rows = {**dict.fromkeys(stage.writes, ()), REJECTS: split.rejects}
            outputs.append(write_shard(store, rows, counts))
    if so_far is not None and not outputs:
        return so_far  # there was nothing to add
    finished = finish_stage(stage, store, outputs, n_shard_tasks=n_shard_tasks)
    if stage.finish is not None:
        finished = stage.finish(services, params, finished)
    return added(store, so_far, finished) if so_far is not None and stage.adds else finished


@task(task_run_name="{stage.name} shard {number} of {of}", **shard_options(_shard_key))
def run_shard(
    stage: Stage,
    run: RunContext,
    params: BaseModel,
    shard: Shard,
    number: int,
    of: int,  # noqa: ARG001 - the name of the task run
) -> ShardOutput:
    assert stage.work is not None, f"{stage.name} declares how a shard of it is worked on"
    return stage.work(services_of(run), params, number, **shard.inputs)


def stage_task(stage: Stage) -> Task[..., StageOutput]:
    """The task under which Prefect shows the stage."""
    return run_whole.with_options(name=stage.name, tags=[stage.name])


def run_shards(
    stage: Stage, services: Services, params: BaseModel, shards: Sequence[Shard], progress: Progress
) -> list[ShardOutput]:
    """The outputs of the shards, in their order.

    A cached output whose files are gone or damaged, or that was stopped before its end, is computed anew.
    """
    task = run_shard.with_options(name=f"{stage.name} shard", tags=[stage.name])
    arguments = [
        {
            "stage": stage,
            "run": services.run,
            "params": params,
            "shard": shard,
            "number": at,
            "of": len(shards),
        }
        for at, shard in enumerate(shards, 1)
    ]
    outputs: list[ShardOutput] = []
    for start in range(0, len(arguments), WINDOW):
        window = arguments[start : start + WINDOW]
        found = _run(task, services.store, window, progress)
        stale = [each for each, output in zip(window, found, strict=True) if output is None]
        anew = iter(_run(task.with_options(refresh_cache=True), services.store, stale, progress))
        outputs.extend(output for each in found if (output := each or next(anew)) is not None)
    return outputs


def _run(
    task: Task[..., ShardOutput], store: Store, arguments: Sequence[Mapping[str, Any]], progress: Progress
) -> list[ShardOutput | None]:
    """The outputs in order; None for a cached one that does not stand."""
    futures: list[PrefectFuture[ShardOutput]] = [task.submit(**each) for each in arguments]
    arguments_of = dict(zip(futures, arguments, strict=True))
    stale = set()
    for future in as_completed(futures):  # one shard's failure must not abandon what the others finish
        future.wait()
        if not future.state.is_completed():
            continue
        output, carried = future.state.result(), is_cached(future.state)
        if carried and not usable(store, output):
            stale.add(future)
            continue
        shard, counts = arguments_of[future]["shard"], output.counts
        size = counts.n_in - counts.n_pending if shard.size is None else shard.size
        progress.settle(arguments_of[future]["number"], size, counts.n_rejected, carried=carried)
    return [None if future in stale else future.result() for future in futures]


def write_shard(store: Store, rows: TableRows, counts: Counts, stop: StopRun | None = None) -> ShardOutput:
    """One file per table, empty ones too, so that the n-th file of a table is the n-th shard's."""
    refs = tuple(store.write_shard(table, table_rows) for table, table_rows in rows.items())
    return ShardOutput(tables=refs, counts=counts, stop=None if stop is None else stop_notice(stop))


def stop_notice(stop: StopRun | Transient) -> Stop:
    fix = stop.fix or "run the same command again: what is finished is kept"
    return Stop(kind=type(stop).__name__, message=stop.message, fix=fix)


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
