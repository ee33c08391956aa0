"""Freeing the space of runs that nobody needs any more."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from flows.serve_model import served_file
from tasks.errors import UsageError
from tasks.model_folders import bases_of_models, model_digest
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
        copies = _free_copies(data)
        build_database(data, manifest.newest(data))
    return _describe(pruned, copies, len(leftovers))


@dataclass(frozen=True)
class _Copies:
    """Copies of models that went: bases that were made of files, and files that llama.cpp reads."""

    n_bases: int = 0
    n_served: int = 0
    n_bytes: int = 0


def _free_copies(data: Path) -> _Copies:
    """What can be made again, of models that are not here; the models that were trained all stay.

    While a run is to be gone on with, which may be a training, nothing goes.
    """
    if manifest.crashed_run(data) is not None:
        return _Copies()
    models = bases_of_models(data)
    bases = {path: model_digest(path) for path in sorted((data / "bases").glob("[!.]*")) if path.is_dir()}
    unused = [path for path, digest in bases.items() if digest not in models.values()]
    here = {*models, *(digest for path, digest in bases.items() if path not in unused)}
    read = {served_file(data / "served", digest) for digest in here}
    served = [path for path in sorted((data / "served").glob("[!.]*.gguf")) if path not in read]
    files = [file for path in unused for file in path.rglob("*") if file.is_file()]
    n_bytes = sum(path.stat().st_size for path in (*files, *served))
    for path in unused:
        shutil.rmtree(path)
    for path in served:
        path.unlink()
    return _Copies(len(unused), len(served), n_bytes)


def _describe(pruned: Pruned, copies: _Copies, n_leftovers: int) -> str:
    n_bytes = pruned.n_bytes + copies.n_bytes
    freed = f"{n_bytes / 1e6:,.1f} MB freed: {pruned.n_files:,} files of tables"
    others = (
        f"{pruned.n_reports:,} reports, {pruned.n_indexes:,} search indexes, {copies.n_bases:,} bases and "
        f"{copies.n_served:,} served files of models that are not here, {n_leftovers:,} files that runs "
        "which were killed had begun"
    )
    removed = f"runs removed: {len(pruned.runs):,}" + "".join(f"\n  {run}" for run in pruned.runs)
    return f"{removed}\nruns kept: {pruned.n_kept:,}\n{freed}, {pruned.n_entries:,} cached results, {others}"
