"""The whole refresh: catalogue, instructions, annotations, where wanted their evaluation, then one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from prefect import flow
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows import DEFAULT_DATA
from flows.build_dataset import Outputs, build_annotations, build_catalogue, build_instructions
from flows.embed_apis import keep_vectors
from flows.evaluate_annotations import build_evaluations
from flows.outcome import Refreshed, StageRun
from flows.params import Config
from flows.plan import forecast, forecast_after_catalogue
from flows.run import OpenRun, run_in
from flows.stages import STAGES, for_batches
from tasks.commit import REFRESH, Status, parent_of, refreshed_below, without_lost
from tasks.embed import STAGE as EMBED
from tasks.errors import UsageError
from tasks.evaluate import STAGE as EVALUATE
from tasks.exporting.params import ExportFormat
from tasks.frame.services import services_of
from tasks.keep_searches import keep_searches, keep_votes, merged_votes
from tasks.prefer import STAGE as PREFER
from warehouse import manifest
from warehouse.connect import lost_files
from warehouse.manifest import Manifest
from warehouse.ref import StageOutput
from warehouse.seen import Seen
from warehouse.tables import EVALUATIONS


@flow(name="refresh-dataset", flow_run_name="refresh-{config.name}")
def refresh_dataset(config: Config, data: Path = DEFAULT_DATA, until: str | None = None) -> Refreshed:
    """Brings the data set up to date; with `until`, only up to that stage."""
    asks_model, asks_judge = config.asks_model(until), config.asks_judge(until)

    def stands_on(data: Path) -> Manifest | None:
        shown = manifest.latest(data)
        if until is None:
            _require_votes(config, shown)
        return shown

    with run_in(data, config, REFRESH, base=stands_on, asks_model=asks_model, asks_judge=asks_judge) as run:
        run.expect(forecast(run.config, services_of(run.context)))
        stage_runs = _run_stages(run, until)
        outputs = _outputs(stage_runs)
        wanted = {*STAGES, EVALUATE.name} if run.config.evaluate.in_refresh else {*STAGES}
        is_complete = wanted <= outputs.keys() and stage_runs[-1].stop is None
        if EVALUATE.name in outputs:
            outputs |= _beside_earlier_votes(run, outputs)
        status: Status = "complete" if is_complete else "partial"
        parent, stands = _standing(run, outputs, status)
        return run.commit(Refreshed, stage_runs, outputs, status, parent=parent, stands=stands)


def _require_votes(config: Config, shown: Manifest | None) -> None:
    """Raises `UsageError` where answers that passed are to be exported, and none will have been judged."""
    of_answers = [name for name in config.export.formats if name != ExportFormat.BEIR]
    if not config.export.passed or not of_answers or config.evaluate.in_refresh:
        return
    if shown is None or not any(ref.rows for ref in shown.tables.get(EVALUATIONS.name, ())):
        raise UsageError(
            f"[export] passed has the refresh write only answers that passed ({', '.join(of_answers)}), but "
            "nobody judges them: [evaluate] in_refresh is false, and the folder holds no votes",
            fix="set [evaluate] in_refresh = true; or leave [export] formats empty, and run "
            "`toolloom evaluate` and `toolloom export --passed` after the refresh",
        )


def _run_stages(run: OpenRun, until: str | None) -> list[StageRun]:
    config, context = run.config, run.context
    # The parent's heartbeat covers its subflows; one of their own costs each a second at its end.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        done = for_batches(build_catalogue, config.llm)(context, config, until)
        outputs = _outputs(done)
        if "compress" not in outputs or _ended(done, until):
            return done
        if run.expected is None:
            run.expect(forecast_after_catalogue(config, services_of(context), outputs))
        catalogue = {stage: outputs[stage] for stage in ("crawl", "compress")}
        done += keep_vectors(run, catalogue)
        if done[-1].stop is not None:
            return done
        done += for_batches(build_instructions, config.llm)(context, config, catalogue, until)
        selected = _outputs(done).get("select")
        if selected is None or _ended(done, until):
            return done
        vectors = {stage: output for stage, output in _outputs(done).items() if stage == EMBED.name}
        done += build_annotations(context, config, {**catalogue, **vectors, "select": selected}, until)
        if not config.evaluate.in_refresh or "annotate" not in _outputs(done) or _ended(done, until):
            return done
        stages = _with_kept(run, _outputs(done))
        return done + for_batches(build_evaluations, config.judge)(context, config, stages)


def _with_kept(run: OpenRun, outputs: Outputs) -> Outputs:
    """The stages of the snapshot to come: what is kept of the one before beside what was made."""
    return {**keep_searches(run.store, _before(run), outputs), **outputs}


def _beside_earlier_votes(run: OpenRun, outputs: Outputs) -> Outputs:
    """The votes given now, with those of other judges on the answers and tasks that are as they were."""
    judged = {stage: outputs[stage] for stage in (EVALUATE.name, PREFER.name) if stage in outputs}
    stages = _with_kept(run, {stage: output for stage, output in outputs.items() if stage not in judged})
    before = {**_before(run), **keep_votes(run.store, _before(run), stages)}
    return merged_votes(run.store, before, judged, run.config.judge.model)


def _before(run: OpenRun) -> Mapping[str, StageOutput]:
    return {} if run.base is None else without_lost(run.context.data, run.base).stages


def _outputs(stage_runs: Sequence[StageRun]) -> Outputs:
    return {ran.stage: ran.output for ran in stage_runs if ran.output is not None}


def _ended(stage_runs: Sequence[StageRun], until: str | None) -> bool:
    return stage_runs[-1].stop is not None or stage_runs[-1].stage == until


def _standing(
    run: OpenRun, outputs: Mapping[str, StageOutput], status: Status
) -> tuple[str | None, str | None]:
    """The run that the commit follows, and the one that holds the outputs already, if one does.

    A run that asked something is committed in any case, were it only what the endpoint can do.
    """
    data, latest = run.context.data, run.base
    if latest is None:
        return None, None
    is_new = latest.run_id != run.context.run_id  # else it died just after its commit
    has_asked = is_new and bool(services_of(run.context).model.spending.calls())
    is_whole = not lost_files(data, latest, seen=Seen(data))
    stands = not has_asked and is_whole and outputs.items() <= latest.stages.items()
    if stands and (status == "partial" or refreshed_below(data, latest, run.digest)):
        return None, latest.run_id
    if has_asked or not is_whole:
        return latest.run_id, None
    return parent_of(latest, status, dict(outputs)), None
