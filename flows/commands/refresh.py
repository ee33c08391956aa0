"""`toolloom refresh`."""

from __future__ import annotations

from enum import StrEnum
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


class Stage(StrEnum):
    """The stages of a refresh, in order."""

    CRAWL = "crawl"
    PROBE = "probe"
    COMPRESS = "compress"
    SAMPLE = "sample"
    PROPOSE = "propose"
    SELECT = "select"
    ANNOTATE = "annotate"


def refresh(
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    data: Data = DEFAULT_DATA,
    until: Annotated[Stage | None, typer.Option(help="Stop after this stage.")] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Bring the data set up to date: crawl, probe, compress, sample, propose, select, annotate, commit."""
    with errors_reported(verbose):
        from flows.choose import chosen_config
        from flows.report import speaking, voice_of
        from flows.start import start_refresh

        with speaking(voice_of(quiet=quiet, verbose=verbose)):
            settings = chosen_config(data, profile=profile, file=config, overrides=set_ or ())
            start_refresh(settings, data.resolve(), until=until and until.value)
