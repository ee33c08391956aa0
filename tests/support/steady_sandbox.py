"""The sandbox with a model that fails as models do, behind an endpoint that never does.

    python tests/support/steady_sandbox.py [--changes FILE]

For tests that count requests: each one that arrives is answered, so that none is made again for a fault.
Prints the addresses like `python -m sandbox.serve`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from pathlib import Path

from sandbox.changes import Change, read_changes
from sandbox.serve import serving
from sandbox.teacher import TeacherFaults

STEADY = TeacherFaults(rate_limited=0, server_error=0, dropped=0)


async def _serve(changes: list[Change]) -> None:
    async with serving(faults=STEADY, changes=changes) as addresses:
        print(json.dumps(dataclasses.asdict(addresses)), flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(read_changes(Path(sys.argv[2])) if sys.argv[1:2] == ["--changes"] else []))
