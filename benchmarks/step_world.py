"""The world of bench_steps: APIs, queries, what the model says, and the two servers.

    python benchmarks/step_world.py model STEPS | api

A search asks STEPS times: a thought and a call each time, an answer at last.  Its requests grow from 9 KB to
some 25 KB, its observations are 2 KB.
"""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson
from aiohttp import web
from catalogue import a_parameter, a_tool, an_api
from local_servers import endpoint, serve

from tasks.calling.params import CallingParams
from tasks.frame.run import RunContext
from tasks.llm.params import BudgetParams, LlmParams
from tasks.text_budget.shape import shape_of
from warehouse.ref import TableRef
from warehouse.store import Store
from warehouse.tables import APIS, DOCUMENTS, INSTRUCTIONS, TOOLS
from warehouse.tables.catalogue import Api, Parameter
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Instruction

N_APIS, N_PARAMETERS = 9, 6
HOST = "weather.bench.test"
BODY = json.dumps([{"id": i, "place": f"place {i} " * 3, "rain": True} for i in range(35)])
THOUGHT = "The forecast is known; what is left is the way there. " * 3


def function_name(number: int) -> str:
    return f"operation_{number}_for_weather"


def reply(step: int, steps: int, number: int) -> bytes:
    """What the model says after so many replies; number: makes it one of its kind."""
    name, arguments = function_name(step % N_APIS), {"parameter_0": f"place {number}", "parameter_1": "May"}
    if step == steps - 1:
        name, arguments = "Finish", {"return_type": "give_answer", "final_answer": f"{THOUGHT}{number}"}
    call = {"name": name, "arguments": json.dumps(arguments)}
    message = {
        "role": "assistant",
        "content": THOUGHT,
        "tool_calls": [{"id": f"call_{number}", "type": "function", "function": call}],
    }
    return orjson.dumps(
        {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
            "usage": {"prompt_tokens": 3500, "completion_tokens": 60, "total_tokens": 3560},
        }
    )


def model_app(steps: int) -> web.Application:
    numbers = itertools.count()
    return endpoint(lambda body: reply(body.count(b'"assistant"'), steps, next(numbers)))


def api_app() -> web.Application:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=BODY, content_type="application/json")

    app = web.Application()
    app.router.add_get("/{operation}", answer)
    return app


TOOL = a_tool(
    "Travel/weather",
    tool_name="Weather",
    standardized_name="weather",
    description="Says what the weather will be, and how to get there. " * 3,
    host=HOST,
    source_url="http://hub.bench.test",
    n_apis=N_APIS,
    fingerprint="print",
)


def _parameter(number: int) -> Parameter:
    return a_parameter(
        f"parameter_{number}",
        required=number == 0,
        description="Says in a sentence of middling length what is wanted.",
    )


def _api(number: int) -> Api:
    return an_api(
        f"Travel/weather/operation_{number}",
        api_name=f"operation {number}",
        function_name=function_name(number),
        description="Looks up one thing and says what it found. " * 5,
        url=f"http://{HOST}/operation_{number}",
        parameters=tuple(_parameter(i) for i in range(N_PARAMETERS)),
        example_response=BODY,
        fingerprint="print",
    )


ALL_APIS = tuple(map(_api, range(N_APIS)))


def _document(api: Api) -> Document:
    described = {
        "tool_name": TOOL.tool_name,
        "tool_description": TOOL.description,
        "api_description": api.description,
        "parameters": [{"name": row.arg_name, "description": row.description} for row in api.parameters],
    }
    return Document(
        api_id=api.api_id,
        document=json.dumps(described),
        response_schema=json.dumps(shape_of(json.loads(BODY))),
        tokens_before=900,
        tokens_after=900,
        method="as-is",
    )


DOCUMENT_OF = {api.api_id: _document(api) for api in ALL_APIS}


def instruction(number: int) -> Instruction:
    return Instruction(
        instruction_id=f"instruction-{number:06}",
        sample_id="sample",
        scenario="G1",
        split="train",
        query=f"I travel to place {number} in May with two children and need a plan. " * 4,
        relevant_apis=(),
        api_ids=tuple(DOCUMENT_OF),
        api_fingerprints=("print",) * N_APIS,
        n_words=60,
        model="writer",
        prompt_digest="prompt",
        seed_ids=(),
    )


@dataclass(frozen=True)
class Shard:
    """What a shard of `annotate` reads."""

    instructions: TableRef
    apis: tuple[TableRef, ...]
    tools: tuple[TableRef, ...]
    documents: tuple[TableRef, ...]

    @classmethod
    def of(cls, data: Path, numbers: range) -> Shard:
        store = Store(data)
        return cls(
            store.write_shard(INSTRUCTIONS, map(instruction, numbers)),
            (store.write_shard(APIS, ALL_APIS),),
            (store.write_shard(TOOLS, [TOOL]),),
            (store.write_shard(DOCUMENTS, DOCUMENT_OF.values()),),
        )


def llm(model_url: str, slots: int) -> LlmParams:
    return LlmParams(
        base_url=model_url,
        model="m",
        concurrency=slots,
        temperature=0.7,
        max_tokens=512,
        price_in=1.0,
        price_out=2.0,
    )


def calling(api_url: str, slots: int) -> CallingParams:
    return CallingParams(concurrency=slots, per_host_rps=1e6, resolve={HOST: api_url})


def run_of(data: Path, model_url: str, api_url: str, slots: int) -> RunContext:
    now = datetime.now(UTC)
    return RunContext(
        data=data,
        run_id="run",
        started_at=now,
        as_of={"crawl": now, "probe": now},
        calling=calling(api_url, slots),
        llm=llm(model_url, slots),
        budget=BudgetParams(max_usd=1e6, max_requests=10**9),
    )


if __name__ == "__main__":
    serve(model_app(int(sys.argv[2])) if sys.argv[1] == "model" else api_app())
