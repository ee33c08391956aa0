"""A whole step of a search: tree, model client, API call, both stores, account and rows, over HTTP.

    python benchmarks/bench_steps.py

Searches run through the shard task of `annotate` itself, without Prefect around it; the model endpoint and
the API server are processes of their own, and so is each measurement.  Compared with AsyncOpenAI as it comes,
asked the same requests (CPU), and with a raw aiohttp client that makes the same requests to model and API,
its bodies made beforehand (throughput).  Latencies are the model's (median 300 ms, sigma 0.5, or 3 s sharp);
the API answers at once.

CPU by layer: each layer alone, in one process of the same run.  Client: requests at the endpoint.  Search:
tree and rows, nothing kept, nobody asked.  API call: the caller with its retries.  Storage: the same searches
with reply store, call store, account and Parquet, less those without.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench_client_throughput import verdict
from local_servers import started
from step_sides import Load, Measured

HERE = Path(__file__).parent
GOAL_CPU, GOAL_OF_RAW, GOAL_FIXED, GOAL_MB = 0.7, 0.8, 0.9, 0.20
SHORT, LONG = 4, 6  # requests of a search
SLOTS = 256
SEARCHES_A_SLOT = {"lognormal": 20, "fixed": 2}
CPU_ROUNDS, CPU_SEARCHES = 3, 150
FEW, MANY = 64, 512  # in flight, of MANY in all


@contextmanager
def servers(steps: int) -> Iterator[tuple[str, str]]:
    """Addresses of a model, whose searches have so many steps, and of the APIs."""
    file = str(HERE / "step_world.py")
    with started(file, "model", str(steps)) as model, started(file, "api") as api:
        yield f"{model}/v1", api


def measured(side: str, load: Load) -> Any:
    command = [sys.executable, str(HERE / "step_sides.py"), side, json.dumps(asdict(load))]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603  our own file
    return json.loads(done.stdout)


def one(side: str, load: Load) -> Measured:
    return Measured(**measured(side, load))


def compare_cpu() -> bool:
    """Ours a query against AsyncOpenAI's call alone, the sides taking turns; then ours by layer."""
    with servers(LONG) as (model, api):
        load = Load(model=model, api=api, kind="none", steps=LONG, slots=FEW, searches=CPU_SEARCHES)
        rounds = [(one("plain", load).cpu_ms, one("ours", load).cpu_ms) for _ in range(CPU_ROUNDS)]
        alone: dict[str, float] = measured("layers", load)
    theirs, ours = (statistics.median(side) for side in zip(*rounds, strict=True))
    told = ", ".join(f"{layer} {ms:.2f}" for layer, ms in alone.items())
    print(f"CPU a query   AsyncOpenAI's call alone {theirs:.2f} ms, ours, the whole step, {ours:.2f} ms")
    print(f"each layer    {told}; together {sum(alone.values()):.2f} ms", flush=True)
    return verdict("CPU a query: ours / AsyncOpenAI", ours / theirs, GOAL_CPU, at_most=True)


def compare_throughput() -> list[bool]:
    def load(kind: str) -> Load:
        searches = SLOTS * SEARCHES_A_SLOT[kind]
        return Load(model=model, api=api, kind=kind, steps=SHORT, slots=SLOTS, searches=searches)

    with servers(SHORT) as (model, api):
        lognormal, fixed = load("lognormal"), load("fixed")
        raw, ours = one("raw", lognormal), one("ours", lognormal)
        sharp = one("ours", fixed)
    for side, took in (("raw aiohttp", raw), ("ours", ours)):
        share = f"{lognormal.ideal_s / took.wall_s:.2f} of the ideal"
        print(f"lognormal     {side:<11} {took.wall_s:6.1f} s, {share}, {took.cpu_ms:.2f} ms CPU a query")
    of_raw, of_ideal = raw.wall_s / ours.wall_s, fixed.ideal_s / sharp.wall_s
    return [
        verdict(f"lognormal 300 ms, {SLOTS} in flight: ours / raw", of_raw, GOAL_OF_RAW),
        verdict(f"fixed 3 s, {SLOTS} in flight: ours / ideal", of_ideal, GOAL_FIXED),
    ]


def compare_memory() -> bool:
    with servers(LONG) as (model, api):
        few, many = (
            one("ours", Load(model=model, api=api, kind="none", steps=LONG, slots=slots, searches=MANY))
            for slots in (FEW, MANY)
        )
    print(f"memory        {few.peak_mb:.0f} MB with {FEW} in flight, {many.peak_mb:.0f} MB with {MANY}")
    slope = (many.peak_mb - few.peak_mb) / (MANY - FEW)
    return verdict("MB a search in flight", slope, GOAL_MB, at_most=True)


def main() -> int:
    passed = [compare_cpu(), *compare_throughput(), compare_memory()]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
