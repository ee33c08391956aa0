"""Probe: every crawled API is really called; what does not work goes, with its reason."""

from __future__ import annotations

from collections.abc import Container

from prompts import digests_of
from tasks.calling.mcp import skipped_tools
from tasks.errors import BrokenContract
from tasks.exact_json import digest_of
from tasks.frame.running import TableRows, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Shard, Split, Stage
from tasks.identity import identity
from tasks.probing.judge import Again, conditions_of, refuse_lost_network, reject_of, standing_verdicts
from tasks.probing.params import ProbeParams, given_values
from tasks.probing.probe import Prober, ProbeReport, probe_api
from tasks.probing.siblings import levels_first
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import APIS, LLM_CALLS, PROBES, REJECTS, VERDICTS
from warehouse.tables.catalogue import Api
from warehouse.tables.probing import Verdict

VERSION = 4


def split(
    services: Services,
    params: ProbeParams,
    crawled: StageOutput,
    before: StageOutput | None = None,
    again: Again = Again.OLD,
) -> Split:
    """Shards are those of the crawl, each with the files in which its earlier verdicts may be.

    before: the stage's output in the run before; verdicts of it that still stand are carried over.
    """
    shards, verdicts = crawled.shards[APIS.name], () if before is None else before.shards[VERDICTS.name]
    earlier = [(own,) for own in verdicts] if len(verdicts) == len(shards) else [verdicts] * len(shards)
    run = services.run
    key_of, asks = STAGE.shard_keys(run, params), params.model_arguments
    # What decides a verdict besides the API, what is given for it alone, and the world.
    circumstances = [VERSION, identity(params, STAGE.name, shard=True), run.calling_identity()]
    circumstances += [run.model_identity(), digests_of("probe")] if asks else []
    shared = digest_of(circumstances)
    return Split(
        [
            Shard(
                key_of([apis.content_digest, params.values]),
                {"apis": apis, "before": own, "again": again, "shared": shared},
            )
            for apis, own in zip(shards, earlier, strict=True)
        ],
        total=sum(apis.rows for apis in shards),
    )


def work(
    services: Services,
    params: ProbeParams,
    shard: int,
    apis: TableRef,
    before: tuple[TableRef, ...],
    again: Again,
    shared: str,
) -> ShardOutput:
    """before: where earlier verdicts on these APIs may be.  shared: what decides those on all APIs alike."""
    run, rows = services.run, services.store.read(APIS, [apis])
    given = given_values(rows, params.values)
    conditions = conditions_of(rows, given, shared)
    earlier = _earlier_verdicts(services, before, conditions)
    standing = standing_verdicts(earlier, conditions, now=run.started_at, max_age=params.max_age, again=again)
    prober = Prober.of(
        rows,
        standing,
        caller=services.calls.probing,
        params=params,
        run_id=run.run_id,
        given=given,
        model=services.model.of(STAGE.name) if params.model_arguments else None,
        conditions=conditions,
    )

    async def probe_one(api: Api) -> ProbeReport:
        if api.api_id in standing:
            return ProbeReport((), standing[api.api_id])
        report = await services.calls.journal.report(
            api.api_id, conditions[api.api_id], lambda: probe_api(api, prober)
        )
        prober.answers.settle(api.api_id, report.told)
        return report

    mapped = services.map(
        STAGE.name,
        shard,
        probe_one,
        levels_first(rows, prober.plans),
        rejects=lambda report: not report.verdict.kept,
        # An API that waits for its next try, or for a sibling's answer, keeps nobody from being called.
        window=len(rows),
    )
    reports = [report for _, report in mapped.done]
    refuse_lost_network(rows, [report.verdict for report in reports if report.probes], earlier)
    verdicts = [report.verdict for report in reports]
    skipped = skipped_tools(rows, run.mcp_servers)
    rejects = [reject_of(verdict, skipped) for verdict in verdicts if not verdict.kept]
    n_kept, n_pending = len(verdicts) - len(rejects), len(mapped.pending)
    counts = Counts(
        unit=STAGE.unit, n_in=len(rows), n_out=n_kept, n_rejected=len(rejects), n_pending=n_pending
    )
    tables: TableRows = {
        PROBES: [tried for report in reports for tried in report.probes],
        VERDICTS: verdicts,
        REJECTS: rejects,
        LLM_CALLS: services.model.usage.take(STAGE.name, (api.api_id for api in rows)),
    }
    return write_shard(services.store, tables, counts, mapped.stop)


def _earlier_verdicts(
    services: Services, refs: tuple[TableRef, ...], wanted: Container[str]
) -> dict[str, Verdict]:
    """What there is of them: a file that is gone or of another version is no loss, its APIs are tried."""
    try:
        # Those of many shards are looked up by every shard; those of this one by nobody else.
        found = services.rows(VERDICTS, refs) if len(refs) > 1 else services.store.read(VERDICTS, refs)
    except BrokenContract:
        return {}
    return {verdict.api_id: verdict for verdict in found if verdict.api_id in wanted}


def finish(services: Services, _params: ProbeParams, probed: StageOutput) -> StageOutput:
    if probed.stop is None:
        services.calls.trials.discard()
    return probed


STAGE = Stage(
    name="probe",
    version=VERSION,
    unit="API",
    section="probe",
    reads={"crawl": (APIS,)},
    reads_before=(VERDICTS,),
    writes=(PROBES, VERDICTS, REJECTS, LLM_CALLS),
    prompts=("probe",),
    asks_model="model_arguments",
    calls_apis=True,
    asks_world=True,
    by_shard=True,  # `compress` takes the shards of both stages together
    split=split,
    work=work,
    finish=finish,
)
