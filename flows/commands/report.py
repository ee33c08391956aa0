"""`toolloom report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import Data, Earlier, Verbose, errors_reported
from flows.params import DEFAULT_DATA


def report(
    run: Earlier = None,
    out: Annotated[
        Path | None, typer.Option(help="The file to write.", show_default="<data>/report.html")
    ] = None,
    limit: Annotated[int, typer.Option(help="Instructions to browse in the page, at most.", min=0)] = 10_000,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Write the report of a run: one HTML file with charts, and its searches to browse; needs no network."""
    with errors_reported(verbose):
        from flows.reporting.write import write_report

        print(write_report(data.resolve(), out, run=run, limit=limit))  # noqa: T201
