"""Importing answers that another tool made, beside what the folder shows."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows import DEFAULT_DATA
from flows.outcome import Imported, StageRun, Unusable
from flows.params import Config, Undescribed
from flows.report import printable
from flows.run import OpenRun, run_in
from flows.stages import StageSequence, raise_stop
from tasks.commit import IMPORT
from tasks.errors import NothingLeft
from tasks.import_ import STAGE, AnswersIn
from tasks.keep_searches import merged_imports, stages_of
from warehouse import manifest
from warehouse.ref import StageOutput
from warehouse.tables import INSTRUCTIONS, REJECTS


@flow(name="import-answers", flow_run_name="import-{config.name}")
def import_answers(config: Undescribed[Config], data: Path = DEFAULT_DATA, place: Path = Path()) -> Imported:
    """Reads the answers in a folder, and commits a run of kind `import`.

    Where all of them are there already, as they are, nothing is committed.  Raises `NothingLeft` when none
    of them can be used.
    """
    with run_in(data, config, IMPORT, variant=str(place), base=manifest.newest, asks_model=False) as run:
        with StageSequence(run.context, run.config) as sequence:
            sequence.stage(STAGE, AnswersIn(place=place))
        (stage_run,) = sequence.done
        _refuse_nothing(run, stage_run)
        assert stage_run.output is not None, "it has answers that can be used"
        before = stages_of(run.base)
        outputs = merged_imports(run.store, before, stage_run.output)
        stands = run.base is not None and _same(before.get(IMPORT), outputs[IMPORT])
        is_whole = run.base is None or run.base.status == "complete"
        return run.commit(
            Imported,
            [stage_run],
            outputs,
            "complete" if is_whole else "partial",
            parent=None if run.base is None else run.base.run_id,
            stands=run.base.run_id if run.base is not None and stands else None,
            n_instructions=sum(ref.rows for ref in stage_run.output.tables[INSTRUCTIONS.name]),
            unusable=_unusable(run, outputs[IMPORT]),
        )


def _refuse_nothing(run: OpenRun, stage_run: StageRun) -> None:
    output = stage_run.output
    if output is None or output.counts.n_out:
        raise_stop([stage_run])
        return
    manifest.finish(run.context.data)  # there is nothing to go on from
    fix = "name the folder that holds the answers"
    if unusable := _unusable(run, output):
        fix = printable(f"look at the first: {unusable[0].place}: {unusable[0].detail}")
    raise NothingLeft(f"none of {output.counts.n_in:,} answers can be used", fix=fix)


def _same(before: StageOutput | None, now: StageOutput) -> bool:
    """Whether what is imported is what was there; what was refused on the way is no part of it."""
    tables = now.tables.keys() - {REJECTS.name}
    return before is not None and before.digests(*sorted(tables)) == now.digests(*sorted(tables))


def _unusable(run: OpenRun, imported: StageOutput) -> tuple[Unusable, ...]:
    rejects = run.store.read(REJECTS, imported.tables[REJECTS.name])
    return tuple(
        Unusable(place=reject.row_id, reason=reject.reason, detail=reject.detail) for reject in rejects
    )
