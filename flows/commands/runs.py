"""`toolloom runs`."""

from __future__ import annotations

from flows.commands.options import Data, Format, RowFormat, Verbose, errors_reported
from flows.params import DEFAULT_DATA


def runs(
    format_: RowFormat = Format.TABLE,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """List the runs, newest first; `toolloom sql --run RUN` looks at any of them."""
    with errors_reported(verbose):
        from flows.ask import answer

        print(answer(data.resolve(), "@runs", output=format_.value, run=None, all_runs=True))  # noqa: T201
