"""The report of 10,000 instructions with their trees: `toolloom report` as a whole process, and its file.

python benchmarks/bench_report.py [--instructions N] [--keep FILE]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from generated_data import Size, generate

SECONDS, MEGABYTES = 10.0, 15.0
NODES_EACH = 14


def measure(data: Path, out: Path) -> tuple[float, float]:
    """Seconds and megabytes."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "flows", "report", "--data", str(data), "--out", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  our own
    return time.monotonic() - begun, out.stat().st_size / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description="Time and size of a report.")
    parser.add_argument("--instructions", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="where to leave the report")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "data"
        generate(data, Size(options.instructions, NODES_EACH))
        seconds, megabytes = measure(data, options.keep or Path(temporary) / "report.html")
    passed = seconds < SECONDS and megabytes < MEGABYTES
    print(f"report of {options.instructions:,} instructions: {seconds:.1f} s (goal {SECONDS:g})")
    print(f"{'':>13}its file: {megabytes:.1f} MB (goal {MEGABYTES:g})    {'PASS' if passed else 'FAIL'}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
