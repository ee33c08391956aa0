"""Freeing the space of runs that nobody needs any more."""

from __future__ import annotations

from pathlib import Path

from tasks.errors import UsageError
from warehouse import manifest
from warehouse.connect import build_database
from warehouse.files import remove_leftovers
from warehouse.lock import folder_lock
from warehouse.prune import Pruned
from warehouse.prune import prune as free


def prune(data: Path, *, keep: int) -> str:
    """What went, as text.  Raises `UsageError` while a run works on the folder, or when it holds none."""
    if manifest.newest(data) is None:
        raise UsageError(f"there is no run in {data}", fix="name a folder that has runs with --data")
    with folder_lock(data, f"prune --keep {keep}"):
        leftovers = remove_leftovers(data)
        pruned = free(data, data / "prefect" / "results", keep=keep)
        build_database(data, manifest.newest(data))
    return _describe(pruned, len(leftovers))


def _describe(pruned: Pruned, n_leftovers: int) -> str:
    freed = f"{pruned.n_bytes / 1e6:,.1f} MB freed: {pruned.n_files:,} files of tables"
    others = (
        f"{pruned.n_reports:,} reports, {pruned.n_indexes:,} search indexes, {n_leftovers:,} files that runs "
        "which were killed had begun"
    )
    removed = f"runs removed: {len(pruned.runs):,}" + "".join(f"\n  {run}" for run in pruned.runs)
    return f"{removed}\nruns kept: {pruned.n_kept:,}\n{freed}, {pruned.n_entries:,} cached results, {others}"
