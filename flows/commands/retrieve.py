"""Commands that find APIs: find, and what trains and measures retrievers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows import DEFAULT_DATA
from flows.commands.options import (
    ConfigFile,
    Data,
    Earlier,
    Format,
    Overrides,
    Profile,
    Quiet,
    RowFormat,
    Verbose,
    as_text,
    command,
)

retriever = typer.Typer(
    help="Measure and train what finds the APIs for an instruction.", no_args_is_help=True
)


def find(
    words: Annotated[list[str], typer.Argument(help="What you need, in your own words.")],
    k: Annotated[int, typer.Option("--k", help="So many APIs, best first.", min=1)] = 5,
    retriever: Annotated[
        str | None,
        typer.Option(
            "--retriever", help="bm25, newest, endpoint, the digest, folder or package:NAME of a model."
        ),
    ] = None,
    format_: RowFormat = Format.TABLE,
    run: Earlier = None,
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Find the APIs for what you need, among those that were kept; best first."""
    with command(verbose):
        from flows.finding import find_apis, settings_for
        from flows.text.retrieval import found_text

        settings = settings_for(retriever, profile=profile, file=config, overrides=set_ or ())
        found = find_apis(data.resolve(), " ".join(map(as_text, words)), k, run=run, settings=settings)
        print(found_text(found, format_.value))  # noqa: T201


@retriever.command()
def embed(
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    data: Data = DEFAULT_DATA,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Encode the kept APIs with the model in use, as far as they have changed; refreshes do from then on."""
    with command(verbose, quiet=quiet):
        from flows.configure import chosen_config
        from flows.start import start_embed

        settings = chosen_config(data, profile=profile, file=config, overrides=set_ or (), searches_only=True)
        start_embed(settings, data.resolve())


@retriever.command()
def evaluate(
    queries: Annotated[
        Path | None,
        typer.Option(
            help="Queries with their own APIs: ToolBench's (a JSON file or a folder), or a folder in the "
            "layout of BEIR or of ToolBench's retriever."
        ),
    ] = None,
    format_: RowFormat = Format.TABLE,
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    data: Data = DEFAULT_DATA,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Measure how well the APIs that instructions need are found among all that were kept."""
    with command(verbose, quiet=quiet or format_ is not Format.TABLE):
        from flows.text.retrieval import scores_of_files, scores_of_run, scores_text

        if queries is not None:
            from flows.finding import settings_for

            named = settings_for(None, profile=profile, file=config, overrides=set_ or ())
            scores = scores_of_files(queries.expanduser().resolve(), data.resolve(), named)
            print(scores_text(scores, format_.value))  # noqa: T201
            return
        from flows.configure import chosen_config
        from flows.start import start_evaluate_retrievers

        settings = chosen_config(data, profile=profile, file=config, overrides=set_ or (), searches_only=True)
        start_evaluate_retrievers(settings, data.resolve())
        print(scores_text(scores_of_run(data.resolve()), format_.value))  # noqa: T201


@retriever.command()
def train(
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    data: Data = DEFAULT_DATA,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a model on the training split's instructions, as the section retriever says."""
    with command(verbose, quiet=quiet):
        from flows.configure import chosen_config
        from flows.start import start_train_retriever

        settings = chosen_config(data, profile=profile, file=config, overrides=set_ or (), searches_only=True)
        start_train_retriever(settings, data.resolve())


def models(
    format_: RowFormat = Format.TABLE,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """List the models that were trained here, those that find APIs and those that call them."""
    with command(verbose):
        from flows.text.retrieval import models_text

        print(models_text(data.resolve(), format_.value))  # noqa: T201
