"""Manifests: which run is shown, what a damaged one says, and how a crashed run is gone on with."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest

from tasks.errors import BrokenContract, UsageError
from warehouse.manifest import (
    FORMAT,
    Manifest,
    PendingRun,
    begin,
    chosen,
    commit,
    crashed_run,
    finish,
    list_runs,
    load,
    newest,
)
from warehouse.ref import Counts, StageOutput, TableRef


def _committed(root: Path, build: ModuleType, run_id: str, hours: int, status: str) -> None:
    commit(root, build.manifest(run_id, status=status, finished_at=build.NOON + timedelta(hours=hours)))


def test_a_manifest_comes_back_as_it_was(tmp_path: Path, build: ModuleType) -> None:
    ref = TableRef(table="apis", path="tables/apis/x.parquet", rows=3, content_digest="3-0", file_digest="x")
    counts = Counts(unit="API", n_in=3, n_out=3, n_rejected=0)
    output = StageOutput(stage="crawl", shards={"apis": (ref, ref)}, tables={"apis": (ref,)}, counts=counts)
    written = build.manifest(stages={"crawl": output}, tables={"apis": (ref,)})
    commit(tmp_path, written)
    assert load(tmp_path, "run-1") == written


@pytest.mark.parametrize(
    ("runs", "shown"),
    [
        ([], None),
        ([("a", 1, "complete"), ("b", 2, "complete")], "b"),
        ([("b", 1, "complete"), ("a", 2, "complete")], "a"),
        ([("a", 1, "complete"), ("b", 2, "partial")], "a"),
        ([("a", 1, "partial"), ("b", 2, "partial")], "b"),
        ([("b", 1, "complete"), ("a", 1, "complete")], "b"),
    ],
)
def test_the_newest_complete_run_is_shown_else_the_newest_partial(
    tmp_path: Path, build: ModuleType, runs: list[tuple[str, int, str]], shown: str | None
) -> None:
    for run_id, hours, status in runs:
        _committed(tmp_path, build, run_id, hours, status)
    found = newest(tmp_path)
    assert (found and found.run_id) == shown


def test_runs_are_listed_oldest_first_without_pending_or_half_ones(tmp_path: Path, build: ModuleType) -> None:
    begin(tmp_path, _pending(build, "run-9"))
    (tmp_path / "runs" / ".run-8.json.1f.tmp").write_text("{")
    _committed(tmp_path, build, "b", 1, "partial")
    _committed(tmp_path, build, "a", 2, "complete")
    assert [(run.run_id, run.status) for run in list_runs(tmp_path)] == [("b", "partial"), ("a", "complete")]


@pytest.mark.parametrize("run_id", ["run-2", "../run-1", "pending", "", ".hidden"])
def test_a_run_that_is_not_there_is_a_wrong_name(tmp_path: Path, build: ModuleType, run_id: str) -> None:
    commit(tmp_path / "data", build.manifest())
    (tmp_path / "data" / "run-1.json").write_text("{}")
    begin(tmp_path / "data", _pending(build, "run-9"))
    with pytest.raises(UsageError) as error:
        load(tmp_path / "data", run_id)
    assert error.value.message == f"there is no run {run_id!r} in {tmp_path / 'data'}"
    assert error.value.fix == "`toolloom runs` lists them"


def test_a_manifest_of_a_later_format_asks_for_an_upgrade(tmp_path: Path, build: ModuleType) -> None:
    path = commit(tmp_path, build.manifest())
    path.write_bytes(orjson.dumps({"format": FORMAT + 1, "all": "different"}))
    with pytest.raises(UsageError) as error:
        newest(tmp_path)
    complaint = f"{path} has format {FORMAT + 1}; this version of toolloom reads up to {FORMAT}"
    assert (error.value.message, error.value.fix) == (complaint, "upgrade toolloom")


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_truncated_manifest_is_named(tmp_path: Path, build: ModuleType, keep: int) -> None:
    path = commit(tmp_path, build.manifest())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UsageError) as error:
        newest(tmp_path)
    assert error.value.message.startswith(f"{path} is damaged: ")
    assert error.value.fix is not None


@pytest.mark.parametrize("content", [b"[]", b'{"run_id": "run-1"}', b'{"format": "x"}'])
def test_a_file_that_is_no_manifest_is_named(tmp_path: Path, build: ModuleType, content: bytes) -> None:
    path = commit(tmp_path, build.manifest())
    path.write_bytes(content)
    with pytest.raises(UsageError) as error:
        load(tmp_path, "run-1")
    assert error.value.message.startswith(f"{path} is damaged: ")


@pytest.mark.parametrize("place", ["tables", "stage tables", "stage shards"])
def test_a_file_of_one_table_is_not_named_as_another_s(tmp_path: Path, build: ModuleType, place: str) -> None:
    ref = build.write(tmp_path, build.api())["apis"][0].model_dump()
    path = commit(tmp_path, build.manifest())
    content = orjson.loads(path.read_bytes())
    counts = {"unit": "API", "n_in": 1, "n_out": 1, "n_rejected": 0}
    stage = {"stage": "probe", "shards": {}, "tables": {}, "counts": counts}
    content["stages"] = {"probe": stage}
    (stage if place.startswith("stage") else content)[place.rsplit(maxsplit=1)[-1]] = {"tools": [ref]}
    path.write_bytes(orjson.dumps(content))
    with pytest.raises(UsageError, match=r"is damaged: (.|\n)*is no file of table 'tools'"):
        load(tmp_path, "run-1")


def test_a_run_is_committed_once(tmp_path: Path, build: ModuleType) -> None:
    first: Manifest = build.manifest()
    commit(tmp_path, first)
    commit(tmp_path, first)
    with pytest.raises(BrokenContract, match="run run-1 was committed before, with other content"):
        commit(tmp_path, first.model_copy(update={"status": "partial"}))
    assert load(tmp_path, "run-1") == first


def _pending(build: ModuleType, run_id: str, **given: Any) -> PendingRun:
    defaults = {"as_of": {"crawl": build.NOON}, "started_at": build.NOON, "config_digest": "config"}
    return PendingRun(run_id=run_id, **{**defaults, **given})


def test_a_run_begins_as_itself_when_none_crashed(tmp_path: Path, build: ModuleType) -> None:
    run = _pending(build, "run-1")
    assert begin(tmp_path, run) == run
    finish(tmp_path)
    finish(tmp_path)
    later = _pending(build, "run-2")
    assert begin(tmp_path, later) == later


def test_a_crashed_run_is_gone_on_with(tmp_path: Path, build: ModuleType) -> None:
    crashed = _pending(build, "run-1")
    begin(tmp_path, crashed)
    later = build.NOON + timedelta(days=1)
    assert begin(tmp_path, _pending(build, "run-2", as_of={"crawl": later}, started_at=later)) == crashed
    assert crashed_run(tmp_path) == crashed


def test_another_configuration_keeps_only_when_the_world_was_looked_at(
    tmp_path: Path, build: ModuleType
) -> None:
    begin(tmp_path, _pending(build, "run-1"))
    later = build.NOON + timedelta(days=1)
    new = _pending(
        build, "run-2", as_of={"crawl": later, "probe": later}, started_at=later, config_digest="changed"
    )
    expected = new.model_copy(update={"as_of": {"crawl": build.NOON, "probe": later}})
    assert begin(tmp_path, new) == expected
    assert crashed_run(tmp_path) == expected


def test_a_crashed_run_is_gone_on_with_by_its_own_kind_only(tmp_path: Path, build: ModuleType) -> None:
    begin(tmp_path, _pending(build, "run-1"))
    probing = _pending(build, "run-2", kind="probe", as_of={"probe": build.NOON})
    assert begin(tmp_path, probing) == probing
    assert begin(tmp_path, _pending(build, "run-3", kind="probe")) == probing


def test_a_run_that_died_after_its_commit_did_not_crash(tmp_path: Path, build: ModuleType) -> None:
    begin(tmp_path, _pending(build, "run-1"))
    commit(tmp_path, build.manifest("run-1"))
    new = _pending(build, "run-2")
    assert crashed_run(tmp_path) is None
    assert begin(tmp_path, new) == new


THREE_RUNS = [("2026-02-01", 1, "complete"), ("2026-03", 2, "complete"), ("2026-02", 3, "partial")]


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("2026-03", "2026-03"),
        ("2026-02", "2026-02"),
        ("2026-02-0", "2026-02-01"),
        ("latest", "2026-02"),
        ("latest~0", "2026-02"),
        ("latest~2", "2026-02-01"),
    ],
)
def test_a_run_is_named_by_the_beginning_of_its_id_or_from_the_last(
    tmp_path: Path, build: ModuleType, named: str, found: str
) -> None:
    for run_id, hours, status in THREE_RUNS:
        _committed(tmp_path, build, run_id, hours, status)
    assert chosen(tmp_path, named).run_id == found


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("2026", "3 runs begin with '2026':\n  2026-02"),
        *(
            (named, f"there is no run {named!r} in")
            for named in ("latest~3", "latest~x", "pending", "../x", "")
        ),
    ],
)
def test_a_name_of_no_run_or_of_several_is_wrong(
    tmp_path: Path, build: ModuleType, named: str, message: str
) -> None:
    for run_id, hours, status in THREE_RUNS:
        _committed(tmp_path, build, run_id, hours, status)
    begin(tmp_path, _pending(build, "run-9"))
    with pytest.raises(UsageError) as error:
        chosen(tmp_path, named)
    assert error.value.message.startswith(message)
