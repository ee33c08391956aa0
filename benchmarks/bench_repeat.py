"""`toolloom refresh` again where 200,000 instructions are annotated already: what it takes to see that.

    python benchmarks/bench_repeat.py [--rows 200000] [--data FOLDER]

The folder is made by a refresh of the sandbox in which instructions and searches are made up
(made_up_refresh.py); all else is a refresh's own.  Then the same command is started as a user
starts it: (i) with all as it is; (ii) with the result of the stage `annotate` gone, so that each of its
shards is looked up.  What a shard takes whose rows are looked up one by one, bench_reply_store.py measures.

Measured is the command's own process, from the moment its Prefect server is up: by then all is imported.
--data: where the folder is made, or was made before by this benchmark.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from bench_refresh import SERVER_IS_UP, TEACHER, Figure, sandbox

GOAL_S, GOAL_CPU_S = 10.0, 3.0
MADE_UP = str(Path(__file__).with_name("made_up_refresh.py"))
# Screens that take minutes where rows are made up, and no time where nothing is screened again.
SLOW_SCREENS = ("near_duplicate", "missing_value", "resembles_seed", "wrong_language", "asks_for_parameters")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def settings(n: int) -> dict[str, str]:
    return {
        "instruct.accepted": str(n),
        "instruct.per_sample": str(max(10, n // 100)),
        "instruct.rounds": "0",
        "instruct.screens": f"{{{', '.join(f'{name} = false' for name in SLOW_SCREENS)}}}",
        "sample.draws_per_tool": "1",
        "sample.draws_per_tool_in_category": "1",
        "sample.draws_per_tool_in_collection": "1",
    }


def arguments(data: Path, n: int, more: dict[str, str] | None = None) -> list[str]:
    given = settings(n) | (more or {})
    overrides = [part for item in given.items() for part in ("--set", "=".join(item))]
    return ["refresh", *overrides, "--data", str(data)]


@dataclass(frozen=True)
class Repeat:
    """Seconds beyond the server's start: by the clock, and of the process's CPU.  requests: to the model."""

    seconds: float
    cpu_s: float
    requests: int


def repeat(data: Path, n: int) -> Repeat:
    with sandbox(data) as addresses:
        where = {
            "sandbox.serve": "false",
            "llm.base_url": addresses["teacher"],
            "llm.endpoint_id": TEACHER,
            "calling.resolve": f'{{"*.sandbox.test" = "{addresses["hub"]}"}}',
        }
        seconds, cpu_s = _timed([sys.executable, "-m", "flows", *arguments(data, n, where)])
        stats = requests.get(f"{addresses['teacher'].removesuffix('/v1')}/stats", timeout=10).json()
    return Repeat(seconds, cpu_s, int(stats["requests"]))


def _timed(command: Sequence[str]) -> tuple[float, float]:
    begun = cpu_begun = cpu = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own
        assert process.stdout is not None
        for line in process.stdout:
            print(f"  {line}", end="", flush=True)
            if line.startswith(SERVER_IS_UP):
                begun, cpu_begun = time.monotonic(), _cpu_s(process.pid)
        while process.poll() is None:
            cpu = _cpu_s(process.pid) or cpu
            time.sleep(0.01)
    if process.returncode or not begun:
        raise SystemExit(f"`toolloom refresh` ended with {process.returncode}; is PREFECT_API_URL set?")
    return time.monotonic() - begun, cpu - cpu_begun


def _cpu_s(pid: int) -> float:
    """Of the process without its children; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def forget_stage(data: Path, stage: str) -> None:
    """Removes the cached result of the whole stage; those of its shards stay."""
    for path in (data / "prefect" / "results").glob(f"{stage}-v*"):
        if '"n_shard_tasks"' in path.read_text(encoding="utf-8").replace("\\", ""):
            path.unlink()


def measure(data: Path, n: int) -> list[Figure]:
    if not (data / "runs").is_dir():
        begun = time.monotonic()
        subprocess.run([sys.executable, MADE_UP, *arguments(data, n)], check=True)  # noqa: S603
        print(f"made in {time.monotonic() - begun:.0f} s")
    plain = repeat(data, n)
    forget_stage(data, "annotate")
    looked_up = repeat(data, n)
    print(
        f"with the stage's result gone: {looked_up.seconds:.0f} s, {looked_up.cpu_s:.0f} s CPU, "
        "most of it to merge the shards' files"
    )
    return [
        Figure("nothing changed: seconds", plain.seconds, greatest=GOAL_S),
        Figure("  CPU seconds", plain.cpu_s, greatest=GOAL_CPU_S),
        Figure("  requests", plain.requests, greatest=0),
        Figure("a stage's result gone: requests", looked_up.requests, greatest=0),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="A refresh of what is done already.")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--data", type=Path, help="kept (default: a temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        figures = measure((options.data or Path(temporary)).resolve(), options.rows)
    print(f"{options.rows:,} rows", *figures, sep="\n")
    return 0 if all(figure.passed for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
