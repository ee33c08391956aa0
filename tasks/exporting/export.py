"""An export from a run to a folder, in one of the formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.errors import NothingLeft, UsageError
from tasks.exporting.beir import export_beir
from tasks.exporting.folder import ExportFolder, described, export_folder, refuse_foreign
from tasks.exporting.huggingface import export_huggingface
from tasks.exporting.openai_messages import export_openai
from tasks.exporting.params import ExportFormat, ExportParams
from tasks.exporting.rl import export_rl
from tasks.exporting.searches import Source, open_source
from tasks.exporting.toolbench import export_toolbench
from tasks.exporting.toolbench_answer import export_toolllama
from tasks.exporting.tooleval import export_tooleval
from tasks.exporting.trainers import export_llamafactory, export_trl

WHATEVER_THE_END = (ExportFormat.TOOLBENCH, ExportFormat.TOOLEVAL)
WITHOUT_SEARCHES = (ExportFormat.BEIR,)
EXPORTS = "exports"  # in the data folder: where exports are written unless another place is named
FORMATS: Mapping[str, Callable[[Source, ExportFolder], None]] = {
    ExportFormat.TOOLBENCH: export_toolbench,
    ExportFormat.TOOLLLAMA: export_toolllama,
    ExportFormat.OPENAI: export_openai,
    ExportFormat.HF: export_huggingface,
    ExportFormat.TOOLEVAL: export_tooleval,
    ExportFormat.BEIR: export_beir,
    ExportFormat.TRL: export_trl,
    ExportFormat.LLAMAFACTORY: export_llamafactory,
    ExportFormat.RL: export_rl,
}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, by file or folder, in rows; and what was left out, by reason: searches, or of a
    format without searches instructions.
    """

    format: str
    run_id: str
    out: Path
    written: Mapping[str, int]
    left_out: Mapping[str, int]

    @property
    def unit(self) -> str:
        return "instruction" if self.format in WITHOUT_SEARCHES else "search"


def export_run(data: Path, format_: str, out: Path, *, run: str | None, params: ExportParams) -> Exported:
    """Writes a run, the newest unless named, to `out`; an earlier export of the format there is replaced.

    Raises `UsageError` for an unknown format, no run, or a folder that is not to be written; `NothingLeft`
    when the run has nothing for this format.
    """
    write = FORMATS.get(format_)
    if write is None:
        raise UsageError(f"there is no format {format_!r}", fix=f"known formats: {', '.join(FORMATS)}")
    refuse_foreign(out.resolve(), format_)
    has_all = format_ in WHATEVER_THE_END and not params.passed
    taken = params.model_copy(update={"give_ups": True}) if has_all else params
    if format_ in WITHOUT_SEARCHES:
        taken = ExportParams(held_out=params.held_out)
    searched = format_ not in WITHOUT_SEARCHES
    with (
        open_source(data, run, taken, searched=searched) as source,
        export_folder(out, format_) as folder,
    ):
        write(source, folder)
        if not folder.written:
            raise NothingLeft(
                f"run {source.run_id} has nothing for format {format_}: {_reasons(source.left_out)}",
                fix="look at the searches with `toolloom show`",
            )
        folder.describe({**_identity(format_, source.run_id, params), "left_out": source.left_out})
        return Exported(format_, source.run_id, out, folder.written, source.left_out)


def export_there(out: Path, format_: str, run_id: str, params: ExportParams) -> Exported | None:
    """The export of just this run with just these settings that `out` holds already, if it does."""
    found = described(out)
    identity = _identity(format_, run_id, params)
    if found is None or any(found.get(key) != value for key, value in identity.items()):
        return None
    return Exported(format_, run_id, out, found["written"], found["left_out"])


def _identity(format_: str, run_id: str, params: ExportParams) -> dict[str, Any]:
    return {"format": format_, "run_id": run_id, **params.model_dump(include=set(ExportParams.model_fields))}


def _reasons(left_out: Mapping[str, int]) -> str:
    return "; ".join(f"{n} left out: {reason}" for reason, n in left_out.items()) or "no row of its kind"
