"""How near the model layer comes to the ideal: 64, 256 and 512 requests in flight, beside other clients.

    python benchmarks/bench_client_throughput.py

The endpoint is a process of its own.  It answers after lognormal times (median 300 ms, sigma 0.5, the same
ones for everybody) or after 3 s sharp, with requests the size of a search step (14 KB, 9 tools).  Ours is
what a stage uses: endpoint, reply store, budget, account.  Sides alternate within the run.  The ideal is what
so many slots that lose no time would take for these very answers.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import openai
import orjson
from bench_model_client import REPLY, search_step
from local_servers import begin, endpoint, ideal_s, latencies, serve, started

from tasks.llm.adapt import FunctionWatch
from tasks.llm.budget import Ledger
from tasks.llm.chat import ChatRequest, ReplyStore
from tasks.llm.endpoint import Endpoint, StoredModel
from tasks.llm.params import BudgetParams, LlmParams
from tasks.llm.spending import SpendingLog, UsageLog, spending_file
from tasks.transport.kvstore import DurableMap

IN_FLIGHT = (64, 256, 512)
ROUNDS = 2
# Requests a slot: enough that the tail of the last ones does not decide.
A_SLOT = {"lognormal": 6, "fixed": 2}
GOAL_OF_RAW, GOAL_FIXED, GOAL_CPU = 0.8, 0.9, 0.40
RAW, PLAIN, OURS = "raw aiohttp", "AsyncOpenAI as it comes", "ours"

Ask = Callable[[], Awaitable[object]]


async def raw_client(url: str, slots: int, stack: AsyncExitStack) -> Ask:
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=slots))
    await stack.enter_async_context(session)
    body = orjson.dumps(_wire(search_step()))

    async def ask() -> object:
        headers = {"Content-Type": "application/json"}
        async with session.post(f"{url}/chat/completions", data=body, headers=headers) as answer:
            return orjson.loads(await answer.read())

    return ask


async def plain_client(url: str, slots: int, stack: AsyncExitStack) -> Ask:  # noqa: ARG001
    client = await stack.enter_async_context(openai.AsyncOpenAI(base_url=url, api_key="none"))
    wire: Any = _wire(search_step())

    async def ask() -> object:
        return await client.chat.completions.create(**wire)

    return ask


async def our_client(url: str, slots: int, stack: AsyncExitStack) -> Ask:
    data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    params = LlmParams(
        base_url=url, model="m", concurrency=slots, max_tokens=512, price_in=1.0, price_out=2.0
    )
    log = stack.enter_context(SpendingLog(spending_file(data, "run")))
    model = StoredModel(
        endpoint=await stack.enter_async_context(Endpoint(params)),
        store=ReplyStore(stack.enter_context(DurableMap(data / "replies.sqlite"))),
        ledger=Ledger(
            BudgetParams(max_usd=1e6, max_requests=10**9), params, log, recorder=UsageLog(log), run_id="run"
        ),
        functions=FunctionWatch(model="m", where=url),
        stage="annotate",
    )
    request, rows = search_step(), count()

    async def ask() -> object:
        return await model.ask(request, row_id=f"row-{next(rows)}")

    return ask


SIDES = {RAW: raw_client, PLAIN: plain_client, OURS: our_client}


def _wire(request: ChatRequest) -> dict[str, Any]:
    return {
        "model": "m",
        "messages": [message.wire() for message in request.transcript],
        "tools": list(request.tools.tools) if request.tools else [],
        "temperature": 0.7,
        "max_tokens": 512,
    }


@dataclass(frozen=True, slots=True)
class Measured:
    """of_ideal: the ideal's share of the time it took."""

    of_ideal: float
    cpu_ms: float


async def measure(url: str, side: str, kind: str, slots: int) -> Measured:
    n = slots * A_SLOT[kind]
    async with AsyncExitStack() as stack:
        ask = await SIDES[side](url, slots, stack)
        await _ask_all(ask, slots, slots)  # connections are there before the clock starts
        await begin(url, kind, n)
        begun, cpu = time.perf_counter(), time.process_time()
        await _ask_all(ask, n, slots)
        took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return Measured(ideal_s(latencies(kind, n), slots) / took, cpu * 1000 / n)


async def _ask_all(ask: Ask, n: int, slots: int) -> None:
    left = iter(range(n))

    async def keep_asking() -> None:
        for _ in left:
            await ask()

    await asyncio.gather(*(keep_asking() for _ in range(slots)))


def compare(url: str, kind: str, slots: int) -> dict[str, Measured]:
    """The best of each side, the sides taking turns."""
    found: dict[str, list[Measured]] = {side: [] for side in SIDES}
    for _ in range(ROUNDS if kind == "lognormal" else 1):
        for side in SIDES:
            found[side].append(asyncio.run(measure(url, side, kind, slots)))
    best = {side: max(runs, key=lambda run: run.of_ideal) for side, runs in found.items()}
    for side, run in best.items():
        told = f"{run.of_ideal:5.2f} of the ideal  {run.cpu_ms:6.2f} ms CPU"
        print(f"{kind:<9} {slots:>4} in flight  {side:<24} {told}", flush=True)
    return best


def verdict(what: str, figure: float, goal: float, *, at_most: bool = False) -> bool:
    passed = figure <= goal if at_most else figure >= goal
    word = "at most" if at_most else "at least"
    print(f"{what}: {figure:.2f}, goal {word} {goal:.2f}: {'PASS' if passed else 'FAIL'}")
    return passed


def main() -> int:
    with started(__file__, "serve") as address:
        url = f"{address}/v1"
        lognormal = {slots: compare(url, "lognormal", slots) for slots in IN_FLIGHT}
        fixed = {slots: compare(url, "fixed", slots) for slots in IN_FLIGHT}
    at_256 = lognormal[256]
    passed = [
        verdict("lognormal, 256: ours / raw", at_256[OURS].of_ideal / at_256[RAW].of_ideal, GOAL_OF_RAW),
        verdict("fixed 3 s, 256: ours / ideal", fixed[256][OURS].of_ideal, GOAL_FIXED),
        verdict(
            "CPU a request, 256: ours / AsyncOpenAI",
            at_256[OURS].cpu_ms / at_256[PLAIN].cpu_ms,
            GOAL_CPU,
            at_most=True,
        ),
    ]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        body = orjson.dumps(REPLY)
        serve(endpoint(lambda _: body))
    else:
        sys.exit(main())
