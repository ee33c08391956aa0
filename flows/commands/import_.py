"""`toolloom import`: searches that other tools made, as a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import Data, Verbose, errors_reported
from flows.params import DEFAULT_DATA


def import_(
    format_: Annotated[str, typer.Argument(metavar="FORMAT", help="toolbench: its answer files.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that holds the files.")],
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Read searches that another tool made, as a run of their own."""
    with errors_reported(verbose):
        from flows.importing import import_folder, told

        print(told(import_folder(data.resolve(), format_, folder)))  # noqa: T201
