"""Commands that look at a data set: runs, diff, report, sql, search, show."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import DEFAULT_DATA
from flows.commands.options import PROGRAMS, Data, Earlier, Format, RowFormat, Verbose, as_text, command, tell
from tasks.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


class Grouped(StrEnum):
    """What rows of a comparison are told apart by, besides sides."""

    SCENARIO = "scenario"
    LEVEL = "level"
    SET = "set"


class ChangesFormat(StrEnum):
    """What is told of changes: a summary for people, or all of them."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class Layout(StrEnum):
    """Whose layout a comparison has."""

    PAPER = "paper"


def runs(
    format_: RowFormat = Format.TABLE,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """List the runs, newest first; `toolloom sql --run RUN` looks at any of them."""
    with command(verbose):
        from flows.text.ask import runs_text

        print(runs_text(data.resolve(), format_.value))  # noqa: T201


def diff(
    before: Annotated[
        str | None, typer.Argument(help="The earlier run, as in latest~1; the one before AFTER if not given.")
    ] = None,
    after: Annotated[str | None, typer.Argument(help="The later run; the newest if not given.")] = None,
    format_: Annotated[
        ChangesFormat, typer.Option("--format", help="A summary, or every change as JSON or CSV.")
    ] = ChangesFormat.TABLE,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Compare two runs: what was added, removed or changed, what has gone stale or come back."""
    with command(verbose):
        from flows.text.diff import diff as compare

        print(compare(data.resolve(), before, after, output=format_.value))  # noqa: T201


def compare(
    sides: Annotated[
        list[str],
        typer.Argument(
            help="Methods or models, or as in method=react,model=gpt-4o,run=...; the last is compared with."
        ),
    ],
    rules: Annotated[str, typer.Option(help="How votes are counted; see the view rules.")] = "toolloom",
    judge: Annotated[str | None, typer.Option(help="Whose votes, when several have judged.")] = None,
    against: Annotated[
        str | None, typer.Option(help="The side that others are compared with; none: the last.")
    ] = None,
    by: Annotated[Grouped | None, typer.Option(help="A row for each side in each of these.")] = None,
    as_: Annotated[
        Layout | None, typer.Option("--as", help="paper: pass and win by test set, as in ToolLLM's table 4.")
    ] = None,
    artifact: Annotated[
        bool, typer.Option("--artifact", help="Also keep the rows in the Prefect server of PREFECT_API_URL.")
    ] = False,
    format_: RowFormat = Format.TABLE,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Compare methods, models or runs on the instructions they share: what passes, wins, and costs."""
    with command(verbose):
        from flows.text.compare import By, compared, text_of

        if by is not None and as_ is not None:
            raise UsageError(
                "--as paper has the paper's sets for columns and no rows by others", fix="give --as or --by"
            )
        comparison = compared(data.resolve(), sides, rules=rules, judge=judge, against=against)
        if artifact:
            from flows.prefect.artifacts import publish_comparison

            publish_comparison(comparison)
        layout = By(by.value) if by else None
        print(text_of(comparison, by=layout, as_paper=as_ is not None, output=format_.value))  # noqa: T201


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
    with command(verbose):
        from flows.reporting.write import write_report

        print(write_report(data.resolve(), out, run=run, limit=limit))  # noqa: T201


def sql(
    query: Annotated[
        str | None,
        typer.Argument(
            help="A SELECT, @name for a question that is kept, a file that holds one, or - for standard "
            "input; without it, the questions are listed."
        ),
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="The value of :NAME in it.")
    ] = None,
    format_: RowFormat = Format.TABLE,
    run: Earlier = None,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Query the data set in SQL, read-only; alone, list the questions that have a name."""
    with command(verbose):
        from flows.text.ask import answer, asked, named_questions

        if query is None:
            print(named_questions(format_.value))  # noqa: T201
            return
        statement, params = asked(as_text(query)), _params(param or ())
        rows = answer(data.resolve(), statement, output=format_.value, run=run, params=params)
        tell(rows, exact=format_ in PROGRAMS)


def _params(given: Sequence[str]) -> dict[str, str]:
    params: dict[str, str] = {}
    for each in map(as_text, given):
        name, equals, value = each.partition("=")
        if not equals or not name.isidentifier() or name in params:
            what = f"{name!r} twice" if name in params else repr(each)
            raise UsageError(
                f"--param takes NAME=VALUE for each :NAME once, and this is {what}",
                fix='as in toolloom sql "SELECT ... WHERE scenario = :kind" --param kind=G2',
            )
        params[name] = value
    return params


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
    with command(verbose):
        from flows.text.ask import printed
        from warehouse.fulltext import search as found_in

        # A shell has taken the quotes of a phrase away.
        said = map(as_text, words)
        wanted = " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in said)
        found = found_in(data, wanted, run=run, limit=limit)
        tell(printed(_shown(found.rows, format_), format_.value), exact=format_ in PROGRAMS)
        if format_ is Format.TABLE and found.n_all > len(found.rows):
            print(f"of {found.n_all:,}; --limit shows more")  # noqa: T201


def _shown(rows: pd.DataFrame, format_: Format) -> pd.DataFrame:
    """For people the beginnings of ids, which `toolloom show` takes, and excerpts."""
    import pandas as pd

    from warehouse.fulltext import EXCERPTS

    if format_ in PROGRAMS:
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
    with command(verbose):
        from rich.console import Console

        from flows.text.show import show as draw

        console = Console(highlight=False)
        console.print(draw(data.resolve(), search, run=run, width=console.width, full=full))
