"""Questions to a data set twice the paper's size: 200,000 instructions, 2 million nodes of search trees.

    python benchmarks/bench_queries_sql.py [--instructions N] [--data FOLDER]

Times are those of a query in a process that is up, with the views open; the best of some is held against the
goal, since other work on the machine only ever adds.  --data: a folder to keep, used again when it is there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

from generated_data import Size, generate

from warehouse import fulltext
from warehouse.connect import open_database
from warehouse.query import query
from warehouse.sql import statement

NODES_EACH = 10
TIMES = 7
COUNT_MS, SEARCH_MS, TREE_MS = 100.0, 200.0, 100.0


def milliseconds(ask: Callable[[], object]) -> list[float]:
    """Of each time."""
    taken = []
    for _ in range(TIMES):
        begun = time.perf_counter()
        ask()
        taken.append(1000 * (time.perf_counter() - begun))
    return taken


def figures(data: Path) -> Iterator[tuple[str, list[float], float]]:
    """What was asked, the milliseconds it took, and the goal."""
    counts = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    with open_database(data) as connection:
        yield "counts by category", milliseconds(lambda: query(connection, counts)), COUNT_MS
        ((_, search, row), *_) = connection.execute(statement("report_instructions"), [1]).fetchall()
        nodes = statement("search_nodes")
        yield "one tree", milliseconds(lambda: connection.execute(nodes, [search]).fetchall()), TREE_MS
    begun = time.perf_counter()
    words = sorted(json.loads(row)[4].split()[1:-1], key=len)
    fulltext.search(data, words[0], run=None, limit=20)
    print(f"index made, or found, in {time.perf_counter() - begun:.1f} s")
    for wanted in (words[0], words[-1], " ".join(words[-2:]), f"{words[-1][:3]}*"):
        ask = partial(fulltext.search, data, wanted, run=None, limit=20)
        yield f"search {wanted!r}", milliseconds(ask), SEARCH_MS


def main() -> int:
    parser = argparse.ArgumentParser(description="Times of queries on a large data set.")
    parser.add_argument("--instructions", type=int, default=200_000)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    print(f"load average before: {os.getloadavg()[0]:.2f}; the goals are those of two cores of our own")
    passed = True
    with tempfile.TemporaryDirectory() as temporary:
        data = options.data or Path(temporary) / "data"
        if not data.is_dir():
            generate(data, Size(options.instructions, NODES_EACH))
        for name, taken, goal in figures(data):
            passed &= min(taken) <= goal
            shown = f"best {min(taken):6.1f} ms, median {median(taken):6.1f}, first {taken[0]:6.1f}"
            print(f"{name:<32} {shown}, goal {goal:g}   {'PASS' if min(taken) <= goal else 'FAIL'}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
