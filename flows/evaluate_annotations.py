"""Judging the answers of a data folder: which are right, and which of two is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prefect import flow

from flows import DEFAULT_DATA
from flows.outcome import Evaluated, Labelled, StageRun
from flows.params import Config, Undescribed
from flows.report import say
from flows.run import run_in
from flows.stages import StageSequence, shard_runner
from tasks.commit import EVALUATE
from tasks.errors import UsageError
from tasks.evaluate import STAGE as JUDGE
from tasks.frame.run import RunContext
from tasks.frame.services import services_of
from tasks.judging.params import said_of
from tasks.judging.votes import Searched, is_of_side
from tasks.keep_searches import HOLD_ANSWERS, HOLD_INSTRUCTIONS, merged_labels, merged_votes
from tasks.label import STAGE as LABEL
from tasks.label import LabelFile
from tasks.prefer import STAGE as PREFER
from warehouse import manifest
from warehouse.manifest import Manifest
from warehouse.ref import StageOutput
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import ANNOTATIONS, INSTRUCTIONS, LABELS, NODES


@flow(name="evaluate-annotations", flow_run_name="evaluate-{config.name}", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def evaluate_annotations(config: Undescribed[Config], data: Path = DEFAULT_DATA) -> Evaluated:
    """Judges all answers of the snapshot shown, and commits a run of kind `evaluate`."""
    with run_in(data, config, EVALUATE, base=annotated_run, asks_model=False, asks_judge=True) as run:
        assert run.base is not None, "annotated_run gives none but one that is there"
        answers = to_judge(run.base.stages)
        require_answers(run.store, answers, run.config.evaluate.against)
        done = _judge(run.context, run.config, answers)
        judged = {ran.stage: ran.output for ran in done if ran.output is not None}
        complete = done[-1].complete and run.base.status == "complete"
        return run.commit(
            Evaluated,
            done,
            merged_votes(run.store, run.base.stages, judged, run.config.judge.model),
            "complete" if complete else "partial",
            parent=run.base.run_id,
        )


@flow(name="label-answers", flow_run_name="label-{config.name}", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def label_answers(config: Undescribed[Config], data: Path, file: Path) -> Labelled:
    """Reads a file of labels into a run that shows all that the snapshot shows, and these."""
    with run_in(
        data, config, EVALUATE, variant=f"labels {file}", base=annotated_run, asks_model=False
    ) as run:
        assert run.base is not None, "annotated_run gives none but one that is there"
        with StageSequence(run.context, run.config, outputs=to_judge(run.base.stages)) as sequence:
            read = sequence.stage(LABEL, LabelFile(place=file))
        people = {person for (person,) in run.store.select(read.tables[LABELS.name], "person")}
        return run.commit(
            Labelled,
            sequence.done,
            {LABEL.name: merged_labels(run.store, run.base.stages.get(LABEL.name), read)},
            run.base.status,
            parent=run.base.run_id,
            n_labels=read.counts.n_out,
            n_people=len(people),
        )


@flow(name="build-evaluations", flow_run_name="evaluations", task_runner=shard_runner())  # type: ignore[arg-type] # Prefect's own variance
def build_evaluations(
    run: Undescribed[RunContext], config: Undescribed[Config], stages: Mapping[str, StageOutput]
) -> list[StageRun]:
    """Judges the answers of these stages as a part of a refresh.

    To compare with answers that are not there yet is said, and no reason to end the refresh: those searches
    are made beside one.
    """
    answers, against = to_judge(stages), config.evaluate.against
    if against is not None and not _answered(services_of(run).store, answers, against):
        say(
            f"  no answers are compared: none is of {_named(against)} that [evaluate] against names; "
            "`toolloom annotate` makes some"
        )
        config = config.model_copy(update={"evaluate": config.evaluate.model_copy(update={"against": None})})
    return _judge(run, config, answers)


def _judge(run: RunContext, config: Config, answers: Mapping[str, StageOutput]) -> list[StageRun]:
    with StageSequence(run, config, outputs=answers) as sequence:
        sequence.stage(JUDGE)
        if config.evaluate.against is not None:
            sequence.stage(PREFER)
    return sequence.done


def require_answers(store: Store, answers: Mapping[str, StageOutput], against: str | None) -> None:
    """Raises `UsageError` where there is no answer with which the others are to be compared."""
    if against is None or _answered(store, answers, against):
        return
    refs = answers["annotate"].tables[ANNOTATIONS.name]
    said = said_of(against)
    there = sorted({", ".join(row) for row in store.select(refs, *said)})
    raise UsageError(
        f"no answer is of {_named(against)}, with which the others are to be compared",
        fix=f"there are those of {'; '.join(there)}; `toolloom annotate` makes more",
    )


def _answered(store: Store, answers: Mapping[str, StageOutput], against: str) -> bool:
    refs = answers["annotate"].tables[ANNOTATIONS.name]
    sides = set(store.select(refs, "method", "model", "rules", "offer"))
    return any(
        is_of_side(Searched(method=method, model=model, rules=rules, offer=offer), against)
        for method, model, rules, offer in sides
    )


def _named(against: str) -> str:
    said = said_of(against)
    return f"the method {against!r}" if list(said) == ["method"] else repr(against)


def annotated_run(data: Path) -> Manifest:
    """The snapshot shown, with its answers.  Raises `UsageError`."""
    shown = manifest.newest(data)
    if shown is None or not set(HOLD_ANSWERS) & shown.stages.keys():
        raise UsageError(
            f"{data} holds no answers to evaluate",
            fix="run `toolloom refresh`, `toolloom annotate` or `toolloom import toolbench`, or name another "
            "folder with --data",
        )
    store = Store(data)  # a stage that was stopped is read as far as it came
    if not all(store.verify(ref) for output in to_judge(shown.stages).values() for ref in output.refs):
        raise UsageError(
            f"files of run {shown.run_id} are gone or damaged",
            fix="run `toolloom refresh`, which makes them anew",
        )
    return shown


def to_judge(stages: Mapping[str, StageOutput]) -> dict[str, StageOutput]:
    """What judging reads: searches of every command as one output, and so the instructions."""
    found = {
        "probe": stages.get("probe"),
        "select": joined(stages, HOLD_INSTRUCTIONS, (INSTRUCTIONS,)),
        "annotate": joined(stages, HOLD_ANSWERS, (ANNOTATIONS, NODES)),
    }
    return {name: output for name, output in found.items() if output is not None}


def joined(
    stages: Mapping[str, StageOutput], names: Sequence[str], tables: Sequence[Table[Any]]
) -> StageOutput | None:
    """What several stages wrote of these tables, as if one had written it."""
    found = [stages[name] for name in names if name in stages]
    if len(found) < 2:
        return found[0] if found else None
    joined = {table.name: tuple(ref for each in found for ref in each.tables[table.name]) for table in tables}
    return found[0].model_copy(update={"tables": joined, "shards": {}})
