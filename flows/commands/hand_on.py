"""Commands between a data set and other tools: export, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import Data, Earlier, Verbose, command
from flows.params import DEFAULT_DATA


def export(
    format_: Annotated[
        str,
        typer.Argument(metavar="FORMAT", help="toolbench, toolllama, openai or hf (see docs/exports.md)."),
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
            "--give-ups", help="Also searches that gave up, labelled as such; toolbench always has them."
        ),
    ] = False,
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
        from tasks.exporting.params import ExportParams

        params = ExportParams(method=method, give_ups=give_ups, held_out=held_out)
        folder = out or data.resolve() / EXPORTS / format_
        print(describe(export_run(data.resolve(), format_, folder, run=run, params=params)))  # noqa: T201


def import_(
    format_: Annotated[str, typer.Argument(metavar="FORMAT", help="toolbench: its answer files.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that holds the files.")],
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Read searches that another tool made, as a run of their own."""
    with command(verbose):
        from flows.importing import describe, import_folder

        print(describe(import_folder(data.resolve(), format_, folder)))  # noqa: T201
