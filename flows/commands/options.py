"""What commands share: options, their voice, and errors as one clear message with the right exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from flows import DEFAULT_PROFILE
from tasks.errors import OverBudget, ToolloomError, UsageError

INTERRUPTED = 130

Data = Annotated[
    Path,
    typer.Option("--data", envvar="TOOLLOOM_DATA", help="The data folder.", show_default="warehouse/data"),
]
Profile = Annotated[
    str | None, typer.Option(help="A profile in flows/profiles/.", show_default=DEFAULT_PROFILE)
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A TOML file of your own instead.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override, as in annotate.width=3.")
]
Earlier = Annotated[
    str | None,
    typer.Option(
        "--run", help="A run instead of the newest complete one: the beginning of its id, latest, latest~1."
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show logs, and tracebacks of errors.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show nothing but errors.")]


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    LINE = "line"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


PROGRAMS = (Format.CSV, Format.JSON, Format.JSONL)  # for which rows must not be changed on the way

RowFormat = Annotated[
    Format,
    typer.Option("--format", help="How to print the rows; a table too wide for the terminal becomes lines."),
]


class TextFormat(StrEnum):
    """For people or for programs."""

    TABLE = "table"
    JSON = "json"


def tell(text: str, *, exact: bool) -> None:
    """Prints rows; all of it in UTF-8 where nothing of them may change and the encoding lacks a character."""
    stream = sys.stdout
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        if exact and isinstance(stream, io.TextIOWrapper):
            print(f"note: {stream.encoding} has no code for some characters; this is UTF-8", file=sys.stderr)  # noqa: T201
            stream.reconfigure(encoding="utf-8")
    print(text)  # noqa: T201


def as_text(typed: str) -> str:
    """What somebody typed, which is UTF-8 whatever the locale says.  Raises `UsageError` where it is not."""
    try:
        typed.encode()
    except UnicodeEncodeError:
        try:
            return os.fsencode(typed).decode()
        except UnicodeError:
            raise UsageError(f"{typed!r} is no text in UTF-8", fix="type it in a terminal of UTF-8") from None
    return typed


@contextmanager
def command(verbose: bool, quiet: bool = False) -> Iterator[None]:
    """The frame of a command: its voice, and one clear message with the right exit code for an error."""
    from flows.report import speaking, voice_of

    try:
        with speaking(voice_of(quiet=quiet, verbose=verbose)):
            yield
    except ToolloomError as error:
        _fail(error, str(error), _exit_code(error), verbose)
    except KeyboardInterrupt as error:
        _fail(
            error,
            "interrupted; finished work is kept, the same command goes on from it",
            INTERRUPTED,
            verbose,
        )
    except BrokenPipeError:
        # Whoever read our output has seen enough of it; nothing is left to be said at the end, either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except Exception as error:  # noqa: BLE001 - the last place where a bug can become one clear line
        message = f"unexpected {type(error).__name__}: {error}\n  fix: see the traceback with --verbose"
        if type(error).__module__.endswith("duckdb"):  # what it says where no question of SQL was asked
            from duckdb import Error

            from warehouse.query import file_gone

            message = str((file_gone(error) if isinstance(error, Error) else None) or message)
        _fail(error, message, 1, verbose)


def _exit_code(error: ToolloomError) -> int:
    if isinstance(error, UsageError):
        return 2
    return 3 if isinstance(error, OverBudget) else 1


def _fail(error: BaseException, message: str, code: int, verbose: bool) -> NoReturn:
    if verbose:
        traceback.print_exception(error)
    print(f"toolloom: {message}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(code) from None
