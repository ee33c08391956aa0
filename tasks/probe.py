"""Probe: every crawled API is really called; what does not work goes, with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import task

from tasks.calling.outcome import Outcome
from tasks.errors import ConnectionFailed
from tasks.policies import shard_options, stage_key, stage_options
from tasks.probing.params import ProbeParams
from tasks.probing.probe import ProbeReport, probe_api
from tasks.run import RunContext
from tasks.services import services_of
from tasks.stage import TableRows, finish_stage, run_shards, write_shard
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import APIS, PROBES, REJECTS, VERDICTS
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Api
from warehouse.tables.probing import Verdict

STAGE = "probe"
VERSION = 1
UNIT = "API"
UNREACHABLE = frozenset({Outcome.CONNECTION_ERROR, Outcome.TIMEOUT})
ENOUGH_TO_TELL = 5


def _key(run: RunContext, params: ProbeParams, *parts: object) -> str:
    return stage_key(
        STAGE,
        VERSION,
        run.as_of[STAGE].isoformat(),
        params.model_dump(mode="json", exclude={"max_age"}),
        run.calling_identity(),
        *parts,
    )


def _stage_key(run: RunContext, params: ProbeParams, crawled: StageOutput) -> str:
    # Shard by shard: `compress` takes the shards of both stages together.
    return _key(run, params, "stage", [ref.content_digest for ref in crawled.shards[APIS.name]])


def _shard_key(run: RunContext, params: ProbeParams, apis: TableRef, shard: int) -> str:  # noqa: ARG001
    return _key(run, params, "shard", apis.content_digest)


@task(name=STAGE, task_run_name=STAGE, tags=[STAGE], **stage_options(_stage_key))
def probe(run: RunContext, params: ProbeParams, crawled: StageOutput) -> StageOutput:
    store = services_of(run).store
    shards = [
        {"run": run, "params": params, "apis": apis, "shard": shard}
        for shard, apis in enumerate(crawled.shards[APIS.name])
    ]
    outputs = run_shards(probe_shard, store, shards)
    return finish_stage(STAGE, store, outputs, n_shard_tasks=len(outputs))


@task(name="probe shard", task_run_name="probe {shard}", tags=[STAGE], **shard_options(_shard_key))
def probe_shard(run: RunContext, params: ProbeParams, apis: TableRef, shard: int) -> ShardOutput:  # noqa: ARG001
    services = services_of(run)
    rows = services.store.read(APIS, [apis])

    async def probe_one(api: Api) -> ProbeReport:
        return await probe_api(api, services.probing, params, run_id=run.run_id, now=run.as_of[STAGE])

    mapped = services.runtime.map(probe_one, rows)
    reports = [report for _, report in mapped.done]
    verdicts = [report.verdict for report in reports]
    rejects = [_reject(verdict) for verdict in verdicts if not verdict.kept]
    _refuse_lost_network(verdicts)
    counts = Counts(
        unit=UNIT,
        n_in=len(rows),
        n_out=len(verdicts) - len(rejects),
        n_rejected=len(rejects),
        n_pending=len(mapped.pending),
    )
    probes = [tried for report in reports for tried in report.probes]
    tables: TableRows = {PROBES: probes, VERDICTS: verdicts, REJECTS: rejects}
    return write_shard(services.store, tables, counts, mapped.stop)


def _refuse_lost_network(verdicts: Sequence[Verdict]) -> None:
    """A network that is down must not pass for a catalogue of dead APIs.

    Raises `ConnectionFailed`, so that Prefect tries the shard again and nothing is cached.
    """
    unreachable = [verdict for verdict in verdicts if verdict.reason in UNREACHABLE]
    if len(verdicts) >= ENOUGH_TO_TELL and len(unreachable) == len(verdicts):
        raise ConnectionFailed(
            f"none of {len(verdicts)} APIs could be reached, {verdicts[0].api_id} among them",
            fix="check the network and `[calling] resolve`, then run the same command again",
        )


def _reject(verdict: Verdict) -> Reject:
    # Nothing that varies from run to run: the latencies are in `probes`.
    detail = f"{verdict.n_attempts} tries: " + ("it answered, but" if verdict.works else "no usable answer,")
    return Reject(
        stage=STAGE, row_id=verdict.api_id, reason=verdict.reason, detail=f"{detail} {verdict.reason}"
    )
