"""`toolloom plan`: what a refresh would ask and cost, without asking."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import (
    ConfigFile,
    Data,
    Overrides,
    Profile,
    TextFormat,
    Verbose,
    errors_reported,
)
from flows.params import DEFAULT_DATA


def plan(
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    crawl: Annotated[
        bool, typer.Option("--crawl", help="Crawl and call the APIs first, as `refresh --until probe` does.")
    ] = False,
    format_: Annotated[TextFormat, typer.Option("--format", help="How to print it.")] = TextFormat.TABLE,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Say what a refresh would ask of the model and cost, stage by stage; makes no request to it."""
    with errors_reported(verbose):
        from flows.choose import chosen_config
        from flows.plan_text import estimate_json, estimate_text, no_catalogue_text

        settings = chosen_config(data, profile=profile, file=config, overrides=set_ or ())
        folder = data.resolve()
        if crawl:
            from flows.report import speaking, voice_of
            from flows.start import start_refresh

            with speaking(voice_of(quiet=format_ is TextFormat.JSON, verbose=verbose)):
                start_refresh(settings, folder, until="probe")

        from flows.plan import last_forecast
        from flows.plan import plan as made

        estimate = made(settings, folder)
        if format_ is TextFormat.JSON:
            print("null" if estimate is None else estimate_json(estimate, last_forecast(folder)))  # noqa: T201
        elif estimate is None:
            print(no_catalogue_text(folder))  # noqa: T201
        else:
            print(estimate_text(estimate, last_forecast(folder)))  # noqa: T201
