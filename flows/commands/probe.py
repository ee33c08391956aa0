"""`toolloom probe`."""

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


def probe(
    only_stale: Annotated[
        bool,
        typer.Option("--only-stale", help="Only where the verdict is old, or its failure may have passed."),
    ] = False,
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    data: Data = DEFAULT_DATA,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Call the APIs of the catalogue again, without a crawl: which still work, which are back."""
    with errors_reported(verbose):
        from flows.choose import chosen_config
        from flows.report import speaking, voice_of
        from flows.start import start_probe

        with speaking(voice_of(quiet=quiet, verbose=verbose)):
            settings = chosen_config(data, profile=profile, file=config, overrides=set_ or ())
            start_probe(settings, data.resolve(), only_stale=only_stale)
