"""Starting a refresh from the command line: a Prefect server, the flow, every record kept."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from flows.outcome import Refreshed
from flows.params import Config
from flows.prefect_server import (
    OwnServer,
    own_server_unless_configured,
    prepare_environment,
    wait_for_records,
)
from flows.report import say
from flows.world import open_world
from tasks.calling.credentials import Credentials
from tasks.llm.budget import Ledger
from tasks.llm.endpoint import Endpoint
from tasks.transport.runtime import Runtime
from warehouse.lock import folder_lock


def start_refresh(config: Config, data: Path, *, until: str | None, verbose: bool) -> None:
    """Runs the refresh to its end and prints what came of it.  Raises what stopped it."""
    with folder_lock(data, "starting"):
        pass  # the flow takes it for good; a folder that is busy or not writable should say so at once
    _check_settings(config)
    prepare_environment(data, verbose=verbose)
    server = own_server_unless_configured(data)
    # What takes seconds goes on while the server starts: the sandbox, the endpoint's check, the imports.
    with open_world(config, data) as reachable:
        _check_endpoint(reachable)
        from flows.refresh_dataset import refresh_dataset

        if server is not None:
            say("starting a Prefect server for the time of the run (PREFECT_API_URL is not set) ...")
            server.wait()
            say(f"Prefect UI: {server.url}")
        state = refresh_dataset(reachable, data, until, return_state=True)
    result: Refreshed | BaseException = state.result(raise_on_failure=False)
    if server is not None:
        _keep_records(server, state.state_details.flow_run_id, result)
    if isinstance(result, BaseException):
        raise result


def _check_settings(config: Config) -> None:
    """Raises `UsageError` for caps that could not be kept and keys that are not there."""
    Ledger(config.budget, config.llm)
    Credentials.from_environment(config.calling.key_names)


def _check_endpoint(config: Config) -> None:
    """Finds a wrong address, key or model before anything is started."""

    async def check() -> None:
        async with Endpoint(config.llm) as endpoint:
            await endpoint.check()

    with Runtime() as runtime:
        runtime.run(check())


def _keep_records(server: OwnServer, flow_run_id: UUID | None, result: Refreshed | BaseException) -> None:
    """Waits until our server has recorded every task run, since stopping it would lose the rest."""
    if flow_run_id is None:
        return
    expected = result.n_task_runs if isinstance(result, Refreshed) else None
    missing = wait_for_records(f"{server.url}/api", flow_run_id, expected)
    if missing:
        say(f"warning: the Prefect server has not recorded {missing} task runs yet; the data is not affected")
