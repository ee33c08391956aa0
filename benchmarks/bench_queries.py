"""ToolBench's queries annotated end to end: `bench_queries.py QUERIES [--method M] [--limit N]`

QUERIES: a file or folder of them, such as StableToolBench's 258 solvable test queries.  The APIs are the
queries' own, executed by the sandbox's service that speaks ToolBench's protocol (it makes answers up where
it has no such API, and says so in them); the model is the teacher.  Goal: each query is an annotation or a
reject with a reason, every annotation has its tree, and the command succeeds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.prefect.supervise import Child
from flows.text.ask import answer


@contextmanager
def world(folder: Path) -> Iterator[dict[str, Any]]:
    command = [
        sys.executable,
        "-m",
        "sandbox.serve",
        "--make-up-answers",
        "--hub-port",
        "0",
        "--teacher-port",
        "0",
    ]
    with Child(command, log=folder / "sandbox.log", read_stdout=True) as child:
        line = child.read_line(60)
        assert line is not None, (folder / "sandbox.log").read_text()
        yield json.loads(line)


def settings(at: dict[str, Any]) -> list[str]:
    values = {
        "sandbox.serve": "false",
        "llm.base_url": at["teacher"],
        "calling.resolve": f'{{"*.sandbox.test" = "{at["hub"]}"}}',
        "calling.executor": "toolbench",
        "calling.toolbench_url": "http://toolbench.sandbox.test/virtual",
    }
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def rows(data: Path, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(answer(data, sql, output="json", run=None))
    return found


def n_queries(path: Path) -> int:
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    return sum(len(json.loads(file.read_text(encoding="utf-8"))) for file in files)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("queries", type=Path)
    parser.add_argument("--method", default="dfsdt")
    parser.add_argument("--limit", type=int, help="searches at most")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-queries-") as folder, world(Path(folder)) as at:
        data = Path(folder) / "data"
        command = [sys.executable, "-m", "flows", "annotate", "--queries", str(options.queries)]
        command += ["--method", options.method, "--data", str(data), *settings(at)]
        if options.limit is not None:
            command += ["--set", f"annotate.limit={options.limit}"]
        begun = time.perf_counter()
        code = subprocess.run(command, check=False).returncode  # noqa: S603 - our own module
        took = time.perf_counter() - begun
        return report(options.queries, data, took) if code == 0 else code


REFUSED = {"over_limit", "no_query", "no_api_list", "no_api_in_catalogue", "duplicate", "no_budget"}


def report(queries: Path, data: Path, took: float) -> int:
    (found,) = rows(
        data,
        "SELECT count(*) AS n, sum(win::INT)::INT AS won, sum(n_queries)::INT AS asked, "
        "sum(n_calls)::INT AS calls, sum(n_nodes)::INT AS in_trees, "
        "(SELECT count(*) FROM nodes) AS nodes FROM annotations",
    )
    refused = rows(
        data,
        "SELECT stage, reason, count(*) AS n FROM rejects WHERE stage <> 'crawl' GROUP BY ALL ORDER BY ALL",
    )
    lost = sum(row["n"] for row in refused if row["reason"] in REFUSED)
    told = ", ".join(f"{row['reason']} {row['n']}" for row in refused) or "none"
    total = n_queries(queries)
    print(f"queries    {total}: {found['n']} annotated, {lost} refused with a reason")
    print(
        f"searches   {found['won']} answered; {found['asked']} requests, {found['calls']} calls, {took:.0f} s"
    )
    print(f"rejects    {told}")
    passed = total == found["n"] + lost and found["nodes"] == found["in_trees"] and found["n"] > 0
    print("PASS" if passed else "FAIL")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
