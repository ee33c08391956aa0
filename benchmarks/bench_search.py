"""CPU and memory of a search itself: no network, no client, replies and observations at hand.

    python benchmarks/bench_search.py

CPU: dfsdt over 20 functions with observations of 2 KB, whole searches of 100 queries, rows included.
Memory: the slope from 64 to 512 searches held in flight, each at its twentieth query.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Mapping
from typing import Any

from tasks.llm.chat import ChatRequest, Reply, ToolCall, Usage
from tasks.search.dfsdt import dfsdt
from tasks.search.task import Function, Limits, Observation, Task
from tasks.search.trace import trace

GOAL_MS = 0.5
GOAL_MB = 0.20
ROUNDS = 9
QUERIES = 100
HELD_AT = 20

PARAMETERS = {
    "type": "object",
    "properties": {f"parameter_{i}": {"type": "string", "description": "What is wanted."} for i in range(6)},
    "required": ["parameter_0"],
}
TASK = Task(
    query="I travel to Oslo in May with two children and need a plan. " * 4,
    functions=[
        Function(f"operation_{i}_for_tool", "Looks up one thing and says what it found. " * 5, PARAMETERS)
        for i in range(20)
    ],
)
BODY = json.dumps([{"id": i, "name": "x" * 20, "rain": True} for i in range(40)])


def reply(ordinal: int) -> Reply:
    """A thought and a call; now and then the attempt is given up."""
    call = ToolCall(
        f"call_{ordinal}", f"operation_{ordinal % 20}_for_tool", f'{{"parameter_0": "{ordinal}"}}'
    )
    if ordinal % 7 == 6:
        call = ToolCall(f"call_{ordinal}", "Finish", '{"return_type": "give_up_and_restart"}')
    thought = f"Step {ordinal}: what is left is the way there. " * 3
    return Reply(content=thought, tool_calls=(call,), usage=Usage(3500, 60))


async def execute(function: str, arguments: Mapping[str, Any], ordinal: int) -> Observation:
    return Observation(f"{BODY}{function}{arguments}{ordinal}", "ok", 0)


async def cpu_ms() -> float:
    """CPU per query of a whole search."""

    async def ask(request: ChatRequest, ordinal: int) -> Reply:
        request.digest("m")  # what keys the reply store
        return reply(ordinal)

    begun = time.process_time()
    tree = await dfsdt(TASK, ask=ask, execute=execute, limits=Limits(max_queries=QUERIES))
    trace(tree, "a")
    return (time.process_time() - begun) * 1000 / tree.n_queries


async def held_mb(searches: int) -> float:
    """Memory of so many searches, each waiting for the reply to one query."""
    waiting = 0
    all_wait, release = asyncio.Event(), asyncio.Event()

    async def ask(request: ChatRequest, ordinal: int) -> Reply:
        nonlocal waiting
        if ordinal == HELD_AT:
            waiting += 1
            if waiting == searches:
                all_wait.set()
            await release.wait()
        assert len(request.transcript) > 1
        return reply(ordinal)

    async def search() -> None:
        await dfsdt(TASK, ask=ask, execute=execute, limits=Limits(max_queries=HELD_AT + 1))

    tracemalloc.start()
    async with asyncio.TaskGroup() as group:
        for _ in range(searches):
            group.create_task(search())
        await all_wait.wait()
        held, _ = tracemalloc.get_traced_memory()
        release.set()
    tracemalloc.stop()
    return held / 1e6


async def measure() -> tuple[float, float]:
    await cpu_ms()
    cpu = statistics.median([await cpu_ms() for _ in range(ROUNDS)])
    few, many = await held_mb(64), await held_mb(512)
    return cpu, (many - few) / (512 - 64)


def main() -> int:
    cpu, memory = asyncio.run(measure())
    passed = cpu <= GOAL_MS and memory <= GOAL_MB
    print(f"CPU      {cpu:.3f} ms a query, goal at most {GOAL_MS} (far below 1)")
    print(f"memory   {memory:.3f} MB a search in flight, goal at most {GOAL_MB}, client not included")
    print("PASS" if passed else "FAIL")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
