"""Commit: one manifest over what the stages wrote, checked before it exists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from prefect import task

from tasks.errors import BrokenContract
from tasks.frame.model import ENDPOINT
from tasks.frame.policies import stage_options
from tasks.frame.run import RunContext
from tasks.frame.services import services_of
from tasks.frame.stage import KEYS, Stage, stage_key
from tasks.keep_searches import SEARCHED, keep_searches, keep_votes
from warehouse import manifest
from warehouse.checking import Violation, run_checks
from warehouse.connect import build_database, lost_files
from warehouse.manifest import Manifest
from warehouse.ref import StageOutput, TableRef
from warehouse.seen import Seen
from warehouse.tables import LLM_CALLS, RUNS, TABLES
from warehouse.tables.accounts import LlmCall, Run, StageCounts

VERSION = 1
STAGE = Stage(
    name="commit",
    version=VERSION,
    unit="run",
    reads=dict.fromkeys(
        ("probe", "compress", "propose", "select", "annotate", "evaluate", "prefer", "embed", "rank"),
        (LLM_CALLS,),
    ),
    writes=(LLM_CALLS, RUNS),
)
VIOLATIONS_SHOWN = 5
REFRESH = "refresh"
ANNOTATE = "annotate"
EVALUATE = "evaluate"
IMPORT = "import"
EMBED = "embed"
RANK = "rank"
TRAIN = "train"

Status = Literal["complete", "partial"]


def _key(
    run: RunContext,  # noqa: ARG001
    status: Status,
    config_digest: str,
    outputs: Mapping[str, StageOutput],
    parent: str | None,
    kind: str = REFRESH,
) -> str:
    dumped = {stage: output.model_dump(mode="json") for stage, output in outputs.items()}
    return stage_key(STAGE.name, VERSION, kind, status, config_digest, dumped, parent)


@task(name=STAGE.name, task_run_name=STAGE.name, tags=[STAGE.name], **stage_options(_key))
def commit(
    run: RunContext,
    status: Status,
    config_digest: str,
    outputs: dict[str, StageOutput],
    parent: str | None,
    kind: str = REFRESH,
) -> str:
    """The id of the committed run.  Raises `BrokenContract` when a check finds rows that must not be."""
    before = None if parent is None else without_lost(run.data, manifest.load(run.data, parent))
    stages = {**_kept(run, kind, before, outputs), **outputs}
    services = services_of(run)
    if kind not in (EVALUATE, RANK, TRAIN) and before is not None:
        kept = keep_votes(services.store, before.stages, stages)
        stages |= {stage: output for stage, output in kept.items() if stage not in outputs}
    asked = services.model.usage.take_all(ENDPOINT)
    run_row = _run_row(run, kind, status, config_digest, outputs)
    own = [services.store.write_shard(RUNS, [run_row])]
    own += [services.store.write_shard(LLM_CALLS, asked)] if asked else []
    snapshot = Manifest(
        run_id=run.run_id,
        kind=kind,
        keys=KEYS if kind == REFRESH or before is None else before.keys,
        status=status,
        parent=parent,
        started_at=run_row.started_at,
        finished_at=run_row.finished_at,
        config_digest=config_digest,
        as_of=run.as_of,
        stages=stages,
        tables=_tables(before, stages, own),
    )
    _refuse_violations(run_checks(run.data, snapshot))
    manifest.commit(run.data, snapshot)
    build_database(run.data, manifest.newest(run.data))
    return run.run_id


def without_lost(data: Path, before: Manifest) -> Manifest:
    """The run before without what is lost of it: nothing can go on from files that are not there."""
    lost = lost_files(data, before, seen=Seen(data)).keys()
    if not lost:
        return before
    stages = {
        stage: output
        for stage, output in before.stages.items()
        if not lost & {ref for refs in output.tables.values() for ref in refs}
    }
    tables = {name: tuple(ref for ref in refs if ref not in lost) for name, refs in before.tables.items()}
    return before.model_copy(update={"stages": stages, "tables": tables})


def _kept(
    run: RunContext, kind: str, before: Manifest | None, outputs: Mapping[str, StageOutput]
) -> Mapping[str, StageOutput]:
    if before is None:
        return {}
    if kind != REFRESH:
        return before.stages
    return keep_searches(services_of(run).store, before.stages, outputs)


def parent_of(latest: Manifest | None, status: Status, outputs: Mapping[str, StageOutput]) -> str | None:
    """The run that a commit of these outputs follows.

    When the latest run has the very same outputs, it is that run's own parent: the commit is then the
    one already made, and its key says so.
    """
    if latest is None:
        return None
    same = (latest.kind, latest.status) == (REFRESH, status) and latest.stages == dict(outputs)
    return latest.parent if same else latest.run_id


def refreshed_below(data: Path, latest: Manifest, config_digest: str) -> bool:
    """Whether the snapshot is a complete refresh of this configuration, and what came since beside."""
    at = latest
    while at.kind in (ANNOTATE, EVALUATE, IMPORT, RANK, TRAIN) and at.parent is not None:
        at = manifest.load(data, at.parent)
    has_more = at is not latest or SEARCHED in latest.stages
    return has_more and (at.kind, at.status, at.config_digest) == (REFRESH, "complete", config_digest)


def _tables(
    before: Manifest | None, stages: Mapping[str, StageOutput], own: Sequence[TableRef]
) -> dict[str, tuple[TableRef, ...]]:
    """Every table's files: what the stages wrote, a stage not reached as the parent has it.

    History tables go on from the parent's.
    """
    tables = {}
    for name, table in TABLES.items():
        written = [ref for output in stages.values() for ref in output.tables.get(name, ())]
        earlier = before.tables.get(name, ()) if before is not None and table.history else ()
        added = [ref for ref in own if ref.table == name]
        tables[name] = tuple(dict.fromkeys((*earlier, *written, *added)))
    return tables


def _run_row(
    run: RunContext,
    kind: str,
    status: Status,
    config_digest: str,
    outputs: Mapping[str, StageOutput],
) -> Run:
    paid = _sum(_paid_calls(run, outputs))
    return Run(
        run_id=run.run_id,
        kind=kind,
        as_of=min(run.as_of.values()),
        started_at=run.started_at,
        finished_at=datetime.now(UTC),
        status=status,
        config_digest=config_digest,
        counts=tuple(
            StageCounts(stage=output.stage, **output.counts.model_dump()) for output in outputs.values()
        ),
        n_requests=paid.n_requests,
        tokens_in=paid.tokens_in,
        tokens_out=paid.tokens_out,
        cost_usd=paid.cost_usd,
    )


@dataclass(frozen=True, slots=True)
class _Paid:
    """What requests cost together; cost_usd: None where that of one is not known."""

    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    n_requests: int = 1

    def __add__(self, other: _Paid) -> _Paid:
        known = self.cost_usd is not None and other.cost_usd is not None
        return _Paid(
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            (self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None,
            self.n_requests + other.n_requests,
        )


def _paid(call: LlmCall) -> _Paid:
    return _Paid(call.tokens_in, call.tokens_out, call.cost_usd)


def _sum(paid: Iterable[_Paid]) -> _Paid:
    total = _Paid(0, 0, 0.0, 0)
    for call in paid:
        total += call
    return total


def _paid_calls(run: RunContext, outputs: Mapping[str, StageOutput]) -> Iterable[_Paid]:
    """The requests that this run made itself, also those whose replies were lost in a crash.

    Cached shards hold requests of earlier runs, too.
    """
    services = services_of(run)
    logged = set(services.model.spending.calls())
    yield from map(_paid, logged)
    for output in outputs.values():
        for ref in output.tables.get(LLM_CALLS.name, ()):
            for call in services.store.read(LLM_CALLS, [ref]):  # a file at a time: there are many rows
                if call.run_id == run.run_id and not call.from_store and call not in logged:
                    yield _paid(call)


def _refuse_violations(violations: Iterable[Violation]) -> None:
    found = list(violations)
    if found:
        shown = "\n".join(f"  {violation}" for violation in found[:VIOLATIONS_SHOWN])
        raise BrokenContract(
            f"{len(found)} laws of the warehouse do not hold, so nothing was committed:\n{shown}",
            fix="this is a bug of Toolloom: please report it with the lines above; finished work is kept",
        )
