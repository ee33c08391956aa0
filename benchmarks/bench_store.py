"""The reply store at one million replies: look-ups, commits, size, survey and pruning.

    python benchmarks/bench_store.py

A look-up is what a repeated request costs: key, read, decode.  The goal, 200,000 rows recognised in under
10 s, is 20,000 a second.  Seconds are of CPU, so that a busy machine does not decide.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tasks.llm.chat import Reply, ToolCall, Usage
from tasks.llm.store import ReplyStore, encode_reply, reply_key
from tasks.transport.kvstore import DurableMap, sql
from tasks.transport.kvupkeep import prune, survey

REPLIES = 1_000_000
LOOKED_UP = 100_000
WRITTEN = 20_000
GOAL_PER_S = 20_000
GOAL_BYTES = 700


def reply(number: int) -> Reply:
    """As long as most replies of a search are."""
    arguments = f'{{"city": "city {number}", "days": {number % 14}, "unit": "metric"}}'
    call = ToolCall(f"call_{number}", "get_forecast_for_weather", arguments)
    thought = f"Step {number % 9}: the forecast of city {number} is what is left to find out. " * 2
    return Reply(content=thought, tool_calls=(call,), finish_reason="tool_calls", usage=Usage(3500, 60))


def key(number: int) -> bytes:
    return reply_key(f"row {number // 5}", number % 5, "0" * 32)


def fill(path: Path) -> None:
    """Without waiting for each commit, which is measured apart."""
    DurableMap(path).close()

    def entries() -> Iterator[tuple[bytes, bytes, int]]:
        for number in range(REPLIES):
            yield key(number), encode_reply(reply(number)), number

    connection = sqlite3.connect(path)
    with connection:
        connection.executemany(sql("put"), entries())
    connection.close()


async def look_up(store: ReplyStore) -> float:
    """Look-ups a second, spread over the whole file."""
    numbers = random.Random(0).sample(range(REPLIES), LOOKED_UP)  # noqa: S311 - the same for every run
    begun = time.process_time()
    for number in numbers:
        assert await store.get(key(number)) is not None
    return LOOKED_UP / (time.process_time() - begun)


async def write(store: ReplyStore) -> float:
    """Replies committed a second, 512 at a time as from that many requests in flight."""
    begun = time.process_time()
    for start in range(0, WRITTEN, 512):
        numbers = range(REPLIES + start, REPLIES + start + 512)
        await asyncio.gather(*(store.put(key(number), reply(number)) for number in numbers))
    return WRITTEN / (time.process_time() - begun)


async def use(path: Path) -> tuple[float, float]:
    with DurableMap(path) as entries:
        store = ReplyStore(entries)
        return await look_up(store), await write(store)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "replies.sqlite"
        fill(path)
        bytes_each = path.stat().st_size / REPLIES
        looked_up, written = asyncio.run(use(path))
        begun = time.process_time()
        half = [key(number) for number in range(REPLIES // 2)]
        survey(path, half)
        surveyed_s = time.process_time() - begun
        freed = prune(path, half, stored_before=REPLIES, undated_go=True)
        pruned_s = time.process_time() - begun - surveyed_s
    passed = looked_up >= GOAL_PER_S and bytes_each <= GOAL_BYTES
    print(f"look-ups {looked_up:,.0f} a CPU second at {REPLIES:,} replies, goal at least {GOAL_PER_S:,}")
    print(f"commits  {written:,.0f} a CPU second, 512 at a time")
    print(f"size     {bytes_each:.0f} bytes a reply on disk, goal at most {GOAL_BYTES}")
    print(f"survey   {surveyed_s:.1f} s; pruning {freed.n_entries:,} replies {pruned_s:.1f} s")
    print("PASS" if passed else "FAIL")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
