"""Catalogue: crawl the sources, call every API, fit the documentation into the token budget."""

from __future__ import annotations

from prefect import flow

from flows.open_run import stage_before
from flows.outcome import StageRun
from flows.params import Config
from flows.report import say
from flows.stages import Line, shard_runner
from tasks.calling.credentials import unsent
from tasks.catalogue.source import CrawlReason
from tasks.compress import compress
from tasks.crawl import crawl
from tasks.probe import probe
from tasks.probing.params import unused
from tasks.run import RunContext
from tasks.services import services_of
from warehouse.ref import StageOutput
from warehouse.tables import APIS, REJECTS


@flow(name="build-catalogue", flow_run_name="catalogue", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def build_catalogue(run: RunContext, config: Config, until: str | None = None) -> list[StageRun]:
    with Line(run, until) as line:
        catalogue_stages(line, config)
    return line.done


def catalogue_stages(line: Line, config: Config) -> tuple[StageOutput, StageOutput]:
    """What was crawled, and its documents."""
    crawled_before, verdicts_before, documents_before = (
        stage_before(line.run, stage) for stage in ("crawl", "probe", "compress")
    )
    try:
        crawled = line.stage(crawl, params=config.catalogue, before=crawled_before)
    finally:  # also where the line ends here
        if line.done and line.done[-1].output is not None:
            say_what_is_missing(line.run, line.done[-1].output)
    say_what_is_unused(line.run, config, crawled)
    probed = line.stage(probe, params=config.probe, crawled=crawled, before=verdicts_before)
    compressed = line.stage(
        compress, params=config.compress, crawled=crawled, probed=probed, before=documents_before
    )
    return crawled, compressed


def say_what_is_missing(run: RunContext, crawled: StageOutput) -> None:
    """Tools that a listing counts and does not name: a reject among many would be overlooked."""
    if crawled.counts.n_rejected:
        for reject in services_of(run).store.read(REJECTS, crawled.tables[REJECTS.name]):
            if reject.reason == CrawlReason.MISSING:
                say(f"  warning: {reject.row_id.partition('#')[0]}: {reject.detail}")


def say_what_is_unused(run: RunContext, config: Config, crawled: StageOutput) -> None:
    """Keys and values of the configuration that reach no API: written down in vain, or with a slip."""
    if not (config.calling.key_names or config.probe.values):
        return
    apis = services_of(run).store.read(APIS, crawled.tables[APIS.name])
    for sentence in (*unsent(config.calling, apis), *unused(config.probe.values, apis)):
        say(f"  warning: {sentence}")
