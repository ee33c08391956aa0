"""`toolloom store` on a folder with two runs: one searched for 24 instructions, the other for 12 of them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from commands import SMALL, Command, Sandbox
from snapshots import Snapshot, rows, stored_calls, stored_replies
from typer.testing import CliRunner

from flows.cli import app
from flows.stores import STORES
from warehouse import manifest
from warehouse.keys import keys_of
from warehouse.lock import folder_lock

FEWER = ["--set", "annotate.limit=12"]


@pytest.fixture(scope="module")
def two_runs(
    toolloom: Command, sandbox: Sandbox, uninterrupted: Snapshot, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A refresh, and one that stands on half of its searches."""
    data = tmp_path_factory.mktemp("two-runs") / "data"
    shutil.copytree(uninterrupted.data, data)
    done = toolloom("refresh", *SMALL, *FEWER, *sandbox.settings(), "--data", data)
    assert done.returncode == 0, done.stderr
    return data


@pytest.fixture
def data(two_runs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(two_runs, tmp_path / "data"))


def toolloom_store(data: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["store", *arguments, "--data", str(data)])
    assert result.exit_code == 0, result.output
    return result.output


def stores(data: Path) -> dict[str, dict[str, Any]]:
    return {one["store"]: one for one in json.loads(toolloom_store(data, "--format", "json"))["stores"]}


def age(data: Path, days: float) -> None:
    """Everything in the stores becomes so much older."""
    for name in ("replies", "calls"):
        with sqlite3.connect(data / "store" / f"{name}.sqlite") as connection:
            connection.execute(
                "UPDATE entries SET stored_at = stored_at - ?",
                (days * 86_400,),
            )
        connection.close()


def test_every_reply_and_call_of_a_whole_run_is_in_use(data: Path) -> None:
    found = stores(data)
    assert {name: (one["n_entries"], one["n_unwanted"]) for name, one in found.items()} == {
        "replies": (stored_replies(data), 0),
        "calls": (stored_calls(data), 0),
    }
    assert found["replies"]["n_bytes"] == (data / "store" / "replies.sqlite").stat().st_size


def test_hits_are_told_per_stage(data: Path) -> None:
    hits = json.loads(toolloom_store(data, "--format", "json"))["hits"]
    counted = "SELECT count(*) AS n, count(*) FILTER (WHERE from_store) AS found FROM llm_calls"
    in_sql = rows(data, f"{counted} WHERE stage <> 'endpoint'")
    replies = [hit for hit in hits if hit["store"] == "replies"]
    assert [hit["stage"] for hit in replies] == ["annotate", "compress", "propose"]
    assert [sum(hit[of] for hit in replies) for of in ("n_asked", "n_found")] == [
        in_sql[0]["n"],
        in_sql[0]["found"],
    ]
    annotate = replies[0]
    assert 0 < annotate["n_found"] < annotate["n_asked"]  # the second run's searches replay the first's
    assert annotate["hit_rate"] == round(annotate["n_found"] / annotate["n_asked"], 3)


def test_nothing_that_a_run_stands_on_is_freed(data: Path) -> None:
    age(data, 30)
    before = stored_replies(data), stored_calls(data)
    assert "replies: freed 0 entries" in toolloom_store(data, "prune")
    assert (stored_replies(data), stored_calls(data)) == before


@pytest.mark.parametrize("keep", [("--keep-runs", "1"), ("--older-than", "0")])
def test_what_only_earlier_runs_stand_on_is_freed(data: Path, keep: tuple[str, str]) -> None:
    age(data, 30)
    newest = manifest.newest(data)
    assert newest is not None
    used = {name: len(keys_of(data, [newest], table).keys) for name, table in STORES.items()}
    before = stores(data)

    freed = toolloom_store(data, "prune", *keep)

    after = stores(data)
    assert {name: one["n_entries"] for name, one in after.items()} == used
    assert after["replies"]["n_bytes"] < before["replies"]["n_bytes"]
    n_freed = {name: before[name]["n_entries"] - used[name] for name in used}
    assert min(n_freed.values()) > 0
    assert f"replies: freed {n_freed['replies']:,} entries" in freed


@pytest.mark.slow
def test_after_pruning_the_kept_run_asks_nothing_again(
    toolloom: Command, sandbox: Sandbox, data: Path
) -> None:
    age(data, 30)
    toolloom_store(data, "prune", "--keep-runs", "1")
    shutil.rmtree(data / "prefect")  # no cache helps: only the stores are left
    asked = sandbox.stats["requests"]
    done = toolloom("refresh", *SMALL, *FEWER, *sandbox.settings(), "--data", data)
    assert done.returncode == 0, done.stderr
    assert sandbox.stats["requests"] == asked


def test_what_was_stored_since_the_last_refresh_began_stays(data: Path) -> None:
    before = stored_replies(data)
    for run in manifest.list_runs(data):
        assert run.kind == "refresh"
    with sqlite3.connect(data / "store" / "replies.sqlite") as connection:
        connection.execute("INSERT INTO entries VALUES (x'00', x'31', unixepoch() + 60)")
        connection.execute("INSERT INTO entries VALUES (x'01', x'31', 1000)")
    connection.close()
    assert "replies: freed 1 entries" in toolloom_store(data, "prune")
    assert stored_replies(data) == before + 1


def test_a_refresh_whose_manifest_was_pruned_was_completed(data: Path) -> None:
    """As `toolloom probe` twice and `toolloom prune --keep 2` leave the folder."""
    newest = manifest.newest(data)
    assert newest is not None
    for number in (1, 2):
        later = {"finished_at": newest.finished_at + timedelta(hours=number), "kind": "probe"}
        manifest.commit(data, newest.model_copy(update={"run_id": f"probe-{number}", **later}))
    for run in manifest.list_runs(data):
        if run.kind == "refresh":
            manifest.path_of(data, run.run_id).unlink()
    age(data, 30)

    freed = toolloom_store(data, "prune")

    used = keys_of(data, [newest], STORES["replies"]).keys
    assert stored_replies(data) == len(used) > 0
    assert "replies: freed" in freed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keep-runs", "1", "--older-than", "2"], "exclude each other"),
        (["--keep-runs", "0"], "greater than or equal to 1"),
    ],
)
def test_contradictions_are_refused(data: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["store", "prune", *arguments, "--data", str(data)])
    assert result.exit_code == 2
    assert message in result.output


def test_nothing_is_freed_while_a_run_holds_the_folder(data: Path) -> None:
    with folder_lock(data, "refresh test"):
        result = CliRunner().invoke(app, ["store", "prune", "--data", str(data)])
        assert toolloom_store(data).startswith(" store")  # looking is allowed
    assert result.exit_code == 2
    assert "another run" in result.output
    assert "refresh test" in result.output


def test_without_a_complete_refresh_nothing_is_freed(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["store", "prune", "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert "no refresh was completed" in result.output
    assert "remove" not in result.output
    assert [one["n_entries"] for one in stores(tmp_path).values()] == [0, 0]
