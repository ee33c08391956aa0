"""The frame of a run: everything about it but the order of its stages.

    with run_in(data, config, kind) as run:
        ...                         the stages, with `run.context` and the configuration `run.config`
        return run.commit(...)

Before the block: the folder's lock, the sandbox, what killed runs left, the run to stand on, services.
Behind it: the summary, artifacts, events, the report, exports, and the error that stopped the run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from prefect.runtime import deployment

from flows.estimates import Forecast, keep, taken
from flows.open_run import REFRESH, config_digest, open_run, spent_in
from flows.outcome import Outcome, Spent, StageRun
from flows.params import Config
from flows.prefect.artifacts import publish
from flows.prefect.deployment import STARTED_IN, check_parameters
from flows.prefect.zombie_runs import sole_run
from flows.report import say, summary
from flows.sandbox_process import open_sandbox
from flows.stages import raise_stop
from flows.text.exports import exported_line
from flows.text.plan import estimate_line
from tasks.commit import Status, commit
from tasks.errors import NothingLeft
from tasks.export import export
from tasks.exporting.export import EXPORTS
from tasks.exporting.params import RefreshExports
from tasks.frame.run import RunContext
from tasks.frame.running import is_cached
from tasks.frame.services import services_of
from tasks.planning.estimate import Estimate
from warehouse import manifest
from warehouse.connect import lost_files
from warehouse.files import remove_leftovers
from warehouse.manifest import Manifest
from warehouse.ref import StageOutput
from warehouse.seen import Seen
from warehouse.store import Store

Came = TypeVar("Came", bound=Outcome)


@dataclass(kw_only=True)
class OpenRun:
    """A run under way.  config: with the sandbox's addresses; base: the run it stands on, if there is one."""

    kind: str
    config: Config
    digest: str
    context: RunContext
    base: Manifest | None
    begun: float
    expected: Estimate | None = None
    outcome: Outcome | None = None

    @property
    def store(self) -> Store:
        return services_of(self.context).store

    def expect(self, estimate: Estimate | None) -> None:
        """Tells an estimate, and keeps it beside what the run will have taken; None: there is none yet."""
        if estimate is not None:
            say(estimate_line(estimate))
            self.expected = estimate

    def commit(
        self,
        came_to: type[Came],
        stage_runs: Sequence[StageRun],
        outputs: Mapping[str, StageOutput],
        status: Status,
        *,
        parent: str | None,
        stands: str | None = None,
        **details: Any,
    ) -> Came:
        """Commits what the stages wrote, also when the last had to stop, and gives what the run came to.

        stands: the run that holds all this already, so that nothing is committed.  Raises what stopped the
        run when no stage has anything to commit.
        """
        if all(ran.output is None for ran in stage_runs):
            raise_stop(stage_runs)
        run_id, unchanged, n_commits = (
            (stands, True, 0) if stands else self._committed(outputs, status, parent)
        )
        manifest.finish(self.context.data)
        outcome = came_to(
            run_id=run_id,
            status=status,
            unchanged=unchanged,
            data=self.context.data,
            stages=tuple(stage_runs),
            spent=Spent() if unchanged else spent_in(self.context, run_id),
            seconds=time.monotonic() - self.begun,
            n_commits=n_commits,
            **details,
        )
        if self.expected is not None and not unchanged:
            took = taken(self.context, stage_runs)
            keep(outcome.data, Forecast(run_id=run_id, expected=self.expected, took=took))
        self.outcome = outcome
        return outcome

    def _committed(
        self, outputs: Mapping[str, StageOutput], status: Status, parent: str | None
    ) -> tuple[str, bool, int]:
        """The run that holds the outputs, whether it was there before, and the task runs it took.

        A commit that was cached, and whose run is not there any more, is made again.
        """
        arguments: dict[str, Any] = {
            "run": self.context,
            "status": status,
            "config_digest": self.digest,
            "outputs": dict(outputs),
            "parent": parent,
            "kind": self.kind,
        }
        state, n_task_runs = commit(**arguments, return_state=True), 1
        if is_cached(state) and not manifest.exists(self.context.data, state.result()):
            state, n_task_runs = commit.with_options(refresh_cache=True)(**arguments, return_state=True), 2
        return state.result(), is_cached(state), n_task_runs


@contextmanager
def run_in(
    data: Path,
    config: Config,
    kind: str,
    *,
    variant: str = "",
    base: Callable[[Path], Manifest | None] = manifest.latest,
    looks_at: Collection[str] = (),
    asks_model: bool = True,
    asks_judge: bool = False,
    replay: bool = False,
) -> Iterator[OpenRun]:
    """A run of the data folder, for as long as the block lasts; a run that died is gone on with.

    variant: what else two runs of a kind must have in common for one to go on with the other.  base: looks
    up the run to stand on, with the folder's lock held; may raise `UsageError`.  looks_at, asks_model,
    asks_judge, replay: as `open_run` has them.  A run of a deployment executes what the deployment's file
    says, whatever its parameters say (`flows.prefect.deployment`).  Raises the `StopRun` that stopped the
    run, once what was finished is committed and told.
    """
    begun = time.monotonic()
    if deployment.id is not None:
        os.chdir(os.environ.get(STARTED_IN, "."))
        check_parameters(config, data)
    with sole_run(data, config.command(kind)), open_sandbox(config, data) as reachable:
        remove_leftovers(data)
        stands_on = base(data)
        _tell_of_lost_files(data, stands_on)
        with open_run(
            reachable,
            data,
            kind=f"{kind} {variant}".strip(),
            looks_at=looks_at,
            asks_model=asks_model,
            asks_judge=asks_judge,
            replay=replay,
        ) as context:
            run = OpenRun(
                kind=kind,
                config=reachable,
                digest=config_digest(config),
                context=context,
                base=stands_on,
                begun=begun,
            )
            yield run
        assert run.outcome is not None, "a run that was not stopped was committed"
        say(summary(run.outcome))
        publish(config, kind, run.outcome)
        if kind == REFRESH and run.outcome.status == "complete":
            _export(data, run.outcome.run_id, config.export)
    raise_stop(run.outcome.stages, run.outcome)


def _export(data: Path, run_id: str, wanted: RefreshExports) -> None:
    """What a refresh exports.  Its run is committed: a format for which it has nothing is no failure."""
    for format_ in wanted.formats:
        try:
            said = exported_line(export(data, run_id, format_, wanted.params))
        except NothingLeft as nothing:
            said = f"nothing is exported as {format_}: {nothing.message}\n  fix: {nothing.fix}"
            if (data / EXPORTS / format_).exists():
                said += f"\n  {data / EXPORTS / format_} is of an earlier run"
        say(said)


def _tell_of_lost_files(data: Path, base: Manifest | None) -> None:
    lost = {} if base is None else lost_files(data, base, seen=Seen(data))
    if base is not None and lost:
        tables = ", ".join(sorted({ref.table for ref in lost}))
        say(
            f"gone, damaged or of others: {len(lost):,} of the files of run {base.run_id} ({tables}); a "
            "refresh makes anew what its stages write, rows of earlier runs that only they held are lost"
        )
