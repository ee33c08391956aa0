"""The first refresh of the sandbox, and its repeat: `toolloom refresh` as a whole process, as a user runs it.

    python benchmarks/bench_refresh.py [--data FOLDER]

Without --data the folder is a temporary one.  The time of the first refresh is all of it, server start
and imports too.  That of the repeat is what comes after its Prefect server is up.  The repeat is given a
sandbox of this benchmark's own, so that its endpoint can be asked afterwards how many requests it got.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import requests

from flows.prefect.supervise import Child

SERVER_IS_UP = "Prefect UI:"
TEACHER = "http://teacher.sandbox.test/v1"


@dataclass(frozen=True)
class Timed:
    """A finished command: seconds in all, and those after its Prefect server was up."""

    seconds: float
    beyond_server_start: float


@dataclass(frozen=True)
class Figure:
    """What was measured; the goal is a least or a greatest value."""

    name: str
    value: float
    least: float | None = None
    greatest: float | None = None

    @property
    def passed(self) -> bool:
        return (self.least is None or self.value >= self.least) and (
            self.greatest is None or self.value <= self.greatest
        )

    def __str__(self) -> str:
        goal = f"at least {self.least:g}" if self.least is not None else f"at most {self.greatest:g}"
        return f"{self.name:<36} {self.value:8.4g}   {goal:<14} {'PASS' if self.passed else 'FAIL'}"


def refresh(data: Path, settings: Sequence[str] = ()) -> Timed:
    command = [sys.executable, "-m", "flows", "refresh", *settings, "--data", str(data)]
    begun = time.monotonic()
    server_up = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own
        assert process.stdout is not None
        for line in process.stdout:
            print(f"{time.monotonic() - begun:6.1f}  {line}", end="", flush=True)
            if line.startswith(SERVER_IS_UP):
                server_up = time.monotonic() - begun
    seconds = time.monotonic() - begun
    if process.returncode or not server_up:
        raise SystemExit(f"`toolloom refresh` ended with {process.returncode}; is PREFECT_API_URL set?")
    return Timed(seconds, seconds - server_up)


@contextmanager
def sandbox(folder: Path, *arguments: str) -> Iterator[dict[str, str]]:
    """The addresses of a hub and a teacher."""
    ports = ["--hub-port", "0", "--teacher-port", "0"]
    command = [sys.executable, "-m", "sandbox.serve", *ports, *arguments]
    with Child(command, log=folder / "bench-sandbox.log", read_stdout=True) as child:
        yield json.loads(child.read_line(60) or "{}")


def pointing_at(addresses: dict[str, str]) -> dict[str, str]:
    """Settings by which the sandbox profile uses these servers."""
    return {
        "sandbox.serve": "false",
        "llm.base_url": addresses["teacher"],
        "llm.endpoint_id": TEACHER,  # the first run's, which has been asked what it can do
        "calling.resolve": f'{{"*.sandbox.test" = "{addresses["hub"]}"}}',
    }


def requests_at(addresses: dict[str, str]) -> int:
    stats = requests.get(f"{addresses['teacher'].removesuffix('/v1')}/stats", timeout=10).json()
    return int(stats["requests"])


def repeat(data: Path) -> tuple[Timed, int]:
    """The same command again, and the requests that it made."""
    with sandbox(data) as addresses:
        settings = pointing_at(addresses)
        timed = refresh(data, [part for item in settings.items() for part in ("--set", "=".join(item))])
        return timed, requests_at(addresses)


def came_to(data: Path) -> dict[str, Any]:
    query = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    with duckdb.connect(str(data / "toolloom.duckdb"), read_only=True) as connection:
        (row,) = connection.sql(query).df().to_dict("records")
    return dict(row)


def measure(data: Path) -> list[Figure]:
    first = refresh(data)
    found = came_to(data)
    again, n_requests = repeat(data)
    return [
        Figure("refresh, seconds", first.seconds, greatest=90),
        Figure("instructions accepted", found["accepted"], least=250),
        *(
            Figure(f"  of them in {scenario}", found[scenario.lower()], least=60)
            for scenario in ("G1", "G2", "G3")
        ),
        Figure("share of searches that answer", found["answered"], least=0.60),
        Figure("share of searches that branch", found["branched"], least=0.15),
        Figure("share of searches that give up", found["gave_up"], least=0.05),
        Figure("repeat beyond server start, seconds", again.beyond_server_start, greatest=10),
        Figure("requests in the repeat", n_requests, greatest=0),
    ]


def fresh(folder: Path) -> Path:
    if folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"{folder} is not empty: the first refresh is measured in a fresh folder")
    return folder.resolve()


def main() -> int:
    parser = argparse.ArgumentParser(description="Time and yield of a refresh of the sandbox.")
    parser.add_argument("--data", type=Path, help="an empty or new folder, kept (default: a temporary one)")
    options = parser.parse_args()
    print(f"load average before: {os.getloadavg()[0]:.2f}; the goals are those of two cores of our own")
    with tempfile.TemporaryDirectory() as temporary:
        figures = measure(fresh(options.data or Path(temporary)))
    print("", *figures, sep="\n")
    return 0 if all(figure.passed for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
