"""Opening a run: which run it continues, how old its view of the world may be, what every stage shares."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from flows.outcome import Spent
from flows.params import Config
from flows.report import say
from flows.text.progress import shown
from tasks.errors import BrokenContract
from tasks.exact_json import digest_of
from tasks.frame.model import ENDPOINT, Asked
from tasks.frame.policies import refused_results
from tasks.frame.run import RunContext
from tasks.frame.services import close_services, services_of
from tasks.frame.stage import KEYS
from tasks.llm.batching.batches import Record
from tasks.llm.budget import refuse_uncountable
from tasks.llm.detect import KnownEndpoints
from tasks.llm.params import Capabilities, LlmParams
from tasks.llm.spending import mostly_refused
from tasks.probing.judge import reached_nothing
from tasks.transport.redactor import secrets_named
from warehouse import manifest
from warehouse.manifest import Manifest, PendingRun
from warehouse.ref import StageOutput
from warehouse.store import Store
from warehouse.tables import RUNS, VERDICTS

REFRESH = "refresh"


@contextmanager
def open_run(
    config: Config,
    data: Path,
    *,
    kind: str = REFRESH,
    looks_at: Collection[str] = (),
    asks_model: bool = True,
    asks_judge: bool = False,
    replay: bool = False,
) -> Iterator[RunContext]:
    """The run: resumed when the one of its kind before it died, new otherwise.

    A refresh looks at the world again where the parent's view of it is too old; a run of any other kind
    takes the parent's view, but for the stages it `looks_at` the world for.  asks_model, asks_judge: whether
    it may ask the endpoint of `[llm]`, and the one that judges.  replay: no API is called.  Its services
    close behind it.  Raises `UsageError` for caps that could not be kept.
    """
    for name in secrets_named(config.key_variables)[1]:
        say(
            f"warning: the value of {name} is short or a common word, so it is not taken out of what servers "
            "say: should one repeat it, it will be in the data"
        )
    # The searches of a replay ask for what is not stored.
    refuse_uncountable(
        config.budget, config.asked_by_stage(asks_model=asks_model or replay, asks_judge=asks_judge)
    )
    parent = manifest.latest(data)
    if kind == REFRESH and parent is not None and parent.keys != KEYS:
        say(
            f"stages of run {parent.run_id} are looked through anew, this once: another version of Toolloom "
            "wrote it, and cached results go by other names now; stored replies and answers are used again"
        )
    if _is_stale(config, data):
        manifest.finish(data)
    pending = manifest.begin(data, _new_run(config, parent, data, kind, looks_at))
    asked = config.endpoints(asks_model=asks_model, asks_judge=asks_judge)
    run = _context(config, data, pending, parent).model_copy(
        update={
            "replay": replay,
            "llm": asked[0] if asked else config.llm,
            "judge": config.evaluate.judge if asks_judge else None,
        }
    )
    try:
        run = _with_capabilities(run, asks_model=bool(asked))
        try:
            yield run
        finally:
            _keep_context(run)
    finally:
        close_services()
        _tell_of_refused_results(data)


def _tell_of_refused_results(data: Path) -> None:
    if refused_results:
        where = data / "prefect" / "results"
        say(
            f"{len(refused_results):,} cached results in {where} were not what Toolloom writes (damaged, or "
            "of another program): none was read, and what they stood for was computed anew"
        )
        refused_results.clear()


def next_refresh(config: Config, data: Path) -> RunContext:
    """The run that a refresh would open now, which is not begun.  Asks nobody."""
    parent = manifest.latest(data)
    pending = _new_run(config, parent, data, REFRESH, ())
    if not _is_stale(config, data):
        pending = manifest.resumed(data, pending)
    known = KnownEndpoints(data)
    capabilities = known.find(config.llm) or Capabilities()
    of_judge = known.find(config.judge) or Capabilities()
    found = {"capabilities": capabilities, "judge_capabilities": of_judge}
    return _context(config, data, pending, parent).model_copy(update=found)


def _context(config: Config, data: Path, pending: PendingRun, parent: Manifest | None) -> RunContext:
    return RunContext(
        data=data,
        run_id=pending.run_id,
        started_at=pending.started_at,
        as_of=pending.as_of,
        shard_counts=_shard_counts(parent),
        calling=config.calling,
        llm=config.llm,
        budget=config.budget,
        mcp_servers=config.catalogue.mcp_servers,
        key_variables=config.key_variables,
    )


def _with_capabilities(run: RunContext, *, asks_model: bool) -> RunContext:
    """The run, with what its endpoints can do: as found before, or found out now and told in a line.

    A run that may never ask them, because all replies are stored, does not look for them.
    """
    model = services_of(run).model
    if asks_model:
        model.runtime.run(model.check_endpoints())
        _tell_of_batches(model.batches_left())
    for asked in model.asked:
        _learn_capabilities(run, asked, asks_model=asks_model)
    found = {
        "capabilities": model.writer.endpoint.capabilities,
        "judge_capabilities": model.judge.endpoint.capabilities,
    }
    return run.model_copy(update=found)


def _learn_capabilities(run: RunContext, asked: Asked, *, asks_model: bool) -> None:
    services, known = services_of(run), KnownEndpoints(run.data)
    llm, endpoint = asked.params, asked.endpoint
    capabilities = known.find(llm)
    if capabilities is None and not asks_model:
        return
    told = endpoint.client.context
    if capabilities is not None and told is not None:
        known.learn(llm, told)
        capabilities = capabilities.model_copy(update={"context": told})
    if capabilities is None:
        endpoint.capabilities = Capabilities(context=told)
        with shown(ENDPOINT, services.progress(ENDPOINT)):
            capabilities = services.model.detect_capabilities(asked)
        known.keep(llm, capabilities)
        who = "model endpoint" if llm.section == LlmParams.section else "judge"
        say(f"{who}: {llm.model} at {llm.base_url} has {capabilities.describe()}")
    endpoint.capabilities = capabilities


def _keep_context(run: RunContext) -> None:
    for asked in services_of(run).model.asked:
        learned = asked.endpoint.learned_context
        if learned is not None:
            KnownEndpoints(run.data).learn(asked.params, learned)


def _tell_of_batches(left: list[Record]) -> None:
    for where in sorted({record.where for record in left}):
        there = [len(record.entries) for record in left if record.where == where]
        batches = "1 batch" if len(there) == 1 else f"{len(there)} batches"
        say(
            f"{batches} of an earlier start, {sum(there):,} requests, not collected from {where}: with "
            "[llm] batch = true at that endpoint they are waited for, otherwise asked and paid for again"
        )


def _is_stale(config: Config, data: Path) -> bool:
    """A run that died so long ago that its view of the world is too old is not resumed."""
    crashed = manifest.crashed_run(data)
    max_age = min(config.catalogue.max_age, config.probe.max_age)
    return crashed is not None and datetime.now(UTC) - crashed.started_at > max_age


def config_digest(config: Config) -> str:
    return digest_of(config.content())


def _new_run(
    config: Config, parent: Manifest | None, data: Path, kind: str, looks_at: Collection[str]
) -> PendingRun:
    now = datetime.now(UTC)
    return PendingRun(
        run_id=now.strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z",
        kind=kind,
        started_at=now,
        config_digest=config_digest(config),
        as_of=_as_of(config, parent, data, now) if kind == REFRESH else _as_of_parent(parent, now, looks_at),
    )


def _as_of(config: Config, parent: Manifest | None, data: Path, now: datetime) -> dict[str, datetime]:
    """By stage, the parent's time while what was seen then is young enough to be carried over; else now."""
    if parent is None:
        return {"crawl": now, "probe": now}
    crawled, probed = parent.as_of.get("crawl", now), parent.as_of.get("probe", now)
    oldest = _oldest_verdict(parent, data, probed)
    return {
        "crawl": crawled if now - crawled <= config.catalogue.max_age else now,
        "probe": probed if oldest is not None and now - oldest <= config.probe.max_age else now,
    }


def _oldest_verdict(parent: Manifest, data: Path, probed: datetime) -> datetime | None:
    """Verdicts are carried over one by one, so that the oldest may be older than the last probing.

    Where there are none, or their file is gone, they are not carried over, either: `probed`.  None when
    nothing at all was reached: they do not stand.
    """
    try:
        verdicts = list(Store(data).select(parent.tables.get(VERDICTS.name, ()), "probed_at", "reason"))
    except BrokenContract:
        return probed
    if reached_nothing(reason for _, reason in verdicts):
        return None
    return min((moment for moment, _ in verdicts), default=probed)


def _as_of_parent(parent: Manifest | None, now: datetime, looks_at: Collection[str]) -> dict[str, datetime]:
    seen = {} if parent is None else parent.as_of
    return {"crawl": now, "probe": now, **seen, **dict.fromkeys(looks_at, now)}


def spent_in(run: RunContext, run_id: str) -> Spent:
    """What a run, committed just now, asked of the model endpoint."""
    refs = manifest.load(run.data, run_id).tables[RUNS.name]
    (row,) = (row for row in services_of(run).store.read(RUNS, refs) if row.run_id == run_id)
    return Spent(
        requests=row.n_requests,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        cost_usd=row.cost_usd,
        refused=mostly_refused(services_of(run).model.spending.calls()),
    )


def stage_before(run: RunContext, stage: str) -> StageOutput | None:
    """What the stage wrote that the last committed run stands on; of a selection, the last of all candidates.

    What a run chose that stopped on the way, of the candidates there were, binds no later one: the finished
    run is the same as if it had never stopped.
    """
    at = manifest.latest(run.data)
    if stage != "select":
        return None if at is None else at.stages.get(stage)
    while at is not None:
        selected = at.stages.get(stage)
        if selected is not None and selected.stop is None and not selected.counts.n_pending:
            return selected
        has_parent = at.parent is not None and manifest.exists(run.data, at.parent)
        at = manifest.load(run.data, at.parent) if at.parent is not None and has_parent else None
    return None


def _shard_counts(parent: Manifest | None) -> dict[str, int]:
    if parent is None:
        return {}
    return {stage: output.n_shard_tasks for stage, output in parent.stages.items() if output.n_shard_tasks}
