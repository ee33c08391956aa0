"""Stages in order, inside a flow: their tasks, their accounts, their funnels in the Prefect UI."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, ParamSpec, Protocol, TypeVar

import orjson
from prefect import Flow, State
from prefect.artifacts import create_table_artifact
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel

from flows.open_run import stage_before
from flows.outcome import Outcome, StageRun
from flows.params import Config
from flows.report import announce, command
from flows.text.progress import shown
from tasks.errors import (
    BrokenContract,
    EndpointDown,
    NothingLeft,
    OverBudget,
    StopRun,
    ToolloomError,
    Transient,
)
from tasks.frame.policies import is_own_result
from tasks.frame.run import RunContext
from tasks.frame.running import WINDOW, is_cached, stage_task, stop_notice, usable
from tasks.frame.services import services_of
from tasks.frame.stage import GIVEN, Stage
from tasks.llm.params import LlmParams
from warehouse.ref import StageOutput, Stop
from warehouse.store import Store
from warehouse.tables import REJECTS

P = ParamSpec("P")
R = TypeVar("R")

SHARDS_AT_ONCE = 8
STOPS = {kind.__name__: kind for kind in (BrokenContract, EndpointDown, NothingLeft, OverBudget)}
SHOW_REJECTS = "toolloom sql @rejects"
_REASONS_TOLD = 3
STAGES = ("crawl", "probe", "compress", "sample", "propose", "select", "annotate")


def shard_runner(at_once: int = SHARDS_AT_ONCE) -> ThreadPoolTaskRunner[Any]:
    """Runs the shards of a flow; a subflow does not inherit its parent's.

    Shards wait for the one runtime's event loop; so many of them keep it busy across each other's tails,
    and few enough are under way that a crash finds most of the others finished.
    """
    return ThreadPoolTaskRunner(max_workers=at_once)


def for_batches(flow: Flow[P, R], llm: LlmParams) -> Flow[P, R]:
    """The flow as it suits `[llm] batch`: all shards wait at once, so that their requests share batches."""
    if not llm.batch:
        return flow
    return flow.with_options(task_runner=shard_runner(WINDOW))  # type: ignore[arg-type] # Prefect's own variance


class Perform(Protocol):
    """Has a stage done: runs it, or looks up what was done."""

    def __call__(
        self, stage: Stage, run: RunContext, params: BaseModel, given: Mapping[str, Any]
    ) -> StageRun: ...


class StageSequence:
    """Stages in order, each given the outputs that it declares to read; the `with` block ends early after a
    stage that stopped, or that was asked for last.

    `done` holds every stage that ran, `outputs` what they wrote, by name, and what was there before.
    """

    def __init__(
        self,
        run: RunContext,
        config: Config,
        until: str | None = None,
        *,
        outputs: Mapping[str, StageOutput] | None = None,
        perform: Perform | None = None,
    ) -> None:
        self.run = run
        self.config = config
        self.until = until
        self.done: list[StageRun] = []
        self.outputs = dict(outputs or {})
        self._perform = perform or run_stage

    @property
    def stopped(self) -> bool:
        return any(ran.stop is not None for ran in self.done)

    def __enter__(self) -> StageSequence:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        return isinstance(error, SequenceEnd)

    def stage(self, stage: Stage, params: BaseModel | None = None, **arguments: Any) -> StageOutput:
        """params: in the place of the configuration's.  arguments: what it is given besides outputs."""
        stage_run = self._performed(stage, params, arguments)
        self.done.append(stage_run)
        if stage_run.output is not None:
            self.outputs[stage.name] = stage_run.output
        if stage_run.output is None or stage_run.stop is not None or stage_run.stage == self.until:
            raise SequenceEnd
        return stage_run.output

    def again(self, stage: Stage, **arguments: Any) -> None:
        """Runs a stage of this sequence again for more; its output is then all it has done.

        What stops it does not end the block: the stages behind it see what there is.
        """
        so_far = self.outputs[stage.name]
        more = self._performed(stage, None, {"so_far": so_far, **arguments})
        at = next(at for at, ran in enumerate(self.done) if ran.stage == stage.name)
        self.done[at] = self.done[at].followed_by(more)
        self.outputs[stage.name] = more.output or so_far

    def _performed(self, stage: Stage, params: BaseModel | None, arguments: Mapping[str, Any]) -> StageRun:
        given = {GIVEN[writer]: self.outputs.get(writer) for writer in stage.reads}
        if stage.reads_before:
            given["before"] = stage_before(self.run, stage.name)
        settings = params or getattr(self.config, stage.section)
        return self._perform(stage, self.run, settings, {**given, **arguments})

    def end_as_stopped(self) -> None:
        """The last stage passes for stopped when an earlier one was: the sequence is not complete.

        Its output says so, too, to runs that come later.
        """
        stop = next((ran.stop for ran in self.done if ran.stop is not None), None)
        output = self.done[-1].output
        if output is not None:
            output = output.model_copy(update={"stop": stop})
        self.done[-1] = self.done[-1].model_copy(update={"stop": stop, "output": output})


class SequenceEnd(Exception):
    """Leaves the `with` block of a `StageSequence`."""


def run_stage(stage: Stage, run: RunContext, params: BaseModel, given: Mapping[str, Any]) -> StageRun:
    """Runs the stage's task and says what came of it; a cached output that does not stand is computed anew.

    What stopped it is part of the result, since finished work is committed: a `StopRun`, or a failure that
    might have passed and did not in all the tries it was given.  Any other error is raised.
    """
    started = time.monotonic()
    services = services_of(run)
    task, task_runs = stage_task(stage), 1
    arguments: dict[str, Any] = {"stage": stage, "run": run, "params": params, "given": given}
    with services.abandoned_when_interrupted(), shown(stage.name, services.progress(stage.name)):
        state = task(**arguments, return_state=True)
        if is_cached(state) and not usable(services.store, state.result()):
            state = task.with_options(refresh_cache=True)(**arguments, return_state=True)
            task_runs += 1
    output, stop = _output_of(state)
    if output is not None and stop is None:
        stop = _nothing_left(run, output)
    so_far = given.get("so_far")
    shards = 0 if is_cached(state) or output is None else _n_shard_tasks(output, so_far)
    stage_run = StageRun(
        stage=stage.name,
        output=output,
        stop=stop,
        cached=is_cached(state),
        seconds=time.monotonic() - started,
        n_task_runs=task_runs + shards,
    )
    publish_funnel(run, stage_run)
    if so_far is None or output != so_far:
        announce(stage_run, again=so_far is not None)
    return stage_run


def cached_stage(stage: Stage, run: RunContext, params: BaseModel, given: Mapping[str, Any]) -> StageRun:
    """What Prefect keeps of the stage's task: JSON within JSON.  Ends the sequence where that is no stage's
    output, or does not stand: a refresh would compute it anew.
    """
    path = run.data / "prefect" / "results" / stage.key(run, params, **given)
    try:
        content = path.read_bytes()
        if not is_own_result(content):
            raise SequenceEnd
        output = StageOutput.model_validate(orjson.loads(orjson.loads(content)["result"])["data"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SequenceEnd from error
    if not usable(Store(run.data), output):
        raise SequenceEnd
    return StageRun(stage=stage.name, output=output, stop=None, cached=True, seconds=0.0, n_task_runs=0)


def _n_shard_tasks(output: StageOutput, so_far: StageOutput | None) -> int:
    """The task runs that the stage's shards took; of a stage run again, those of its new shards."""
    if so_far is None or not output.n_shard_tasks:
        return output.n_shard_tasks
    return max(len(refs) - len(so_far.shards[name]) for name, refs in output.shards.items())


def _output_of(state: State[StageOutput]) -> tuple[StageOutput | None, Stop | None]:
    result = state.result(raise_on_failure=False)
    if isinstance(result, StopRun | Transient):
        return None, stop_notice(result)
    if isinstance(result, BaseException):
        raise result
    return result, result.stop


def _nothing_left(run: RunContext, output: StageOutput) -> Stop | None:
    """The end of the run when the stage let nothing through; what it refused is committed all the same."""
    counts = output.counts
    if counts.n_out or counts.n_pending or (not counts.n_in and output.stage != STAGES[0]):
        return None
    examples = services_of(run).store.select(
        output.tables.get(REJECTS.name, ()), "reason", "row_id", "detail"
    )
    by_reason: dict[str, list[str]] = {}
    for reason, row_id, detail in sorted(examples, key=str):
        by_reason.setdefault(reason, []).append(f"{row_id}: {detail}" if detail else row_id)
    message = f"{output.stage} left nothing: {counts.n_in:,} {counts.unit}s in, none out"
    most = sorted(by_reason.items(), key=lambda item: -len(item[1]))[:_REASONS_TOLD]
    message += "".join(f"\n  {reason} {len(those):,}, as {those[0]}" for reason, those in most)
    fix = f"`{SHOW_REJECTS}` shows each reason with an example" if most else "check the sources"
    return stop_notice(NothingLeft(message, fix=fix))


def publish_funnel(run: RunContext, stage_run: StageRun) -> None:
    """The stage's funnel as an artifact: in, out, pending, and rejects by reason."""
    if stage_run.output is None:
        return
    name = stage_run.stage.replace("_", "-")  # Prefect's rule for keys
    create_table_artifact(
        key=f"funnel-{name}",
        table=funnel_rows(stage_run.output, rejects_by_reason(run, stage_run.output)),
        description=f"{stage_run.stage}: what went in and what came out, in {stage_run.output.counts.unit}s",
    )


def rejects_by_reason(run: RunContext, output: StageOutput) -> dict[str, int]:
    reasons = services_of(run).store.select(output.tables.get(REJECTS.name, ()), "reason")
    return dict(Counter(reason for (reason,) in reasons).most_common())


def funnel_rows(output: StageOutput, reasons: dict[str, int]) -> list[dict[str, Any]]:
    counts = output.counts
    rows: list[dict[str, Any]] = [{"what": "in", "rows": counts.n_in}, {"what": "out", "rows": counts.n_out}]
    rows += [{"what": f"rejected: {reason}", "rows": number} for reason, number in reasons.items()]
    if counts.n_pending:
        rows.append({"what": "pending", "rows": counts.n_pending})
    return rows


def raise_stop(stage_runs: Sequence[StageRun], outcome: Outcome | None = None) -> None:
    """Raises what stopped the last stage, as the error it was, if anything did; also where a run came to its
    end and most requests of a stage were refused.

    outcome: the run that holds what was finished; views may show another.
    """
    stop = stage_runs[-1].stop
    if stop is None:
        if outcome is not None and outcome.spent.refused:
            raise ToolloomError(
                "; ".join(outcome.spent.refused),
                fix="what came of them is committed, and each is in the table `llm_calls`: "
                f"{command(outcome.data, f'sql @refused_requests --run {outcome.run_id}')}; mend the "
                "endpoint, or change what it is asked with in [llm] (tools, body, max_tokens), and run again",
            )
        return
    fix = stop.fix
    if fix is not None and outcome is not None:
        fix = fix.replace(SHOW_REJECTS, command(outcome.data, f"sql @rejects --run {outcome.run_id}"))
    raise STOPS.get(stop.kind, StopRun)(stop.message, fix=fix)
