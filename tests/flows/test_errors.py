"""What a newcomer gets wrong: one clear message with the fix, the right exit code, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import Command, Sandbox, serve_sandbox

pytestmark = pytest.mark.slow

NOBODY = "http://127.0.0.1:9/v1"


def refused(done: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    """Exit code and message; a traceback would be a failure of its own."""
    assert "Traceback" not in done.stdout + done.stderr
    assert "fix:" in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--profile", "sandbx"], 2, "there is no profile 'sandbx'"),
        (["--set", "llm.modle=x"], 2, "llm.modle: no such key"),
        (["--config", "none.toml"], 2, "configuration file none.toml does not exist"),
        (["--set", "sandbox.serve=false", "--set", f"llm.base_url={NOBODY}"], 1, "does not answer"),
        (
            ["--set", "sandbox.serve=false", "--set", "llm.api_key_env=NOT_SET"],
            2,
            "NOT_SET, which is not set",
        ),
        (["--set", "budget.max_usd=1"], 2, "[llm] price_in is not set"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_starts(
    toolloom: Command, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    found, text = refused(toolloom("refresh", *arguments, "--data", tmp_path))

    assert found == code
    assert message in text


def test_bad_toml_names_file_and_place(toolloom: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[llm\n")

    code, text = refused(toolloom("refresh", "--config", tmp_path / "mine.toml"))

    assert code == 2
    assert f"{tmp_path / 'mine.toml'} is not valid TOML" in text
    assert "line 1" in text


def test_an_unknown_model_names_those_offered(toolloom: Command, sandbox: Sandbox, tmp_path: Path) -> None:
    code, text = refused(
        toolloom("refresh", *sandbox.settings(), "--set", "llm.model=gpt-9", "--data", tmp_path)
    )

    assert code == 2
    assert "gpt-9" in text
    assert "toolloom-teacher" in text


def test_a_folder_that_is_none_is_refused(toolloom: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    code, text = refused(toolloom("refresh", "--data", tmp_path / "file" / "data"))

    assert code == 2
    assert "cannot write into" in text


def test_two_runs_of_one_folder_are_refused(toolloom: Command, tmp_path: Path) -> None:
    holder = "import sys, time; from pathlib import Path; from warehouse.lock import folder_lock\n"
    holder += "with folder_lock(Path(sys.argv[1]), 'a test'): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", holder, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        code, text = refused(toolloom("refresh", "--data", tmp_path))
        process.kill()

    assert code == 2
    assert f"another run (pid {process.pid}" in text


def test_a_prefect_server_that_is_gone_is_named(toolloom: Command, tmp_path: Path) -> None:
    gone = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}

    code, text = refused(toolloom("refresh", "--data", tmp_path, env=gone))

    assert code == 2
    assert "no Prefect server answers at PREFECT_API_URL=http://127.0.0.1:9/api" in text


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM instructionz", "instructionz"),
        ("DROP VIEW tools", "only one SELECT can be run"),
        ("@funel", "did you mean @funnel?"),
    ],
)
def test_a_bad_query_is_explained(toolloom: Command, sql: str, message: str, a_run: Path) -> None:
    code, text = refused(toolloom("sql", sql, "--data", a_run))

    assert code == 2
    assert message in text


def test_sql_without_a_run_says_what_to_do(toolloom: Command, tmp_path: Path) -> None:
    code, text = refused(toolloom("sql", "SELECT 1", "--data", tmp_path))

    assert code == 2
    assert "run `toolloom refresh`" in text


@pytest.fixture(scope="module")
def a_run(toolloom: Command, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("a-run")
    done = toolloom("refresh", *sandbox.settings(), "--until", "crawl", "--data", data)
    assert done.returncode == 0, done.stderr
    return data


def test_an_endpoint_that_dies_midway_keeps_what_is_finished(
    toolloom: Command, prefect_api: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with serve_sandbox(tmp_path, "--fault-rate", "0") as served:
        slowly = ["--set", "llm.concurrency=2", "--set", "llm.outage_s=1"]
        command = ["refresh", *served.settings(), *slowly, "--data", str(data)]
        process = subprocess.Popen(
            [sys.executable, "-m", "flows", *command],
            env={**os.environ, "PREFECT_API_URL": prefect_api},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while served.stats["by_stage"].get("search", 0) < 20 and process.poll() is None:
            time.sleep(0.05)
        served.kill()
        output, errors = process.communicate(timeout=120)

    assert (process.returncode, "Traceback" in errors) == (1, False)
    assert "gave no usable answer" in errors
    assert "pending" in output
    kept = toolloom("sql", "SELECT count(*) AS n FROM instructions", "--format", "csv", "--data", data)
    assert kept.stdout.split() == ["n", "150"]
