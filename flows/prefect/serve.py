"""`toolloom serve`: a Prefect server with its UI, the refresh as a deployment, and who executes its runs."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.params import Config
from flows.prefect.deployment import FILE, STARTED_IN, Deployment
from flows.prefect.guarded_server import HOST
from flows.prefect.server import NEUTRAL, prepare_environment, served_at, server_of_its_own
from flows.prefect.supervise import PYTHON, Child
from flows.report import Voice, say, voice
from flows.reporting.served_reports import ADDRESS, served_reports
from flows.start import check_folder, check_settings
from tasks.errors import StopRun, UsageError
from warehouse.files import put
from warehouse.lock import require_free

ENTRYPOINT = "flows.refresh_dataset.refresh_dataset"
REGISTER_TIMEOUT_S = 120.0
LOOK_AGAIN_S = 1.0
READ_AS = {"PYTHONIOENCODING": "utf-8:backslashreplace"}  # what runs say, whatever our own terminal can show


def serve(config: Config, data: Path, *, port: int, name: str | None) -> None:
    """Until Ctrl-C or SIGTERM.  Raises what hinders it, or ended it.

    port: of the server, when none is configured; 0 is any free one.  name: of the deployment.
    """
    _check(config, data)
    prepare_environment(data, verbose=voice() is Voice.VERBOSE)
    deployment = Deployment(name=name or config.name, config=config, data=data)
    with (
        server_of_its_own(data, port) as (url, answers),
        served_reports(data, HOST, port and port + 1) as reports,
        _executor(deployment, reports) as (child, deployment_id),
    ):
        say(_greeting(deployment, url, deployment_id, reports))
        with suppress(KeyboardInterrupt):
            _attend(child, answers, data)
        say("stopping; a run that is under way is continued by the next one")
        child.stop()
        _mark_dead_run(data)


def _check(config: Config, data: Path) -> None:
    """Raises `UsageError` for what no run could work with."""
    url = served_at(data)
    if url is not None:
        raise UsageError(
            f"{data} is served already, at {url}",
            fix="use that one, stop it first, or name another folder with --data or TOOLLOOM_DATA",
        )
    check_folder(data)
    check_settings(config, asks_judge=config.asks_judge(None))


@contextmanager
def _executor(deployment: Deployment, reports: str) -> Iterator[tuple[Child, str]]:
    """The process that registers the deployment and executes its runs, with the deployment's id."""
    folder = deployment.data / "prefect"
    file, log = folder / "deployment.json", folder / "serve.log"
    put(file, deployment.model_dump_json(exclude_unset=True).encode())
    command = [*PYTHON, "flows.prefect.execute_runs", str(file)]
    # Runs execute this flow and what the file says, whatever anybody has told the server of the deployment;
    # Prefect starts them with -m alone, in the folder where the executor is.
    told = {ADDRESS: reports, FILE: str(file), "PREFECT__FLOW_ENTRYPOINT": ENTRYPOINT}
    told |= {STARTED_IN: str(Path.cwd()), "PYTHONSAFEPATH": "1"}
    env = {**os.environ, **told, **READ_AS}
    with Child(command, log=log, read_stdout=True, env=env, cwd=NEUTRAL) as child:
        line = child.read_line(REGISTER_TIMEOUT_S)
        answer = json.loads(line) if line is not None else {"error": child.silence}
        if "error" in answer:
            raise UsageError(
                f"the deployment {deployment.name!r} could not be registered: {answer['error']}",
                fix=f"see the end of {log}",
            )
        yield child, answer["deployment_id"]


def _greeting(deployment: Deployment, url: str, deployment_id: str, reports: str) -> str:
    schedule = deployment.config.schedule
    runs = f"{schedule.cron} ({schedule.timezone})" if schedule.cron else "none; `[schedule] cron` sets one"
    return "\n".join(
        [
            f"Prefect UI   {url}",
            f"deployment   refresh-dataset/{deployment.name}: {url}/deployments/deployment/{deployment_id}",
            f"reports      {reports}/reports/RUN.html, where the runs link to theirs",
            f"data         {deployment.data}",
            f"schedule     {runs}",
            "Start a run in the UI (Run > Quick run), or with:",
            f"  PREFECT_API_URL={url}/api prefect deployment run refresh-dataset/{deployment.name}",
            "Ctrl-C stops it all.",
        ]
    )


def _attend(child: Child, answers: Callable[[], bool], data: Path) -> None:
    """Passes on what the runs say.  Raises `StopRun` when the server or the executor is gone."""
    out = child.process.stdout
    assert out is not None, "the executor was started to be read"
    while child.running and answers():
        ready, _, _ = select.select([out], [], [], LOOK_AGAIN_S)
        if ready and (said := out.read1(65_536)):  # type: ignore[attr-defined] # a pipe is buffered
            say(said.decode(errors="replace").rstrip("\n"))
    gone = "the Prefect server" if child.running else "the process that executes the runs"
    raise StopRun(
        f"{gone} ended", fix=f"see the logs in {data / 'prefect'}, then start `toolloom serve` again"
    )


def _mark_dead_run(data: Path) -> None:
    """A run that did not get to say so itself; Prefect, which takes seconds to import, only for that."""
    if require_free(data) is not None:
        from flows.prefect.zombie_runs import mark_dead_run

        mark_dead_run(data)
