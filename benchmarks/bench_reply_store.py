"""The reply store when it is large: look-ups, commits, size, survey and pruning.

    python benchmarks/bench_reply_store.py [--full]

At 100,000 replies, with --full at a million.  A row that is answered already is looked up as a stage does
it, by `StoredModel.ask`, with the request's digest and account; nobody answers at the endpoint.  A stage
does so only when its shards have to be made anew: what a whole repeat takes, bench_repeat.py measures.
Rows a second are of the clock; CPU seconds stand beside them, so that a busy machine is seen.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench_refresh import Figure

from tasks.llm.adapt import FunctionWatch
from tasks.llm.budget import Ledger
from tasks.llm.chat import (
    ChatRequest,
    Message,
    Reply,
    ReplyStore,
    ToolCall,
    Transcript,
    Usage,
    encode_reply,
    reply_key,
)
from tasks.llm.endpoint import Endpoint, StoredModel
from tasks.llm.params import BudgetParams, LlmParams
from tasks.llm.spending import SpendingLog, UsageLog, spending_file
from tasks.transport.kvstore import DurableMap, sql
from tasks.transport.kvupkeep import prune, survey

SMALL, FULL = 100_000, 1_000_000
SHARE_ASKED = 5
WRITTEN, AT_ONCE = 20_000, 512
GOAL_A_SECOND = 10_000
GOAL_CPU_S_OF_200_000 = 20.0
GOAL_BYTES = 700
NOBODY = LlmParams(base_url="http://127.0.0.1:9/v1", model="m", max_tokens=512)
SENTENCE = "The forecast is known; what is left is the way there. "


def request_of(row: int) -> ChatRequest:
    transcript = Transcript.of(Message("system", SENTENCE * 20), Message("user", f"{SENTENCE}{row}"))
    return ChatRequest(transcript=transcript, max_tokens=NOBODY.max_tokens)


def reply(row: int) -> Reply:
    """As long as most replies of a search are."""
    arguments = f'{{"city": "city {row}", "days": {row % 14}, "unit": "metric"}}'
    call = ToolCall(f"call_{row}", "get_forecast_for_weather", arguments)
    thought = f"Step {row % 9}: the forecast of city {row} is what is left to find out. " * 2
    return Reply(content=thought, tool_calls=(call,), finish_reason="tool_calls", usage=Usage(3500, 60))


def key(row: int) -> bytes:
    return reply_key(f"row-{row}", 0, request_of(row).digest("m"))


def fill(path: Path, n: int) -> None:
    """Without waiting for each commit, which is measured apart."""
    DurableMap(path).close()
    connection = sqlite3.connect(path)
    with connection:
        connection.executemany(sql("put"), ((key(row), encode_reply(reply(row)), row) for row in range(n)))
    connection.close()


async def ask_again(model: StoredModel, rows: list[int]) -> tuple[float, float]:
    """Rows a second, and CPU seconds for each."""
    begun, cpu = time.perf_counter(), time.process_time()
    for row in rows:
        assert await model.ask(request_of(row), row_id=f"row-{row}") == reply(row)
    return len(rows) / (time.perf_counter() - begun), (time.process_time() - cpu) / len(rows)


async def write(store: ReplyStore, after: int) -> float:
    """Replies committed a second, as from so many requests in flight."""
    left: Iterator[int] = iter(range(after, after + WRITTEN))

    async def put() -> None:
        for row in left:
            await store.put(key(row), reply(row))

    begun = time.perf_counter()
    await asyncio.gather(*(put() for _ in range(AT_ONCE)))
    return WRITTEN / (time.perf_counter() - begun)


async def use(data: Path, path: Path, n: int) -> tuple[float, float, float]:
    """(rows asked again a second, CPU seconds for each, replies committed a second)."""
    with ExitStack() as stack:
        store = ReplyStore(stack.enter_context(DurableMap(path)))
        log = stack.enter_context(SpendingLog(spending_file(data, "run")))
        async with Endpoint(NOBODY) as endpoint:
            model = StoredModel(
                endpoint=endpoint,
                store=store,
                ledger=Ledger(BudgetParams(), NOBODY, log, recorder=UsageLog(log), run_id="run"),
                functions=FunctionWatch(model="m", where=NOBODY.base_url),
                stage="propose",
            )
            rows = random.Random(1).sample(range(n), n // SHARE_ASKED)  # noqa: S311 - seeded
            asked, cpu_s = await ask_again(model, rows)
            return asked, cpu_s, await write(store, n)


def upkeep(path: Path, n: int) -> str:
    half = [key(row) for row in range(n // 2)]
    begun = time.process_time()
    survey(path, half)
    surveyed_s = time.process_time() - begun
    freed = prune(path, half, stored_before=n, undated_go=True)
    pruned_s = time.process_time() - begun - surveyed_s
    return f"survey {surveyed_s:.1f} s CPU; pruning {freed.n_entries:,} replies {pruned_s:.1f} s"


def main() -> int:
    n = FULL if "--full" in sys.argv[1:] else SMALL
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "replies.sqlite"
        fill(path, n)
        bytes_each = path.stat().st_size / n
        asked, cpu_s, written = asyncio.run(use(Path(folder), path, n))
        kept = upkeep(path, n)
    figures = [
        Figure("rows asked again, a second", asked, least=GOAL_A_SECOND),
        Figure("CPU seconds of 200,000 such rows", cpu_s * 200_000, greatest=GOAL_CPU_S_OF_200_000),
        Figure("bytes a reply on disk", bytes_each, greatest=GOAL_BYTES),
    ]
    print(f"{n:,} replies; {written:,.0f} commits a second; {kept}", *figures, sep="\n")
    return 0 if all(figure.passed for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
