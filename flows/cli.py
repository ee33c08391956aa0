"""The command line: its commands are in `flows/commands/`, a module for each purpose.

Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 stopped by budget.
Nothing heavy is imported at the top of any of them: Prefect reads its settings when it is imported, and
`toolloom sql` should not wait for it.
"""

from __future__ import annotations

import codecs
import io
import signal
import sys
from importlib.metadata import version as version_of
from types import FrameType
from typing import Annotated, NoReturn

import typer

from flows.commands.hand_on import export, import_
from flows.commands.look import compare, diff, report, runs, search, show, sql
from flows.commands.look_after import prune, sandbox, serve_model, store
from flows.commands.make import annotate, evaluate, loop, plan, probe, refresh, serve, train
from flows.commands.retrieve import find, models, retriever

app = typer.Typer(
    name="toolloom",
    help="Turns a catalogue of real web APIs into a tool-use training set, and keeps it fresh.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"toolloom {version_of('toolloom')}")  # noqa: T201
        raise typer.Exit


@app.callback()
def toolloom(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """What `toolloom` does without a command."""


# In the order of `--help`: make a data set, keep it fresh, look at it, hand it on, look after it.
for command in (
    refresh,
    plan,
    annotate,
    evaluate,
    train,
    loop,
    serve,
    probe,
    runs,
    diff,
    compare,
    report,
    sql,
    search,
    find,
    show,
    export,
):
    app.command()(command)
app.command(name="import")(import_)
app.add_typer(retriever, name="retriever")
app.command()(models)
app.command(name="serve-model")(serve_model)
app.add_typer(store, name="store")
app.command()(prune)
app.command()(sandbox)


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


_LIKE = "toolloom.like"
_LIKES = str.maketrans("─│├└→✓✗\N{EN DASH}", "-|++>vx-")


def _like(error: UnicodeError) -> tuple[str, int]:
    """Lines and marks as others like them, of the same width; any other character as its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_LIKES)
    return text.encode("ascii", "backslashreplace").decode(), error.end


def main() -> None:
    """Entry point; SIGTERM winds up like Ctrl-C."""
    signal.signal(signal.SIGTERM, _terminate)
    codecs.register_error(_LIKE, _like)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A character that a terminal, or whoever reads us, has no code for must not end a command.
            stream.reconfigure(errors=_LIKE)
    app()
