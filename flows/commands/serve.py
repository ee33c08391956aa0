"""`toolloom serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import (
    ConfigFile,
    Data,
    Overrides,
    Profile,
    Quiet,
    Verbose,
    errors_reported,
)
from flows.params import DEFAULT_DATA

PREFECT_PORT = 4200


def serve(
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    cron: Annotated[
        str | None, typer.Option(help="When to refresh, instead of the configuration's `schedule.cron`.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the Prefect server; 0: any free one.")
    ] = PREFECT_PORT,
    name: Annotated[
        str | None,
        typer.Option(help="Of the deployment; `name` of the configuration if not given."),
    ] = None,
    data: Data = DEFAULT_DATA,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Refresh on a schedule: a Prefect server with its UI (or the one in PREFECT_API_URL) and the runs."""
    with errors_reported(verbose):
        from flows.choose import chosen_config
        from flows.report import speaking, voice_of
        from flows.serve import serve as serve_until_stopped

        overrides = [*(set_ or ()), *([f"schedule.cron={cron}"] if cron is not None else [])]
        with speaking(voice_of(quiet=quiet, verbose=verbose)):
            settings = chosen_config(data, profile=profile, file=config, overrides=overrides)
            serve_until_stopped(settings, data.resolve(), port=port, name=name)
