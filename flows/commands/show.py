"""`toolloom show`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import Data, Earlier, Verbose, errors_reported
from flows.params import DEFAULT_DATA


def show(
    search: Annotated[
        str, typer.Argument(help="The beginning of an annotation's or instruction's id; none: a good one.")
    ] = "",
    full: Annotated[bool, typer.Option("--full", help="Shorten nothing.")] = False,
    run: Earlier = None,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Draw a search as a tree: thoughts, calls, outcomes, what was abandoned, the answer."""
    with errors_reported(verbose):
        from rich.console import Console

        from flows.show import show as draw

        console = Console(highlight=False)
        console.print(draw(data.resolve(), search, run=run, width=console.width, full=full))
