"""A fault-injecting refresh of 2,000 instructions against a faultless one.

    python benchmarks/bench_faults.py [INSTRUCTIONS]

Of the requests 10 % are refused with 429, 5 % with 500, 3 % of the connections are dropped, 2 % of the
answers are cut off, and 1 % never come (tests/support/faulty_endpoint.py).  The faulty refresh is first
given six tenths of the requests that the faultless one took, then what it needs.  PASS: the cap was not
passed by all that was sent, as counted on the other side of the line; every table equals the faultless
one's; the accounting law holds (or nothing would have been committed).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests

from warehouse import manifest
from warehouse.digest import combined
from warehouse.tables import TABLES

SUPPORT = Path(__file__).parent.parent / "tests" / "support"
SHARE = 0.6
TOOLLOOM = [sys.executable, "-m", "flows"]


@contextmanager
def serving(script: str, *arguments: str) -> Iterator[str]:
    """The first line that the script prints."""
    command = [sys.executable, str(SUPPORT / script), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def refresh(data: Path, settings: dict[str, str]) -> tuple[int, float]:
    """(exit code, seconds)."""
    overrides = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    command = [*TOOLLOOM, "refresh", "--quiet", *overrides, "--data", str(data)]
    begun = time.perf_counter()
    done = subprocess.run(command, check=False)  # noqa: S603  our own
    return done.returncode, time.perf_counter() - begun


def content(data: Path) -> dict[str, str]:
    newest = manifest.newest(data)
    assert newest is not None
    return {name: combined(newest.tables[name]) for name, table in TABLES.items() if not table.history}


def stats(address: str) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(address.removesuffix("/v1") + "/stats", timeout=30).json()
    return answer


def run(folder: Path, n: int, stack: ExitStack) -> bool:
    world = json.loads(stack.enter_context(serving("steady_sandbox.py")))
    settings = {
        "sandbox.serve": "false",
        "calling.resolve": f'{{"*.sandbox.test" = "{world["hub"]}"}}',
        "instruct.accepted": str(n),
        "llm.timeout_s": "20",
        "llm.endpoint_id": "a line",
    }
    draws = str(max(0.2, n / 600))
    for level in ("draws_per_tool", "draws_per_tool_in_category", "draws_per_tool_in_collection"):
        settings[f"sample.{level}"] = draws
    code, plain_s = refresh(folder / "plain", settings | {"llm.base_url": world["teacher"]})
    assert code == 0, "the faultless refresh failed"
    cap = int(stats(world["teacher"])["requests"] * SHARE)
    with serving("faulty_endpoint.py", world["teacher"]) as line:
        faulty = settings | {"llm.base_url": line}
        capped, _ = refresh(folder / "faulty", faulty | {"budget.max_requests": str(cap)})
        sent = stats(line)["requests"]
        code, faulty_s = refresh(folder / "faulty", faulty)
        counted = stats(line)
    same = content(folder / "plain") == content(folder / "faulty")
    print(f"faultless {plain_s:.0f} s; the rest of the faulty one {faulty_s:.0f} s; {counted}")
    print(f"cap {cap:,}: exit {capped}, {sent:,} requests")
    print(f"afterwards: exit {code}, tables {'equal' if same else 'differ'}")
    return capped == 3 and sent <= cap and code == 0 and same


def main() -> int:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        passed = run(folder, n, stack)
    print("PASS" if passed else "FAIL")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
