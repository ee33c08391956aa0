"""Freeing space: what no run that is kept, and no run that is to be gone on with, needs any more.

Files are unlinked, which takes nothing from whoever has them open.  The newest complete run and the last
one are always among those kept, and history tables are theirs, so that neither views nor the next refresh
miss anything.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from warehouse import manifest
from warehouse.connect import run_before, snapshot_files
from warehouse.fulltext import index_of
from warehouse.manifest import Manifest

FOLDERS = ("shards", "tables")
ABANDONED_S = 3600.0  # a search makes its index in seconds, and holds no lock
_PATHS = re.compile(rf'"path"\s*:\s*"((?:{"|".join(FOLDERS)})/[^"]+\.parquet)"')


@dataclass(frozen=True)
class Pruned:
    """What went.  runs: their ids, oldest first; entries: of the cache, whose files went."""

    runs: tuple[str, ...]
    n_kept: int
    n_files: int
    n_entries: int
    n_reports: int
    n_indexes: int
    n_bytes: int


def prune(root: Path, cache: Path, *, keep: int) -> Pruned:
    """Keeps the last `keep` runs (1 or more) and frees what only others need.

    cache: the folder of cached results, files of JSON that name table files.  Only for the holder of the
    folder's lock.
    """
    kept, gone = _divided(root, keep)
    needed = {path for run in kept for path in _paths_of(run)}
    needed |= _shown(root) | _needed_to_go_on(root, cache)
    # The manifests first: a run that is listed has all its files.
    sizes = [_remove(manifest.path_of(root, run)) for run in gone]
    files = [path for path in _table_files(root) if path not in needed]
    sizes += [_remove(root / path) for path in files]
    entries = [entry for entry in _entries(cache) if not _stands(root, entry)]
    sizes += [_remove(entry) for entry in entries]
    reports, indexes = _reports_of_others(root, kept), _indexes_of_others(root, kept)
    sizes += [_remove(path) for path in (*reports, *indexes)]
    return Pruned(gone, len(kept), len(files), len(entries), len(reports), len(indexes), sum(sizes))


def _divided(root: Path, keep: int) -> tuple[list[Manifest], tuple[str, ...]]:
    """The runs that are kept, and the ids of the others."""
    runs = [run.run_id for run in manifest.list_runs(root)]
    newest = manifest.newest(root)
    kept = {*runs[-keep:], *([] if newest is None else [newest.run_id])}
    return [manifest.load(root, run) for run in runs if run in kept], tuple(
        run for run in runs if run not in kept
    )


def _reports_of_others(root: Path, kept: Iterable[Manifest]) -> list[Path]:
    of_kept = {run.run_id for run in kept}
    return [path for path in sorted((root / "reports").glob("[!.]*.html")) if path.stem not in of_kept]


def _indexes_of_others(root: Path, kept: Iterable[Manifest]) -> list[Path]:
    """Indexes of the full-text search, and what searches that were killed long ago left of theirs."""
    of_kept = {index_of(root, run) for run in kept}
    indexes = [path for path in sorted((root / "search").glob("[!.]*")) if path not in of_kept]
    long_ago = time.time() - ABANDONED_S
    begun = [path for path in sorted((root / "search").glob(".*")) if path.stat().st_mtime < long_ago]
    return indexes + begun


def _paths_of(run: Manifest) -> Iterable[str]:
    for refs in run.tables.values():
        yield from (ref.path for ref in refs)
    for output in run.stages.values():
        yield from (ref.path for ref in output.refs)
        yield from (ref.path for refs in output.shards.values() for ref in refs)


def _shown(root: Path) -> set[str]:
    """What the views read: files of no rows stand in for tables that have none."""
    newest = manifest.newest(root)
    files = snapshot_files(root, newest, run_before(root, newest))
    return {path.relative_to(root).as_posix() for paths in files.values() for path in paths}


def _needed_to_go_on(root: Path, cache: Path) -> set[str]:
    """What a run that died or stopped has finished: files named by what was cached since it began."""
    crashed = manifest.crashed_run(root)
    if crashed is None:
        return set()
    began = crashed.started_at.timestamp()
    return {path for entry in _entries(cache) if entry.stat().st_mtime >= began for path in _named(entry)}


def _table_files(root: Path) -> list[str]:
    found = (path for folder in FOLDERS for path in (root / folder).glob("*/*.parquet"))
    return sorted(path.relative_to(root).as_posix() for path in found)


def _entries(cache: Path) -> list[Path]:
    return sorted(path for path in cache.glob("*") if path.is_file()) if cache.is_dir() else []


def _named(entry: Path) -> set[str]:
    # The results are JSON within JSON: quotes may be escaped.
    return set(_PATHS.findall(entry.read_text(encoding="utf-8").replace("\\", "")))


def _stands(root: Path, entry: Path) -> bool:
    return all((root / path).is_file() for path in _named(entry))


def _remove(path: Path) -> int:
    """The bytes it took."""
    size = path.stat().st_size
    path.unlink()
    return size
