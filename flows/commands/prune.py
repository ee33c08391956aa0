"""`toolloom prune`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import Data, Verbose, errors_reported
from flows.params import DEFAULT_DATA


def prune(
    keep: Annotated[int, typer.Option(min=1, help="How many of the last runs can still be looked at.")],
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Free the space of older runs; replies of the model and answers of the APIs stay."""
    with errors_reported(verbose):
        from flows.prune import prune as prune_folder

        print(prune_folder(data.resolve(), keep=keep))  # noqa: T201
