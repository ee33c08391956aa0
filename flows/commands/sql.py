"""`toolloom sql`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import Data, Earlier, Format, RowFormat, Verbose, errors_reported
from flows.params import DEFAULT_DATA


def sql(
    query: Annotated[
        str | None,
        typer.Argument(help="A SELECT, or @name for a question that is kept; without it, these are listed."),
    ] = None,
    format_: RowFormat = Format.TABLE,
    run: Earlier = None,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Query the data set in SQL, read-only; alone, list the questions that have a name."""
    with errors_reported(verbose):
        from flows.ask import answer, named_questions

        if query is None:
            print(named_questions(format_.value))  # noqa: T201
        else:
            print(answer(data.resolve(), query, output=format_.value, run=run))  # noqa: T201
