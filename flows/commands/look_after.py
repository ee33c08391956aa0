"""Commands beside the data: what is stored, freeing space, the sandbox alone, serving a model."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Annotated

import typer

from flows import DEFAULT_DATA
from flows.commands.options import Data, TextFormat, Verbose, command
from flows.prefect.supervise import PYTHON
from tasks.errors import UsageError

store = typer.Typer(
    help="What the reply store and the call store hold, how often it helped, and how much nothing needs.",
    invoke_without_command=True,
)


@store.callback()
def show_stores(
    context: typer.Context,
    format_: Annotated[TextFormat, typer.Option("--format", help="How to print it.")] = TextFormat.TABLE,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Show what the reply store and the call store hold, how often it helped, and how much nothing needs."""
    if context.invoked_subcommand is not None:
        return
    with command(verbose):
        from flows.stores import look
        from flows.text.stores import stored_json, stored_text

        stored = look(data.resolve())
        print(stored_json(stored) if format_ is TextFormat.JSON else stored_text(stored))  # noqa: T201


@store.command(name="prune")
def prune_stores(
    keep_runs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Keep what the last N runs stand on.")
    ] = None,
    older_than: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="Keep what is younger, and what younger runs stand on."),
    ] = None,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Free what no run stands on; with an option, also what only older runs do.

    What the newest runs would ask for again always stays, and so does what was stored since the last
    complete refresh began.
    """
    with command(verbose):
        if keep_runs is not None and older_than is not None:
            raise UsageError("--keep-runs and --older-than exclude each other", fix="give one of them")
        from flows.stores import free
        from flows.text.stores import freed_text

        age = None if older_than is None else timedelta(days=older_than)
        print(freed_text(free(data.resolve(), keep_runs=keep_runs, older_than=age)))  # noqa: T201


def prune(
    keep: Annotated[int, typer.Option(min=1, help="How many of the last runs can still be looked at.")],
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Free the space of older runs; replies of the model and answers of the APIs stay."""
    with command(verbose):
        from flows.prune import prune as prune_folder

        print(prune_folder(data.resolve(), keep=keep))  # noqa: T201


def sandbox(
    hub_port: Annotated[int, typer.Option(help="0: any free port.")] = 8801,
    teacher_port: Annotated[int, typer.Option(help="0: any free port.")] = 8802,
    fault_rate: Annotated[float, typer.Option(help="Multiplies the teacher's fault rates.")] = 1.0,
) -> None:
    """Serve the sandbox on its own: the hub for a browser or curl, the teacher for any OpenAI client."""
    with command(verbose=False):
        from flows.sandbox_process import require_libraries

        require_libraries()
    arguments = ["--hub-port", str(hub_port), "--teacher-port", str(teacher_port)]
    os.execv(  # noqa: S606 - our own module, no shell
        PYTHON[0],
        [*PYTHON, "sandbox.serve", *arguments, "--fault-rate", str(fault_rate)],
    )


def serve_model(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A folder, a .gguf file, package:NAME, the digest of a trained model, or `newest`.",
        ),
    ],
    server: Annotated[
        str, typer.Option(help="vllm, llamacpp or transformers; auto: the first that is here and suits.")
    ] = "auto",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 8803,
    parallel: Annotated[
        int | None, typer.Option(min=1, help="Requests at once; what suits the server if not given.")
    ] = None,
    context: Annotated[
        int | None,
        typer.Option(min=1, help="Tokens of a request and its reply; the model's, on a CPU at most 8,192."),
    ] = None,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Serve a model over OpenAI's protocol until Ctrl-C, and say how it is asked."""
    with command(verbose):
        from flows.serve_model import model_folder_of, serving

        where = data.resolve()
        folder = model_folder_of(model, where)
        try:
            with serving(
                folder, server=server, port=port, parallel=parallel, context=context, cache=where / "served"
            ) as served:
                print(served.told())  # noqa: T201
                served.wait()
        except KeyboardInterrupt:
            print("stopped")  # noqa: T201
