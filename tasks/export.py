"""Export: a committed run as files that other tools read; a task, so that the Prefect UI shows it."""

from __future__ import annotations

from pathlib import Path

from prefect import task

from tasks.exporting.export import EXPORTS, Exported, export_run, export_there
from tasks.exporting.params import ExportParams

STAGE = "export"


@task(name=STAGE, task_run_name="export-{format_}", tags=[STAGE], persist_result=False)
def export(data: Path, run_id: str, format_: str, params: ExportParams) -> Exported:
    """Writes the run to `<data>/exports/<format>`, unless just that is there already.

    Not cached: the folder says itself what it is of.
    """
    out = data / EXPORTS / format_
    return export_there(out, format_, run_id, params) or export_run(
        data, format_, out, run=run_id, params=params
    )
