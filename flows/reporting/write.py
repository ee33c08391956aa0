"""`toolloom report`: from a data folder to a file.

<data>/report.html             of the newest run; a refresh makes it anew
<data>/reports/<run>.html      of a run that was asked for by name
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from flows.reporting.collect import browsed, charts, run_figures
from flows.reporting.page import page
from tasks.errors import UsageError
from warehouse.connect import open_database
from warehouse.files import put, temporaries_beside
from warehouse.manifest import chosen

MOST_INSTRUCTIONS = 10_000

_LONGEST_WRITE_S = 600.0  # of the file alone: what is older has nobody who writes it


def write_report(data: Path, out: Path | None, *, run: str | None, limit: int = MOST_INSTRUCTIONS) -> Path:
    """Writes the report of a run, the newest unless named, and returns where it is.

    What a report to the same file that was killed left beside it ten minutes ago or longer is removed.
    Raises `UsageError` when there is no such run, or the file cannot be written.
    """
    run = run and chosen(data, run).run_id
    with open_database(data, run, thoroughly=True) as connection:
        figures = run_figures(connection)
        text = page(figures, charts(connection), browsed(connection, limit))
    path = out or report_path(data, run)
    if path.is_dir():
        raise UsageError(f"{path} is a folder", fix="name a file with --out, as in report.html")
    _remove_abandoned(path)
    put(path, text.encode())
    return path


def _remove_abandoned(path: Path) -> None:
    for left in temporaries_beside(path):
        with suppress(OSError):  # it has just been finished, or is not ours to remove
            if time.time() - left.stat().st_mtime > _LONGEST_WRITE_S:
                left.unlink()


def newest_report(data: Path, *, anew: bool) -> Path:
    """The report of the newest run; written when it has to be made anew, or is not there."""
    path = report_path(data, None)
    return write_report(data, None, run=None) if anew or not path.is_file() else path


def report_path(data: Path, run: str | None) -> Path:
    """run: None is the newest."""
    return data / "report.html" if run is None else data / "reports" / f"{run}.html"
