"""Memory of a run of many searches: `bench_search_memory.py [--searches 20000]`

Annotates so many queries over the sandbox's catalogue, model and APIs being servers in processes of their
own, and reads the resident memory of the run twice a second.  What it grows by with each finished search is
the slope of a straight line through what was read while searches were made, after the first 2,000 of them
(or the first half), in which threads and their allocators settle.
Goal: at most 2 KB a search, and no more than a quarter on top at the end, when the trees of all shards are
merged into one file.  A finished search with its tree and calls is some 60 KB in memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from flows.prefect.supervise import Child
from flows.text.ask import answer
from sandbox import catalogue
from sandbox.toolbench_folder import tool_file

GOAL_KB = 2.0
GOAL_END = 1.25
SETTLED = 2_000
TOOLS = ("unit-converter",)


@contextmanager
def world(folder: Path) -> Iterator[dict[str, Any]]:
    ports = ["--hub-port", "0", "--teacher-port", "0", "--fault-rate", "0"]
    command = [sys.executable, "-m", "sandbox.serve", *ports]
    with Child(command, log=folder / "sandbox.log", read_stdout=True) as child:
        line = child.read_line(60)
        assert line is not None, (folder / "sandbox.log").read_text()
        yield json.loads(line)


def write_queries(path: Path, number: int) -> None:
    apis = [
        {"category_name": tool.category, "tool_name": tool.name, "api_name": api["name"]}
        | {f"api_{key}" if key == "description" else key: api[key] for key in ("description", "method")}
        | {key: api[key] for key in ("required_parameters", "optional_parameters")}
        for tool in catalogue.tools()
        if tool.slug in TOOLS
        for api in tool_file(tool)["api_list"]
    ]
    queries = [
        {
            "query_id": n,
            "query": f"Convert {n} miles to kilometres, and weigh {n} moles of C6H12O6.",
            "api_list": apis,
            "relevant APIs": [],
        }
        for n in range(number)
    ]
    path.write_text(json.dumps(queries), encoding="utf-8")


def settings(at: dict[str, Any]) -> list[str]:
    values = {
        "sandbox.serve": "false",
        "llm.base_url": at["teacher"],
        "calling.resolve": f'{{"*.sandbox.test" = "{at["hub"]}"}}',
        "calling.executor": "toolbench",
        "calling.toolbench_url": "http://toolbench.sandbox.test/virtual",
    }
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def resident_kb(pid: int) -> int | None:
    """None once the process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(found[0]) if found else None


def watched(process: subprocess.Popen[bytes], teacher: str) -> list[tuple[int, int]]:
    """(requests to the model so far, resident KB), twice a second until the process ends."""
    readings = []
    while process.poll() is None:
        memory = resident_kb(process.pid)
        asked = requests.get(teacher.removesuffix("/v1") + "/stats", timeout=10).json()["requests"]
        if memory is not None:
            readings.append((asked, memory))
        time.sleep(0.5)
    return readings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder, world(Path(folder)) as at:
        queries, data = Path(folder) / "G2_instruction.json", Path(folder) / "data"
        write_queries(queries, options.searches)
        command = [sys.executable, "-m", "flows", "annotate", "--queries", str(queries)]
        command += ["--quiet", "--data", str(data), *settings(at)]
        with subprocess.Popen(command) as process:  # noqa: S603 - our own module
            readings = watched(process, at["teacher"])
        if process.returncode:
            return process.returncode
        (found,) = json.loads(answer(data, "SELECT count(*) AS n FROM annotations", output="json", run=None))
        return report(readings, found["n"], options.searches)


def report(readings: list[tuple[int, int]], found: int, wanted: int) -> int:
    total = readings[-1][0]
    settled = min(0.5, SETTLED / found) * total
    during = [reading for reading in readings if settled <= reading[0] < total]
    slope, _ = statistics.linear_regression(*zip(*during, strict=True))
    growth_kb = slope * total / found
    warm = statistics.median(memory for _, memory in during)
    at_end = max(memory for asked, memory in readings if asked == total)
    print(f"searches   {found:,} of {wanted:,}, {total:,} requests")
    print(
        f"memory     {warm / 1024:.0f} MB while searching, {at_end / 1024:.0f} MB at most after the last one"
    )
    print(f"growth     {growth_kb:.2f} KB a finished search, goal at most {GOAL_KB:g}")
    print(f"the end    {at_end / warm:.2f} of it, goal at most {GOAL_END:g}")
    passed = found == wanted and growth_kb <= GOAL_KB and at_end <= GOAL_END * warm
    print("PASS" if passed else "FAIL")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
