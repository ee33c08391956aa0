"""Probe: every crawled API is really called; what does not work goes, with its reason."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prompts import digests_of
from tasks.calling.mcp import why_skipped
from tasks.calling.outcome import Outcome
from tasks.calling.request import host_of
from tasks.errors import BrokenContract, ConnectionFailed
from tasks.exact_json import digest_of
from tasks.frame.run import RunContext
from tasks.frame.running import TableRows, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Shard, Split, Stage
from tasks.identity import identity
from tasks.probing.identifiers import Answered
from tasks.probing.judge import Again, reached_nothing, stands, was_unreachable
from tasks.probing.params import ProbeParams, entries, given_to
from tasks.probing.probe import POINTLESS, Prober, ProbeReport, probe_api
from tasks.probing.siblings import Answers, levels_first, plans_of
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import APIS, LLM_CALLS, PROBES, REJECTS, VERDICTS
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Api
from warehouse.tables.probing import Verdict

VERSION = 3
ENOUGH_TO_TELL = 5

NOT_TRIED: Mapping[str, str] = {
    Outcome.BLOCKED: "its host is, or redirects to, a private address; [calling] allow_hosts names those "
    "that may be called",
    Outcome.UNSAFE_SKIPPED: "not called: [calling] methods does not allow it",
}
TO_DO: Mapping[str, str] = {
    Outcome.UNAUTHORIZED: "`[calling] keys` names the keys of hosts",
    Outcome.LOGIN_PAGE: "it shows a page to log in at; `[calling] keys` names the keys of hosts, `key_as` "
    "how they are sent",
}


def _circumstances(run: RunContext, params: ProbeParams) -> list[object]:
    """What decides a verdict besides the API, what is given for it alone, and the world."""
    asked = [run.model_identity(), digests_of("probe")] if params.model_arguments else []
    return [
        VERSION,
        identity(params, STAGE.name, shard=True),
        run.calling_identity(),
        *asked,
    ]


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
    key_of = STAGE.shard_keys(services.run, params)
    return Split(
        [
            Shard(
                key_of([apis.content_digest, params.values]),
                {"apis": apis, "before": own, "again": again},
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
) -> ShardOutput:
    todo = _work(services, params, apis, before, again)
    prober = _prober(services, params, todo)

    async def probe_one(api: Api) -> ProbeReport:
        standing = todo.standing.get(api.api_id)
        if standing is not None:
            return ProbeReport((), standing)
        conditions = todo.conditions[api.api_id]
        report = await services.calls.journal.report(api.api_id, conditions, lambda: probe_api(api, prober))
        prober.answers.settle(api.api_id, report.told)
        return report

    mapped = services.map(
        STAGE.name,
        shard,
        probe_one,
        levels_first(todo.apis, prober.plans),
        rejects=lambda report: not report.verdict.kept,
        # An API that waits for its next try, or for a sibling's answer, keeps nobody from being called.
        window=len(todo.apis),
    )
    reports = [report for _, report in mapped.done]
    _refuse_lost_network(todo.apis, [report.verdict for report in reports if report.probes], todo.before)
    verdicts = [report.verdict for report in reports]
    skipped = _skipped_tools(services.run, todo.apis)
    rejects = [_reject(verdict, skipped) for verdict in verdicts if not verdict.kept]
    counts = Counts(
        unit=STAGE.unit,
        n_in=len(todo.apis),
        n_out=len(verdicts) - len(rejects),
        n_rejected=len(rejects),
        n_pending=len(mapped.pending),
    )
    tables: TableRows = {
        PROBES: [tried for report in reports for tried in report.probes],
        VERDICTS: verdicts,
        REJECTS: rejects,
        LLM_CALLS: services.model.usage.take(STAGE.name, (api.api_id for api in todo.apis)),
    }
    return write_shard(services.store, tables, counts, mapped.stop)


def finish(services: Services, _params: ProbeParams, probed: StageOutput) -> StageOutput:
    if probed.stop is None:
        services.calls.trials.discard()
    return probed


@dataclass(frozen=True)
class _Work:
    """The APIs of a shard; by `api_id`, the values written down for them, under which conditions they are
    tried, the earlier verdicts on them, and those of these that stand.
    """

    apis: Sequence[Api]
    given: Mapping[str, Mapping[str, Sequence[Any]]]
    conditions: Mapping[str, str]
    before: Mapping[str, Verdict]
    standing: Mapping[str, Verdict]


def _work(
    services: Services, params: ProbeParams, apis: TableRef, before: tuple[TableRef, ...], again: Again
) -> _Work:
    run = services.run
    rows = services.store.read(APIS, [apis])
    shared = digest_of(_circumstances(run, params))
    written = list(entries(params.values))
    found = {api.api_id: given_to(api, written) for api in rows} if written else {}
    given = {api_id: own for api_id, own in found.items() if own}
    conditions = {
        api.api_id: digest_of(
            [api.fingerprint, shared, *([given[api.api_id]] if api.api_id in given else [])]
        )
        for api in rows
    }
    earlier = {
        verdict.api_id: verdict
        for verdict in _earlier_verdicts(services, before)
        if verdict.api_id in conditions
    }
    nothing_there = reached_nothing(verdict.reason for verdict in earlier.values())
    standing = {
        api_id: verdict
        for api_id, verdict in earlier.items()
        if not nothing_there
        and stands(verdict, conditions[api_id], now=run.started_at, max_age=params.max_age, again=again)
    }
    return _Work(rows, given, conditions, earlier, standing)


def _earlier_verdicts(services: Services, refs: tuple[TableRef, ...]) -> Sequence[Verdict]:
    """What there is of them: a file that is gone or of another version is no loss, its APIs are tried."""
    try:
        # Those of many shards are looked up by every shard; those of this one by nobody else.
        return services.rows(VERDICTS, refs) if len(refs) > 1 else services.store.read(VERDICTS, refs)
    except BrokenContract:
        return ()


def _prober(services: Services, params: ProbeParams, work: _Work) -> Prober:
    plans = plans_of(work.apis)
    sources = {source for plan in plans.values() for source in plan.sources}
    return Prober(
        caller=services.calls.probing,
        params=params,
        run_id=services.run.run_id,
        plans=plans,
        given=work.given,
        answers=Answers(
            expected=sources - work.standing.keys(),
            earlier={
                api_id: Answered(
                    json.loads(verdict.example_arguments or "{}"),
                    verdict.example_response,
                    api_id,
                    plans[api_id].operation.about,
                )
                for api_id, verdict in work.standing.items()
                if api_id in sources and verdict.example_response is not None
            },
        ),
        model=services.model.of(STAGE.name) if params.model_arguments else None,
        conditions=work.conditions,
    )


def _refuse_lost_network(
    apis: Sequence[Api], verdicts: Sequence[Verdict], before: Mapping[str, Verdict]
) -> None:
    """A network that is down must not pass for a catalogue of dead APIs.

    It may be down when none of several hosts could be reached, or one that was before; a host alone that
    never was is its own trouble.  APIs that could not be reached before, either, or that were not called,
    tell nothing.  Raises `ConnectionFailed`, so that Prefect tries the shard again and nothing is cached.
    """
    telling = [
        verdict
        for verdict in verdicts
        if verdict.reason not in POINTLESS and not was_unreachable(before.get(verdict.api_id))
    ]
    if len(telling) < ENOUGH_TO_TELL or not all(map(was_unreachable, telling)):
        return
    hosts = {api.api_id: host_of(api) for api in apis}
    named = {hosts[verdict.api_id]: verdict.detail or hosts[verdict.api_id] for verdict in reversed(telling)}
    if len(named) > 1 or any(verdict.api_id in before for verdict in telling):
        raise ConnectionFailed(
            f"none of {len(telling)} APIs could be reached at {len(named)} "
            f"{'host' if len(named) == 1 else 'hosts'} ({'; '.join(sorted(named.values())[:3])})",
            fix="check the network and `[calling] resolve`, then run the same command again",
        )


def _skipped_tools(run: RunContext, apis: Sequence[Api]) -> dict[str, str]:
    """Why tools of MCP servers are not called, by `api_id`; from the configuration alone, so that a verdict
    that is carried over has the same reason.
    """
    servers = {server.name: server for server in run.mcp_servers}
    why = {api.api_id: why_skipped(api, servers.get(host_of(api))) for api in apis if api.protocol == "mcp"}
    return {api_id: reason for api_id, reason in why.items() if reason is not None}


def _reject(verdict: Verdict, skipped: Mapping[str, str]) -> Reject:
    # Nothing that varies from run to run: the latencies are in `probes`.
    detail = skipped.get(verdict.api_id) or NOT_TRIED.get(verdict.reason) or _tried(verdict)
    return Reject(stage=STAGE.name, row_id=verdict.api_id, reason=verdict.reason, detail=detail)


def _tried(verdict: Verdict) -> str:
    tries = "1 try" if verdict.n_attempts == 1 else f"{verdict.n_attempts} tries"
    said = f"{tries}: {'it answered, but' if verdict.works else 'no usable answer,'} {verdict.reason}"
    why = verdict.detail or TO_DO.get(verdict.reason)
    return f"{said} ({why})" if why else said


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
