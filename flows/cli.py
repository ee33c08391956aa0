"""The command line.  Exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 stopped by budget.

Nothing heavy is imported at the top: Prefect reads its settings when it is imported, and `toolloom sql`
should not wait for it.
"""

from __future__ import annotations

import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from flows.commands.annotate import annotate
from flows.commands.diff import diff
from flows.commands.export import export
from flows.commands.import_ import import_
from flows.commands.options import Data, Format, Quiet, Verbose, errors_reported
from flows.commands.plan import plan
from flows.commands.prune import prune
from flows.commands.report import report
from flows.commands.search import search
from flows.commands.serve import serve
from flows.commands.store import store
from flows.params import DEFAULT_DATA

app = typer.Typer(
    name="toolloom",
    help="Turns a catalogue of real web APIs into a tool-use training set, and keeps it fresh.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(plan)
app.add_typer(store, name="store")
app.command()(export)
app.command(name="import")(import_)

app.command()(annotate)


class Stage(StrEnum):
    """The stages of a refresh, in order."""

    CRAWL = "crawl"
    PROBE = "probe"
    COMPRESS = "compress"
    SAMPLE = "sample"
    PROPOSE = "propose"
    SELECT = "select"
    ANNOTATE = "annotate"


@app.callback()
def _toolloom() -> None:
    """A callback keeps typer's commands by name even while there is only one."""


@app.command()
def refresh(
    profile: Annotated[str, typer.Option(help="A profile in flows/profiles/.")] = "sandbox",
    config: Annotated[Path | None, typer.Option(help="A TOML file of your own instead.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override, as in annotate.width=3.")
    ] = None,
    data: Data = DEFAULT_DATA,
    until: Annotated[Stage | None, typer.Option(help="Stop after this stage.")] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Bring the data set up to date: crawl, probe, compress, sample, propose, select, annotate, commit."""
    with errors_reported(verbose):
        from flows.configure import load_config
        from flows.report import speaking, voice_of
        from flows.start import start_refresh

        with speaking(voice_of(quiet=quiet, verbose=verbose)):
            settings = load_config(profile=profile, file=config, overrides=set_ or ())
            start_refresh(settings, data.resolve(), until=until and until.value)


@app.command()
def probe(
    only_stale: Annotated[
        bool,
        typer.Option("--only-stale", help="Only where the verdict is old, or its failure may have passed."),
    ] = False,
    profile: Annotated[str, typer.Option(help="A profile in flows/profiles/.")] = "sandbox",
    config: Annotated[Path | None, typer.Option(help="A TOML file of your own instead.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override, as in probe.attempts=5.")
    ] = None,
    data: Data = DEFAULT_DATA,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Call the APIs of the catalogue again, without a crawl: which still work, which are back."""
    with errors_reported(verbose):
        from flows.configure import load_config
        from flows.report import speaking, voice_of
        from flows.start import start_probe

        with speaking(voice_of(quiet=quiet, verbose=verbose)):
            settings = load_config(profile=profile, file=config, overrides=set_ or ())
            start_probe(settings, data.resolve(), only_stale=only_stale)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="A SELECT, or @name for a query of warehouse/queries/.")],
    format_: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.TABLE,
    run: Annotated[str | None, typer.Option(help="An earlier run instead of the newest.")] = None,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Query the data set in SQL, read-only."""
    with errors_reported(verbose):
        from flows.ask import answer

        print(answer(data.resolve(), query, output=format_.value, run=run))  # noqa: T201


@app.command()
def runs(
    format_: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.TABLE,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """List the runs, newest first; `toolloom sql --run RUN` looks at any of them."""
    with errors_reported(verbose):
        from flows.ask import answer

        print(answer(data.resolve(), "@runs", output=format_.value, run=None))  # noqa: T201


@app.command()
def show(
    search: Annotated[
        str, typer.Argument(help="The beginning of an annotation's or instruction's id; none: a good one.")
    ] = "",
    full: Annotated[bool, typer.Option("--full", help="Shorten nothing.")] = False,
    run: Annotated[str | None, typer.Option(help="An earlier run instead of the newest.")] = None,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Draw a search as a tree: thoughts, calls, outcomes, what was abandoned, the answer."""
    with errors_reported(verbose):
        from rich.console import Console

        from flows.show import show as draw

        console = Console(highlight=False)
        console.print(draw(data.resolve(), search, run=run, width=console.width, full=full))


app.command()(diff)
app.command()(prune)
app.command()(serve)
app.command()(report)
app.command()(search)


@app.command()
def sandbox(
    hub_port: Annotated[int, typer.Option(help="0: any free port.")] = 8801,
    teacher_port: Annotated[int, typer.Option(help="0: any free port.")] = 8802,
    fault_rate: Annotated[float, typer.Option(help="Multiplies the teacher's fault rates.")] = 1.0,
) -> None:
    """Serve the sandbox on its own: the hub for a browser or curl, the teacher for any OpenAI client."""
    arguments = ["--hub-port", str(hub_port), "--teacher-port", str(teacher_port)]
    os.execv(  # noqa: S606 - our own module, no shell
        sys.executable,
        [sys.executable, "-m", "sandbox.serve", *arguments, "--fault-rate", str(fault_rate)],
    )


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main() -> None:
    """Entry point; SIGTERM winds up like Ctrl-C."""
    signal.signal(signal.SIGTERM, _terminate)
    app()
