"""`toolloom search`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import Data, Earlier, Format, RowFormat, Verbose, errors_reported
from flows.params import DEFAULT_DATA

if TYPE_CHECKING:
    import pandas as pd


def search(
    words: Annotated[
        list[str], typer.Argument(help='Words that must all occur; "a phrase", or the beginning* of one.')
    ],
    format_: RowFormat = Format.TABLE,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 20,
    run: Earlier = None,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Search the instructions and their answers for words; the best matches first."""
    with errors_reported(verbose):
        from flows.ask import printed
        from warehouse.fulltext import search as found_in

        # A shell has taken the quotes of a phrase away.
        wanted = " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)
        found = found_in(data, wanted, run=run, limit=limit)
        print(printed(_shown(found.rows, format_), format_.value))  # noqa: T201
        if format_ is Format.TABLE and found.n_all > len(found.rows):
            print(f"of {found.n_all:,}; --limit shows more")  # noqa: T201


def _shown(rows: pd.DataFrame, format_: Format) -> pd.DataFrame:
    """For people the beginnings of ids, which `toolloom show` takes, and excerpts."""
    import pandas as pd

    from warehouse.fulltext import EXCERPTS

    if format_ is not Format.TABLE:
        return rows.drop(columns=list(EXCERPTS))
    return pd.DataFrame(
        {
            "instruction": rows["instruction_id"].str[:12],
            "scenario": rows["scenario"],
            "answered": rows["win"],
            "query": rows["query_excerpt"],
            "answer": rows["answer_excerpt"],
        }
    )
