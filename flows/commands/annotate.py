"""`toolloom annotate`: search instructions by another method, or those of query files."""

from __future__ import annotations

from pathlib import Path
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


def annotate(
    queries: Annotated[
        Path | None,
        typer.Option(help="ToolBench's queries (a JSON file or a folder); none: the instructions there are."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(help="dfsdt, dfs_ranked, react, react@N or react@budget; none: as configured."),
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Call no API: answers are those that were recorded.")
    ] = False,
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    data: Data = DEFAULT_DATA,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Search solution paths beside those of the refresh: other methods, queries of files."""
    with errors_reported(verbose):
        from flows.choose import chosen_config
        from flows.report import speaking, voice_of
        from flows.start import start_annotate

        with speaking(voice_of(quiet=quiet, verbose=verbose)):
            overrides = [*(set_ or ()), *([] if method is None else [f"annotate.method={method}"])]
            found = None if queries is None else queries.expanduser().resolve()
            settings = chosen_config(
                data,
                profile=profile,
                file=config,
                overrides=overrides,
                queries=found,
                searches_only=True,
            )
            start_annotate(settings, data.resolve(), queries=found, replay=replay)
