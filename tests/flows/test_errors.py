"""What a newcomer gets wrong: one clear message with the fix, the right exit code, no traceback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from commands import Command, Sandbox, command_with, refused

pytestmark = pytest.mark.slow

NOBODY = "http://127.0.0.1:9/v1"


class _Healthy(BaseHTTPRequestHandler):
    """As much of a Prefect server as is asked before a setting is refused."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def toolloom() -> Iterator[Command]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Healthy) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield command_with(f"http://127.0.0.1:{server.server_port}/api")
        server.shutdown()


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


def test_sql_without_a_run_says_what_to_do(toolloom: Command, tmp_path: Path) -> None:
    code, text = refused(toolloom("sql", "SELECT 1", "--data", tmp_path))

    assert code == 2
    assert "run `toolloom refresh`" in text
