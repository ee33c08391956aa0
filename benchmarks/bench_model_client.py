"""CPU per model request: `Endpoint.ask` against AsyncOpenAI as it comes.

    python benchmarks/bench_model_client.py

One local server process answers both at once with the same reply; rounds of the two sides alternate, and
the ratio is that of their medians, so that what else the machine does hits both.  A request is the size
of a step of a DFSDT search: 14 KB, 9 tools.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import openai
import orjson
from local_servers import endpoint, serve, started

from tasks.llm.chat import ChatRequest, Message, ToolCall, ToolSet, Transcript
from tasks.llm.endpoint import Endpoint
from tasks.llm.params import LlmParams

GOAL = 0.40
ROUNDS = 7
REQUESTS_A_ROUND = 80
IN_FLIGHT = 32

Ask = Callable[[], Awaitable[object]]

REPLY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "message": {
                "role": "assistant",
                "content": "The forecast is known; what is left is the way there. " * 4,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {
                            "name": "route_for_travel",
                            "arguments": '{"origin": "Oslo", "days": 3}',
                        },
                    }
                ],
            },
        }
    ],
    "usage": {"prompt_tokens": 3500, "completion_tokens": 60, "total_tokens": 3560},
}


def search_step() -> ChatRequest:
    """A request as a search makes it halfway."""
    parameter = {"type": "string", "description": "Says in a sentence of middling length what is wanted."}
    parameters = {
        "type": "object",
        "properties": {f"parameter_{i}": parameter for i in range(6)},
        "required": ["parameter_0"],
    }
    tools = tuple(
        {
            "type": "function",
            "function": {
                "name": f"operation_{i}_for_some_tool",
                "description": "Looks up one thing and says what it found. " * 5,
                "parameters": parameters,
            },
        }
        for i in range(9)
    )
    messages = [
        Message(role="system", content="You plan, call functions, and read what they answer. " * 20),
        Message(role="user", content="I travel to Oslo in May with two children and need a plan. " * 8),
    ]
    for i in range(4):
        call = ToolCall(f"call_{i}", "operation_1_for_some_tool", '{"parameter_0": "Oslo"}')
        messages.append(Message(role="assistant", content="First the forecast. " * 4, tool_calls=(call,)))
        messages.append(Message(role="tool", content='{"answer": "rain"} ' * 25, tool_call_id=call.id))
    return ChatRequest(
        transcript=Transcript.of(*messages), tools=ToolSet.of(*tools), temperature=0.7, max_tokens=512
    )


async def cpu_ms(ask: Ask, n: int) -> float:
    """CPU of this process per request, with a fixed number of requests in flight."""
    left = iter(range(n))

    async def keep_asking() -> None:
        for _ in left:
            await ask()

    begun = time.process_time()
    await asyncio.gather(*(keep_asking() for _ in range(IN_FLIGHT)))
    return (time.process_time() - begun) * 1000 / n


async def measure(base_url: str) -> tuple[list[float], list[float]]:
    request = search_step()
    plain = openai.AsyncOpenAI(base_url=base_url, api_key="none")
    wire: Any = {
        "model": "m",
        "messages": [message.wire() for message in request.transcript],
        "tools": list(request.tools.tools) if request.tools else [],
        "temperature": 0.7,
        "max_tokens": 512,
    }
    ours, theirs = [], []
    async with plain, Endpoint(LlmParams(base_url=base_url, model="m", concurrency=IN_FLIGHT)) as endpoint:

        async def ask_plainly() -> object:
            return await plain.chat.completions.create(**wire)

        async def ask_endpoint() -> object:
            return await endpoint.ask(endpoint.prepare(request))

        for ask in (ask_plainly, ask_endpoint):
            await cpu_ms(ask, IN_FLIGHT * 2)
        for _ in range(ROUNDS):
            theirs.append(await cpu_ms(ask_plainly, REQUESTS_A_ROUND))
            ours.append(await cpu_ms(ask_endpoint, REQUESTS_A_ROUND))
    return ours, theirs


def main() -> int:
    with started(__file__, "serve") as address:
        ours, theirs = asyncio.run(measure(f"{address}/v1"))
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"AsyncOpenAI as it comes  {statistics.median(theirs):6.2f} ms CPU a request")
    print(f"Endpoint.ask             {statistics.median(ours):6.2f} ms CPU a request")
    print(f"ratio {ratio:.3f}, goal at most {GOAL:.2f}: {'PASS' if ratio <= GOAL else 'FAIL'}")
    return 0 if ratio <= GOAL else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        body = orjson.dumps(REPLY)
        serve(endpoint(lambda _: body))
    else:
        sys.exit(main())
