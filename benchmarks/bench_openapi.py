"""How fast OpenAPI documents are read, and what becomes of each: `bench_openapi.py PATH...`

Prints documents, operations, rejects by reason, time and peak memory.  Goal: no exception, and at most three
times as long as PyYAML's C loader takes to load the same files.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tasks.calling.params import CallingParams
from tasks.catalogue.openapi.files import local_files
from tasks.catalogue.openapi.source import open_openapi
from tasks.catalogue.params import CatalogueParams, OpenApiParams
from tasks.catalogue.source import Crawled
from warehouse.tables.accounts import Reject

GOAL = 3.0


@dataclass
class Tally:
    n_bytes: int = 0
    seconds: float = 0.0
    seconds_of_yaml: float = 0.0
    listed: int = 0
    usable: int = 0
    apis: int = 0
    rejects: list[Reject] = field(default_factory=list)

    def add(self, crawled: Iterable[Crawled]) -> None:
        for tool in crawled:
            self.listed += 1
            self.usable += tool.tool is not None
            self.apis += len(tool.apis)
            self.rejects.extend(tool.rejects)


def read(location: str, base_url: str | None, tally: Tally) -> None:
    source = OpenApiParams(location=location, base_url=base_url)
    started = time.process_time()
    with open_openapi(source, CatalogueParams(sources=(source,)), CallingParams()) as opened:
        listing = opened.listing()
        tally.add(opened.fetch(listing.entries))
    tally.seconds += time.process_time() - started
    tally.rejects.extend(rejected.row for rejected in listing.rejects)


def load(location: str, tally: Tally) -> None:
    """The same files by the loader that everybody uses, as a yardstick."""
    files = local_files(location)
    texts = [files.read(place) for place in files.places()]
    tally.n_bytes += sum(map(len, texts))
    started = time.process_time()
    for text in texts:
        # What the yardstick cannot read costs it nothing.
        with contextlib.suppress(yaml.YAMLError):
            yaml.load(text, Loader=yaml.CSafeLoader)
    tally.seconds_of_yaml += time.process_time() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", help="files, folders or globs")
    parser.add_argument("--base-url", help="for documents without an absolute server")
    parser.add_argument("--show", action="store_true", help="print every reject")
    arguments = parser.parse_args()
    tally = Tally()
    for path in arguments.paths:
        read(path, arguments.base_url, tally)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for path in arguments.paths:
        load(path, tally)
    if arguments.show:
        for reject in tally.rejects:
            print(f"  {reject.reason:22} {reject.row_id}: {reject.detail}")
    print(f"{tally.n_bytes / 1e6:.1f} MB in {', '.join(Path(path).name for path in arguments.paths)}")
    print(f"documents {tally.listed}, of which usable {tally.usable}; APIs {tally.apis}")
    for reason, times in Counter(reject.reason for reject in tally.rejects).most_common():
        print(f"  rejected: {reason:24} {times:5}")
    print(f"CPU time {tally.seconds:.2f} s, peak memory {peak_mb:.0f} MB")
    ratio = tally.seconds / tally.seconds_of_yaml
    print(f"{ratio:.1f} times PyYAML's loader, goal {GOAL}: {'PASS' if ratio <= GOAL else 'FAIL'}")
    return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
