"""How fast ToolBench's files are read, and what becomes of each: `bench_toolbench_catalogue.py PATH...`

Prints tools, APIs, rejects by reason, time, and how many function names are ToolBench's own.  Goal: no
exception, and all 16,464 APIs that ToolBench has published in a minute.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tasks.calling.toolbench_names import ToolbenchAddress
from tasks.catalogue.params import ToolbenchParams
from tasks.catalogue.source import Crawled
from tasks.catalogue.toolbench.source import open_toolbench
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Api

GOAL = 16_464 / 60  # APIs a second
PUBLISHED_LENGTH = 64


@dataclass
class Tally:
    seconds: float = 0.0
    listed: int = 0
    usable: int = 0
    apis: list[Api] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    def add(self, crawled: Iterable[Crawled]) -> None:
        for tool in crawled:
            self.listed += 1
            self.usable += tool.tool is not None
            self.apis.extend(tool.apis)
            self.rejects.extend(tool.rejects)


def read(location: Path, tally: Tally) -> None:
    started = time.perf_counter()
    with open_toolbench(ToolbenchParams(location=location)) as source:
        listing = source.listing()
        tally.add(source.fetch(listing.entries))
    tally.seconds += time.perf_counter() - started
    tally.rejects.extend(rejected.row for rejected in listing.rejects)


def published_name(api: Api) -> str:
    """The function name in ToolBench's data: the last 64 characters, whether they are unique or not."""
    address = ToolbenchAddress.from_url(api.url)
    return f"{address.api}_for_{address.tool}"[-PUBLISHED_LENGTH:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path, help="tools folders, query files or folders of them")
    parser.add_argument("--show", action="store_true", help="print every reject")
    arguments = parser.parse_args()
    tally = Tally()
    for path in arguments.paths:
        read(path, tally)
    same = sum(api.function_name == published_name(api) for api in tally.apis)
    rate = len(tally.apis) / tally.seconds
    print(f"tools     {tally.usable} of {tally.listed} usable")
    print(f"APIs      {len(tally.apis)}, {sum(map(has_address, tally.apis))} with an address of their own")
    print(f"functions {same} of {len(tally.apis)} named as ToolBench names them")
    for reason, number in Counter(reject.reason for reject in tally.rejects).most_common():
        print(f"rejected  {number} {reason}")
    for reject in tally.rejects if arguments.show else ():
        print(f"          {reject.row_id}: {reject.reason}: {reject.detail}")
    print(f"time      {tally.seconds:.2f} s")
    print(f"{rate:.0f} APIs a second, goal at least {GOAL:.0f}: {'PASS' if rate >= GOAL else 'FAIL'}")
    return 0 if rate >= GOAL else 1


def has_address(api: Api) -> bool:
    return ToolbenchAddress.from_url(api.url).http_url is not None


if __name__ == "__main__":
    sys.exit(main())
