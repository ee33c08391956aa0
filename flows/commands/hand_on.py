"""Commands between a data set and other tools: export, import."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows import DEFAULT_DATA
from flows.commands.options import (
    ConfigFile,
    Data,
    Earlier,
    Overrides,
    Profile,
    Quiet,
    Verbose,
    command,
)


class Besides(StrEnum):
    """What a step was asked with besides: kept or dropped.  As `tasks.exporting.params` has it."""

    DROP = "drop"
    KEEP = "keep"


def export(
    format_: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT",
            help="toolbench, toolllama, openai, trl, llamafactory, rl, hf, tooleval, beir "
            "(see docs/exports.md).",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder to write; an earlier export is replaced.", show_default="<data>/exports/FORMAT"
        ),
    ] = None,
    run: Earlier = None,
    method: Annotated[
        str | None, typer.Option(help="Only searches by this method, as in dfsdt; none: all.")
    ] = None,
    give_ups: Annotated[
        bool,
        typer.Option(
            "--give-ups",
            help="Also searches that gave up, labelled; toolbench and tooleval have them.",
        ),
    ] = False,
    passed: Annotated[
        bool,
        typer.Option("--passed", help="Of the answers, only those that passed; see `toolloom evaluate`."),
    ] = False,
    diversity: Annotated[
        Besides,
        typer.Option(
            help="keep: rows of one step have the message that asked it to differ from earlier ones."
        ),
    ] = Besides.DROP,
    held_out: Annotated[
        float,
        typer.Option(
            min=0, max=0.9, help="Share of training instructions kept for testing (unseen instruction)."
        ),
    ] = 0.05,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Write the data set in another tool's format."""
    with command(verbose):
        from flows.text.exports import describe
        from tasks.exporting.export import EXPORTS, export_run
        from tasks.exporting.params import Diversity, ExportParams

        params = ExportParams(
            method=method,
            give_ups=give_ups,
            passed=passed,
            diversity=Diversity(diversity),
            held_out=held_out,
        )
        folder = out or data.resolve() / EXPORTS / format_
        print(describe(export_run(data.resolve(), format_, folder, run=run, params=params)))  # noqa: T201


def import_(
    format_: Annotated[
        str,
        typer.Argument(metavar="FORMAT", help="toolbench: its answers, raw or converted."),
    ],
    place: Annotated[
        Path, typer.Argument(metavar="PLACE", help="The folder that holds the files, or one converted file.")
    ],
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    data: Data = DEFAULT_DATA,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Read answers that another tool made, beside those of the data folder."""
    with command(verbose, quiet):
        from flows.configure import load_config
        from flows.start import start_import
        from tasks.errors import UsageError

        if format_ != "toolbench":
            raise UsageError(f"there is no format {format_!r} to import", fix="known: toolbench")
        settings = load_config(profile=profile, file=config, overrides=set_ or ())
        start_import(settings, data.resolve(), place=place.expanduser().resolve())
