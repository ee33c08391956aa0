"""`toolloom diff`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import Data, Format, Verbose, errors_reported
from flows.params import DEFAULT_DATA


def diff(
    before: Annotated[
        str | None, typer.Argument(help="The earlier run; the one before AFTER if not given.")
    ] = None,
    after: Annotated[str | None, typer.Argument(help="The later run; the newest if not given.")] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="A summary, or every change as JSON or CSV.")
    ] = Format.TABLE,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Compare two runs: what was added, removed or changed, what has gone stale or come back."""
    with errors_reported(verbose):
        from flows.diff import diff as compare

        print(compare(data.resolve(), before, after, output=format_.value))  # noqa: T201
