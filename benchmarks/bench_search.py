"""CPU and memory of a search itself: no network, no client, replies and observations at hand.

    python benchmarks/bench_search.py

CPU: dfsdt over 5, 20 and 50 functions with observations of 2 KB, to a depth of 4 and of 12; whole searches,
keys and rows included (a few queries exhaust what is 4 deep, 100 are made of the deeper one).  The published
code takes 0.4, 1.2 and 2.8 ms a query for so many functions, on comparable hardware.
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
from tasks.search.methods import dfsdt
from tasks.search.task import Function, Limits, Observation, Task
from tasks.search.trace import trace

GOAL_MS = 0.1
GOAL_RATIO = 1.5
GOAL_MB = 0.20
PUBLISHED_MS = {5: 0.4, 20: 1.2, 50: 2.8}
DEPTHS = (4, 12)
ROUNDS = 15
QUERIES = 100
HELD_AT = 20

PARAMETERS = {
    "type": "object",
    "properties": {f"parameter_{i}": {"type": "string", "description": "What is wanted."} for i in range(6)},
    "required": ["parameter_0"],
}
BODY = json.dumps([{"id": i, "name": "x" * 20, "rain": True} for i in range(40)])


def task_of(functions: int) -> Task:
    return Task(
        query="I travel to Oslo in May with two children and need a plan. " * 4,
        functions=[
            Function.of(
                f"operation_{i}_for_tool", "Looks up one thing and says what it found. " * 5, PARAMETERS
            )
            for i in range(functions)
        ],
    )


def reply(ordinal: int, functions: int) -> Reply:
    """A thought and a call; now and then the attempt is given up."""
    name = f"operation_{ordinal % functions}_for_tool"
    call = ToolCall(f"call_{ordinal}", name, f'{{"parameter_0": "{ordinal}"}}')
    if ordinal % 7 == 6:
        call = ToolCall(f"call_{ordinal}", "Finish", '{"return_type": "give_up_and_restart"}')
    thought = f"Step {ordinal}: what is left is the way there. " * 3
    return Reply(content=thought, tool_calls=(call,), usage=Usage(3500, 60))


async def execute(function: str, arguments: Mapping[str, Any], ordinal: int) -> Observation:
    return Observation(f"{BODY}{function}{arguments}{ordinal}", "ok", 0)


async def cpu_ms(functions: int, depth: int) -> float:
    """CPU per query of whole searches."""
    task, limits = task_of(functions), Limits(max_queries=QUERIES, max_depth=depth)

    async def ask(request: ChatRequest, ordinal: int) -> Reply:
        request.digest("m")  # what keys the reply store
        return reply(ordinal, functions)

    begun, queries = time.process_time(), 0
    while queries < QUERIES:
        tree = await dfsdt(task, ask=ask, execute=execute, limits=limits)
        trace(tree, "a")
        queries += tree.n_queries
    return (time.process_time() - begun) * 1000 / queries


async def held_mb(searches: int) -> float:
    """Memory of so many searches, each waiting for the reply to one query."""
    task, waiting = task_of(20), 0
    all_wait, release = asyncio.Event(), asyncio.Event()

    async def ask(request: ChatRequest, ordinal: int) -> Reply:
        nonlocal waiting
        if ordinal == HELD_AT:
            waiting += 1
            if waiting == searches:
                all_wait.set()
            await release.wait()
        assert len(request.transcript) > 1
        return reply(ordinal, len(task.functions))

    async def search() -> None:
        await dfsdt(task, ask=ask, execute=execute, limits=Limits(max_queries=HELD_AT + 1))

    tracemalloc.start()
    async with asyncio.TaskGroup() as group:
        for _ in range(searches):
            group.create_task(search())
        await all_wait.wait()
        held, _ = tracemalloc.get_traced_memory()
        release.set()
    tracemalloc.stop()
    return held / 1e6


async def cpu_table() -> dict[tuple[int, int], float]:
    """The median by functions and depth, all of them taking turns."""
    cells = [(functions, depth) for functions in PUBLISHED_MS for depth in DEPTHS]
    runs = [{cell: await cpu_ms(*cell) for cell in cells} for _ in range(ROUNDS)][1:]  # the first warms up
    return {cell: statistics.median(run[cell] for run in runs) for cell in cells}


def verdict(told: str, figure: float, goal: float) -> bool:
    passed = figure <= goal
    print(f"{told}, goal at most {goal:g}: {'PASS' if passed else 'FAIL'}")
    return passed


def main() -> int:
    cpu = asyncio.run(cpu_table())
    for (functions, depth), took in cpu.items():
        published = PUBLISHED_MS[functions]
        print(
            f"{functions:>2} functions, depth {depth:>2}   {took:.3f} ms CPU a query, published {published}"
        )
    ratio = max(cpu[50, depth] / cpu[5, depth] for depth in DEPTHS)
    few, many = asyncio.run(held_mb(64)), asyncio.run(held_mb(512))
    memory = (many - few) / (512 - 64)
    passed = [
        verdict(f"CPU at worst {max(cpu.values()):.3f} ms a query", max(cpu.values()), GOAL_MS),
        verdict(f"50 functions cost {ratio:.2f} times 5 functions", ratio, GOAL_RATIO),
        verdict(f"memory {memory:.3f} MB a search in flight, client not included", memory, GOAL_MB),
    ]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
