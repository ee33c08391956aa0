"""What is freed, and what never is."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flows.prune import prune as prune_folder
from flows.serve_model import served_file
from tasks.errors import UsageError
from tasks.model_folders import model_digest
from warehouse import manifest
from warehouse.connect import open_database
from warehouse.fulltext import index_of
from warehouse.lock import folder_lock
from warehouse.manifest import PendingRun
from warehouse.prune import prune
from warehouse.store import Store
from warehouse.tables import TOOLS


@pytest.fixture
def data(tmp_path: Path, build: ModuleType) -> Path:
    """Three runs, each with a tools table of its own; the second is partial."""
    for number, status in enumerate(["complete", "partial", "complete"]):
        commit(tmp_path, build, f"run-{number}", number, status)
    return tmp_path


def commit(root: Path, build: ModuleType, run_id: str, number: int, status: str) -> None:
    finished = build.NOON + timedelta(hours=number)
    run = build.run(run_id=run_id, started_at=finished)
    rows = [build.tool(description=f"{number}"), run]
    manifest.commit(root, build.snapshot(root, *rows, run_id=run_id, status=status, finished_at=finished))


def descriptions(root: Path, run: str | None = None) -> list[Any]:
    with open_database(root, run) as connection:
        return connection.execute("SELECT description FROM tools").fetchall()


def test_the_last_runs_are_kept_and_the_space_of_others_freed(data: Path) -> None:
    runs = [manifest.load(data, f"run-{number}") for number in range(3)]
    of_run = [{data / ref.path for refs in run.tables.values() for ref in refs} for run in runs]

    pruned = prune(data, data / "cache", keep=1)

    left = {path for run in of_run for path in run if path.is_file()}
    assert pruned.runs == ("run-0", "run-1")
    assert [run.run_id for run in manifest.list_runs(data)] == ["run-2"]
    assert left == of_run[2]
    assert pruned.n_bytes > 0
    assert descriptions(data) == [("2",)]
    with pytest.raises(UsageError, match="there is no run 'run-0'"):
        descriptions(data, "run-0")


def test_what_is_shown_is_kept_however_old(data: Path, build: ModuleType) -> None:
    commit(data, build, "run-3", 3, "partial")
    commit(data, build, "run-4", 4, "partial")

    pruned = prune(data, data / "cache", keep=1)

    assert [run.run_id for run in manifest.list_runs(data)] == ["run-2", "run-4"]
    assert pruned.runs == ("run-0", "run-1", "run-3")
    assert descriptions(data) == [("2",)]


def test_a_reader_that_is_open_goes_on_reading(data: Path) -> None:
    with open_database(data) as connection:
        prune(data, data / "cache", keep=1)
        assert connection.execute("SELECT description FROM tools").fetchall() == [("2",)]


def test_cached_results_go_with_their_files(data: Path) -> None:
    (data / "cache").mkdir()
    kept = manifest.load(data, "run-2").tables["tools"][0]
    for name, path in (("stands", kept.path), ("falls", "tables/tools/none.parquet")):
        (data / "cache" / name).write_text(json.dumps({"result": json.dumps([{"path": path}])}))

    pruned = prune(data, data / "cache", keep=1)

    assert pruned.n_entries == 1
    assert [path.name for path in (data / "cache").iterdir()] == ["stands"]


def test_reports_and_search_indexes_go_with_their_runs(data: Path) -> None:
    (data / "reports").mkdir()
    reports = [data / "reports" / f"run-{number}.html" for number in range(3)]
    kept = index_of(data, manifest.load(data, "run-2"))
    kept.parent.mkdir()
    others = [kept.with_name(name) for name in ("0.sqlite", ".1.sqlite.tmp", ".2.sqlite.tmp")]
    for path in (*reports, kept, *others):
        path.write_text("content")
    os.utime(others[1], (0, 0))

    pruned = prune(data, data / "cache", keep=1)

    assert (pruned.n_reports, pruned.n_indexes) == (2, 2)
    assert [path.is_file() for path in (*reports, kept, *others)] == [
        *(False, False, True),
        True,
        *(False, False, True),  # the last may be of a search that is under way
    ]


def test_what_a_run_that_died_had_finished_is_kept(data: Path, build: ModuleType) -> None:
    (data / "cache").mkdir()
    begun = PendingRun(run_id="run-3", as_of={}, started_at=build.NOON, config_digest="config")
    manifest.begin(data, begun)
    finished = Store(data).write_shard(TOOLS, [build.tool(description="finished")])
    abandoned = Store(data).write_shard(TOOLS, [build.tool(description="abandoned")])
    for ref, days_before in ((finished, 0), (abandoned, 1)):
        entry = data / "cache" / f"{days_before} days before"
        entry.write_text(json.dumps({"result": json.dumps([ref.model_dump()])}))
        moment = (begun.started_at - timedelta(days_before)).timestamp()
        os.utime(entry, (moment, moment))

    prune(data, data / "cache", keep=1)

    assert [(data / ref.path).is_file() for ref in (finished, abandoned)] == [True, False]


def test_it_is_refused_while_a_run_works_on_the_folder(data: Path) -> None:
    with folder_lock(data, "refresh mine"), pytest.raises(UsageError, match=r"another run .*: refresh mine"):
        prune_folder(data, keep=1)

    assert len(manifest.list_runs(data)) == 3


def test_it_says_what_it_freed(data: Path) -> None:
    told = prune_folder(data, keep=2).splitlines()

    assert told[:3] == ["runs removed: 1", "  run-0", "runs kept: 2"]
    assert re.fullmatch(r"0\.0 MB freed: \d files of tables, 0 cached results, 0 reports, .*", told[3])
    assert told[3].endswith(
        "0 search indexes, 0 bases and 0 served files of models that are not here, 0 files that runs "
        "which were killed had begun"
    )


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run in"):
        prune_folder(tmp_path / "none", keep=1)
    assert not (tmp_path / "none").exists()


def model(folder: Path, text: str, base_digest: str = "") -> str:
    """Writes a model, and its card if it was trained; gives its digest."""
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text(text)
    digest = model_digest(folder)
    if base_digest:
        card = {"kind": "chat", "digest": digest, "base": "base", "base_digest": base_digest}
        times = {"data_digest": "data", "made_at": "2026-03-01T12:00:00Z", "seconds": 1.0}
        (folder / "card.json").write_text(json.dumps(card | times))
        folder.rename(folder.with_name(digest))
    return digest


def test_copies_of_models_go_with_the_models_which_stay(data: Path, build: ModuleType) -> None:
    """Nor do they while a run is to be gone on with."""
    used, unused = model(data / "bases" / "used", "1"), model(data / "bases" / "unused", "2")
    trained = model(data / "models" / "made", "3", base_digest=used)
    (data / "served").mkdir()
    files = [served_file(data / "served", digest) for digest in (used, unused, trained, "elsewhere")]
    for path in files:
        path.write_text("weights")
    manifest.begin(data, PendingRun(run_id="run-3", as_of={}, started_at=build.NOON, config_digest="config"))

    prune_folder(data, keep=1)
    assert [path.is_file() for path in files] == [True] * 4

    commit(data, build, "run-3", 3, "complete")
    said = prune_folder(data, keep=1)

    assert [path.is_file() for path in files] == [True, False, True, False]
    assert [path.name for path in (data / "bases").iterdir()] == ["used"]
    assert (data / "models" / trained / "model.safetensors").is_file()
    assert "1 bases and 2 served files of models that are not here" in said
