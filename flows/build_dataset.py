"""The order of the stages: catalogue, instructions, annotations, each a flow below that of the refresh."""

from __future__ import annotations

from prefect import flow

from flows.offering import offers_for
from flows.outcome import StageRun
from flows.params import Config, Undescribed
from flows.report import say
from flows.stages import StageSequence, cached_stage, shard_runner
from tasks.annotate import STAGE as ANNOTATE
from tasks.calling.credentials import unsent
from tasks.catalogue.source import CrawlReason
from tasks.commit import STAGE as COMMIT
from tasks.compress import STAGE as COMPRESS
from tasks.crawl import STAGE as CRAWL
from tasks.embed import STAGE as EMBED
from tasks.evaluate import STAGE as EVALUATE
from tasks.frame.run import RunContext
from tasks.frame.services import services_of
from tasks.frame.stage import Stage
from tasks.label import STAGE as LABEL
from tasks.prefer import STAGE as PREFER
from tasks.probe import STAGE as PROBE
from tasks.probing.params import unused
from tasks.propose import STAGE as PROPOSE
from tasks.rank import STAGE as RANK
from tasks.sample import STAGE as SAMPLE
from tasks.sampling.draw import TOO_FEW_TOOLS, rate_of
from tasks.sampling.hierarchy import SAME_CATEGORY, SAME_COLLECTION
from tasks.search.annotate import OFFER, SPENT, Offers, budgets_of
from tasks.search.params import BUDGET_METHOD, AnnotateParams
from tasks.select import STAGE as SELECT
from tasks.train import STAGE as TRAIN
from tasks.train_retriever import STAGE as TRAIN_RETRIEVER
from warehouse import manifest
from warehouse.ref import StageOutput
from warehouse.store import Store
from warehouse.tables import ANNOTATIONS, APIS, REJECTS, SAMPLES

CATALOGUE = (CRAWL, PROBE, COMPRESS)
INSTRUCTIONS = (SAMPLE, PROPOSE, SELECT)
BESIDE = (EVALUATE, PREFER, LABEL, TRAIN_RETRIEVER, EMBED, RANK, TRAIN)
DECLARED: tuple[Stage, ...] = (*CATALOGUE, *INSTRUCTIONS, ANNOTATE, *BESIDE, COMMIT)
"""In the order of a refresh, the commit last."""

Outputs = dict[str, StageOutput]
"""What stages wrote, by the stage."""


@flow(name="build-catalogue", flow_run_name="catalogue", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def build_catalogue(
    run: Undescribed[RunContext], config: Undescribed[Config], until: str | None = None
) -> list[StageRun]:
    """Crawl the sources, call every API, fit the documentation into the token budget."""
    with StageSequence(run, config, until) as sequence:
        try:
            crawled = sequence.stage(CRAWL)
        finally:  # also where the sequence ends here
            if CRAWL.name in sequence.outputs:
                say_what_is_missing(run, sequence.outputs[CRAWL.name])
        say_what_is_unused(run, config, crawled)
        sequence.stage(PROBE)
        sequence.stage(COMPRESS)
    return sequence.done


@flow(name="build-instructions", flow_run_name="instructions", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def build_instructions(
    run: Undescribed[RunContext], config: Undescribed[Config], outputs: Outputs, until: str | None = None
) -> list[StageRun]:
    """Draw sets of APIs, have the model write instructions for them, select the good ones."""
    before_the_rounds = None if until == SELECT.name else until
    with StageSequence(run, config, before_the_rounds, outputs=outputs) as sequence:
        instruction_stages(sequence)
        say_what_is_not_drawn(run, config, sequence.outputs[SAMPLE.name])
        wanted, accepted = config.instruct.accepted, sequence.outputs[SELECT.name].counts.n_out
        if sequence.stopped:
            sequence.end_as_stopped()
        elif wanted is not None and accepted < wanted:
            say(
                f"  {wanted:,} instructions were wanted, and {accepted:,} are fit after all rounds of draws: "
                "raise [instruct] rounds, or the draws in [sample]; `toolloom sql @rejects` says why others "
                "are not"
            )
    return sequence.done


@flow(name="build-annotations", flow_run_name="annotations", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def build_annotations(
    run: Undescribed[RunContext], config: Undescribed[Config], outputs: Outputs, until: str | None = None
) -> list[StageRun]:
    """Search a solution path for every selected instruction."""
    with StageSequence(run, config, until, outputs=outputs) as sequence:
        offers = offers_for(run, config, outputs)
        held_out = config.export.held_out if config.annotate.levels else None
        budgets = budgets_for(run, config.annotate, offers)
        sequence.stage(ANNOTATE, budgets=budgets, offers=offers, held_out=held_out)
    return sequence.done


def instruction_stages(sequence: StageSequence) -> None:
    """Where the three leave APIs that no instruction needs, or fewer instructions than are wanted, further
    rounds of draws follow.
    """
    params = sequence.config.instruct
    for stage in INSTRUCTIONS:
        sequence.stage(stage)
    for number in range(1, params.rounds + 1):
        selected, drawn = sequence.outputs[SELECT.name], sequence.outputs[SAMPLE.name].counts.n_out
        if sequence.stopped:
            break
        sequence.again(SAMPLE, round_no=number, accepted=params.accepted, selected=selected)
        if sequence.outputs[SAMPLE.name].counts.n_out == drawn:
            break  # further draws were refused, or there are none
        sequence.again(PROPOSE)
        sequence.again(SELECT)


def cached_stages(run: RunContext, config: Config) -> Outputs:
    """What a refresh would find finished, up to the first stage that is not; searches are not looked at.

    The stages of the instructions are finished together, with the last round of draws.  Nothing is run.
    """
    with StageSequence(run, config, perform=cached_stage) as sequence:
        for stage in CATALOGUE:
            sequence.stage(stage)
        instruction_stages(sequence)
        return sequence.outputs
    catalogue = {stage.name for stage in CATALOGUE}
    return {stage: output for stage, output in sequence.outputs.items() if stage in catalogue}


def budgets_for(
    run: RunContext, params: AnnotateParams, offers: Offers | None = None
) -> dict[str, int] | None:
    """What `react@budget` may spend: what another method spent on the same instructions in this data folder.

    By instruction, from the run that is shown; None for methods that need none.
    """
    if params.method != BUDGET_METHOD:
        return None
    shown = manifest.newest(run.data)
    refs = () if shown is None else shown.tables.get(ANNOTATIONS.name, ())
    spent = Store(run.data).select(refs, *SPENT)
    return budgets_of(spent, params, model=run.llm.model, offer=offers.name if offers else OFFER)


def say_what_is_missing(run: RunContext, crawled: StageOutput) -> None:
    """Tools that a listing counts and does not name: a reject among many would be overlooked."""
    if crawled.counts.n_rejected:
        for reject in services_of(run).store.read(REJECTS, crawled.tables[REJECTS.name]):
            if reject.reason == CrawlReason.MISSING:
                say(f"  warning: {reject.row_id.partition('#')[0]}: {reject.detail}")


def say_what_is_not_drawn(run: RunContext, config: Config, sampled: StageOutput) -> None:
    """Scenarios that no tools can be drawn for: a catalogue of one tool gives G1 alone."""
    store, needed = services_of(run).store, config.sample.tools[0]
    drawn = {scenario for (scenario,) in store.select(sampled.tables[SAMPLES.name], "scenario")}
    refused = store.select(sampled.tables[REJECTS.name], "row_id", "reason")
    drawn |= {row_id.partition("/")[0] for row_id, reason in refused if reason != TOO_FEW_TOOLS}
    groups = {SAME_CATEGORY: "category", SAME_COLLECTION: "collection"}
    lacking = [each for each in groups if each not in drawn and rate_of(each, config.sample) > 0]
    if not lacking:
        return
    hints = {
        SAME_CATEGORY: '`tool = "tag"` in a source makes a tool of each tag of an OpenAPI document',
        SAME_COLLECTION: '[sample] partners = "similarity" finds tools that go together',
    }
    nowhere = " and no ".join(groups[each] for each in lacking)
    say(
        f"  no instructions of {' and '.join(lacking)}, since no {nowhere} has {needed} tools that work; "
        f"{hints[lacking[0]]}"
    )


def say_what_is_unused(run: RunContext, config: Config, crawled: StageOutput) -> None:
    """Keys and values of the configuration that reach no API: written down in vain, or with a slip."""
    if not (config.calling.key_names or config.probe.values):
        return
    apis = services_of(run).store.read(APIS, crawled.tables[APIS.name])
    for sentence in (*unsent(config.calling, apis), *unused(config.probe.values, apis)):
        say(f"  warning: {sentence}")
