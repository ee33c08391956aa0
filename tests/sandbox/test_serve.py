"""The command that serves the sandbox: real processes, real signals."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from sandbox.serve import main, scaled
from sandbox.teacher import TeacherFaults

STOP_TIMEOUT_S = 20


@contextmanager
def served(*options: str, stdin: int = subprocess.DEVNULL) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """A running sandbox and the line it printed once both servers were listening."""
    command = [sys.executable, "-m", "sandbox.serve", *options]
    process = subprocess.Popen(
        command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def test_both_servers_answer_where_the_line_says() -> None:
    with served() as (_, addresses):
        categories = requests.get(f"{addresses['hub']}/categories", timeout=30)
        models = requests.get(f"{addresses['teacher']}/models", timeout=30)

    assert set(addresses) == {"hub", "teacher"}
    assert addresses["hub"].startswith("http://127.0.0.1:")
    assert addresses["teacher"].endswith("/v1")
    assert len(categories.json()["categories"]) >= 6
    assert models.json()["object"] == "list"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_even_during_a_slow_answer(number: signal.Signals) -> None:
    with served() as (process, addresses):
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{addresses['hub']}/apis/grid-codes/dms", timeout=0.2)
        process.send_signal(number)
        _, errors = process.communicate(timeout=STOP_TIMEOUT_S)

    assert (process.returncode, errors) == (0, "")


def test_it_ends_with_its_standard_input() -> None:
    with served("--stdin-eof-stops", stdin=subprocess.PIPE) as (process, _):
        assert process.poll() is None
        _, errors = process.communicate(timeout=STOP_TIMEOUT_S)  # closes the pipe

    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("option", ["--hub-port", "--teacher-port"])
def test_a_taken_port_is_named(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        code = main([option, str(port)])

    printed = capsys.readouterr()
    assert (code, printed.out) == (1, "")
    assert printed.err == (
        f"port {port} on 127.0.0.1 is already in use; stop the program that uses it, "
        f"or choose another one with {option} (0: any free port)\n"
    )


@pytest.mark.parametrize(
    "arguments", [["--hub-port", "70000"], ["--fault-rate", "-1"], ["--fault-rate", "x"]]
)
def test_bad_options_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)

    assert refused.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_the_fault_rate_multiplies_every_rate_up_to_one() -> None:
    usual = TeacherFaults(seed=5)

    assert scaled(1, seed=5) == usual
    assert scaled(0).early_give_up == 0
    assert scaled(2).early_give_up == 2 * usual.early_give_up
    assert scaled(1e9).dropped == 1
    assert scaled(0).retry_after_s == usual.retry_after_s
