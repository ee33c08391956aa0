"""`toolloom sql`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import Data, Earlier, Format, RowFormat, Verbose, errors_reported
from flows.params import DEFAULT_DATA


def sql(
    query: Annotated[str, typer.Argument(help="A SELECT, or @name for a query of warehouse/queries/.")],
    format_: RowFormat = Format.TABLE,
    run: Earlier = None,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Query the data set in SQL, read-only."""
    with errors_reported(verbose):
        from flows.ask import answer

        print(answer(data.resolve(), query, output=format_.value, run=run))  # noqa: T201
