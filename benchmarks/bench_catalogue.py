"""Crawl and probe of a catalogue of the paper's size: 10,853 tools, 53,190 APIs, 1 % of which never answer.

    python benchmarks/bench_catalogue.py [--scale 0.1] [--no-resume]

Runs `toolloom refresh --until probe` as a process against a hub in a process of its own.
  CPU per probe     of the command that probes, over that of our HTTP client alone for the same calls
  ideal             what 200 calls in flight would take if we cost nothing
  memory            peak of the command, and how it grows from a quarter of the catalogue to all of it
  resume            kill -9 when 90 % of the calls are made, then again: how many calls the second run makes
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from flows.prefect.server import OwnServer
from tasks.transport.client import HttpClient, HttpRequest

HUB = "benchmarks/paper_hub.py"
TOOLS, APIS = 10_853, 53_190
IN_FLIGHT = 200
LATENCY_MS = 200
HANGING = 10  # of 1000
TIMEOUT_S = 2.0
ATTEMPTS = 1
GOAL_CPU_MS = 0.5
GOAL_IDEAL = 0.5
GOAL_BYTES_PER_API = 20_000
GOAL_RESUMED = 0.15
CONFIG = """
name = "paper-size"
[catalogue]
sources = [{{ kind = "hub", location = "{url}", page_size = 1000 }}]
concurrency = 16
per_host_rps = 5000
[calling]
timeout_s = {timeout}
concurrency = {in_flight}
per_host_rps = 100000
resolve = {{ "paper.test" = "{url}" }}
[probe]
attempts = {attempts}
spacing_s = 0.0
[llm]
base_url = "{teacher}/v1"
model = "toolloom-teacher"
"""


@dataclass
class Measured:
    """wall_s: of both stages; cpu_s, peak_mb: of the command; calls: answered by the hub's APIs."""

    wall_s: dict[str, float]
    cpu_s: float
    peak_mb: float
    calls: int


@contextmanager
def child(*command: str) -> Iterator[dict[str, str]]:
    """A server that prints its addresses as JSON and ends with its stdin."""
    process = subprocess.Popen(  # noqa: S603 - our own commands
        [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.kill()
        process.wait()


def asked(url: str) -> dict[str, int]:
    counts: dict[str, int] = requests.get(f"{url}/stats", timeout=60).json()
    return counts


def command(folder: Path, url: str, teacher: str, until: str) -> list[str]:
    config = folder / "bench.toml"
    config.write_text(
        CONFIG.format(url=url, teacher=teacher, timeout=TIMEOUT_S, in_flight=IN_FLIGHT, attempts=ATTEMPTS)
    )
    data = ["--config", str(config), "--data", str(folder / "data")]
    return [sys.executable, "-m", "flows", "refresh", *data, "--until", until]


def measure(folder: Path, url: str, teacher: str, until: str) -> Measured:
    before = asked(url).get("answer", 0)
    process = subprocess.Popen(command(folder, url, teacher, until), stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, output
    done = [line.split() for line in output.splitlines() if " in, " in line and line.endswith(" s")]
    walls = {words[0]: float(words[-2]) for words in done}
    return Measured(
        wall_s=walls,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / 1024,
        calls=asked(url).get("answer", 0) - before,
    )


def client_cpu_ms(url: str, calls: int) -> float:
    """CPU of our HTTP client alone per call, in a process that does nothing else."""

    async def run() -> None:
        async with HttpClient(
            timeout_s=TIMEOUT_S,
            max_bytes=1_000_000,
            concurrency=IN_FLIGHT,
            per_host_rps=100_000,
            resolve={"paper.test": url},
            allow_hosts=(),
        ) as client:
            request = HttpRequest("GET", "http://paper.test/answer/1?city=Oslo")
            await asyncio.gather(*(client.send(request) for _ in range(calls)))

    begun = time.process_time()
    asyncio.run(run())
    return (time.process_time() - begun) * 1000 / calls


def resumed_share(folder: Path, url: str, teacher: str, apis: int) -> float:
    """Calls of the second run as a share of all, when the first is killed after 90 % of them."""
    process = subprocess.Popen(  # noqa: S603
        command(folder, url, teacher, "probe"), stdout=subprocess.DEVNULL, start_new_session=True
    )
    start = asked(url).get("answer", 0)
    while asked(url).get("answer", 0) - start < 0.9 * apis * ATTEMPTS:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(1)  # its guardian stops what it had started
    return measure(folder, url, teacher, "probe").calls / (apis * ATTEMPTS)


def ideal_s(apis: int) -> float:
    hanging = apis * HANGING / 1000
    return ATTEMPTS * (hanging * TIMEOUT_S + (apis - hanging) * LATENCY_MS / 1000) / IN_FLIGHT


def report(name: str, value: float, unit: str, goal: str, passed: bool) -> bool:
    print(f"{name:<34}{value:>12,.2f} {unit:<14} goal {goal:<10} {'PASS' if passed else 'FAIL'}", flush=True)
    return passed


@contextmanager
def prefect_server(folder: Path) -> Iterator[None]:
    """A server for all runs, so that its cost is not the command's."""
    server = OwnServer(folder)
    server.wait()
    os.environ["PREFECT_API_URL"] = f"{server.url}/api"
    try:
        yield
    finally:
        server.child.stop()


def bench(folder: Path, scale: float, *, resume: bool) -> bool:
    tools, apis = round(TOOLS * scale), round(APIS * scale)
    behaviour = (str(LATENCY_MS), str(HANGING))
    ports = ("--hub-port", "0", "--teacher-port", "0", "--stdin-eof-stops")
    for name in ("quarter", "whole", "again"):
        (folder / name).mkdir()
    with prefect_server(folder), child("-m", "sandbox.serve", *ports) as sandbox:
        teacher = sandbox["teacher"].removesuffix("/v1")
        with child(HUB, str(tools // 4), str(apis // 4), *behaviour) as small:
            measure(folder / "quarter", small["url"], teacher, "crawl")
            few = measure(folder / "quarter", small["url"], teacher, "probe")
        with child(HUB, str(tools), str(apis), *behaviour) as large:
            client_ms = client_cpu_ms(large["url"], min(10_000, apis))
            crawled = measure(folder / "whole", large["url"], teacher, "crawl")
            whole = measure(folder / "whole", large["url"], teacher, "probe")
            again = resumed_share(folder / "again", large["url"], teacher, apis) if resume else None
    print(f"{tools:,} tools, {apis:,} APIs, {whole.calls:,} calls, {IN_FLIGHT} in flight")
    print(f"crawl {crawled.wall_s['crawl']:.1f} s wall, {crawled.cpu_s:.1f} s CPU")
    print(f"probe {whole.wall_s['probe']:.1f} s wall, {whole.cpu_s:.1f} s CPU, ", end="")
    print(f"{whole.calls / whole.wall_s['probe']:,.0f} calls a second, peak {whole.peak_mb:,.0f} MB")
    return verdict(apis, few, whole, client_ms, again)


def verdict(apis: int, few: Measured, whole: Measured, client_ms: float, again: float | None) -> bool:
    # From the difference of two runs, so that what every run costs once is left out.
    cpu_ms = (whole.cpu_s - few.cpu_s) * 1000 / (whole.calls - few.calls) - client_ms
    ideal = ideal_s(apis) / whole.wall_s["probe"]
    growth = (whole.peak_mb - few.peak_mb) * 2**20 / (apis - apis // 4)
    passed = [
        report(
            "CPU per probe",
            cpu_ms,
            f"ms over {client_ms:.2f}",
            f"<= {GOAL_CPU_MS}",
            cpu_ms <= GOAL_CPU_MS,
        ),
        report("share of the ideal wall time", ideal, "", f">= {GOAL_IDEAL}", ideal >= GOAL_IDEAL),
        report(
            "memory per further API",
            growth,
            "bytes",
            f"<= {GOAL_BYTES_PER_API:,}",
            growth <= GOAL_BYTES_PER_API,
        ),
    ]
    if again is not None:
        passed.append(
            report(
                "calls after kill -9 at 90 %", again, "of all", f"<= {GOAL_RESUMED}", again <= GOAL_RESUMED
            )
        )
    return all(passed)


def main() -> int:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--scale", type=float, default=1.0, help="share of the paper's size")
    arguments.add_argument("--no-resume", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return 0 if bench(Path(folder), given.scale, resume=not given.no_resume) else 1


if __name__ == "__main__":
    sys.exit(main())
