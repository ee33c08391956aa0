"""The layers of a search step, each run alone: client, search, API call, and what is kept of them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import step_world as world

from tasks.calling.call import DirectCaller, RetryingCaller
from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.recording import RecordingCaller, StoredCall
from tasks.frame.run import RunContext
from tasks.llm.adapt import FunctionWatch
from tasks.llm.budget import Ledger, Payment
from tasks.llm.chat import ChatModel, ChatRequest, Reply, ReplyStore, ToolCall, Usage
from tasks.llm.client import PreparedRequest
from tasks.llm.endpoint import Endpoint, StoredModel
from tasks.llm.spending import SpendingLog, UsageLog, spending_file
from tasks.search.annotate import AnnotationRows, CallsFor, annotate_instruction
from tasks.search.params import AnnotateParams
from tasks.transport.client import HttpClient
from tasks.transport.kvstore import DurableMap
from warehouse.gather import Gatherer
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import ANNOTATIONS, CALLS, NODES
from warehouse.tables.catalogue import Api

IN_FLIGHT = 32
NOW = datetime.now(UTC)
AT_HAND = CallResult(
    outcome=Outcome.OK, http_status=200, content_type="application/json", body=world.BODY, latency_ms=1.0
)

TableRows = Mapping[Table[Any], Sequence[Any]]
One = Callable[[int], Awaitable[object]]


def reply_at_hand(request: ChatRequest, steps: int) -> Reply:
    """What the model server would say."""
    transcript = request.transcript.messages()
    step = sum(message.role == "assistant" for message in transcript)
    message = orjson.loads(world.reply(step, steps, len(transcript)))["choices"][0]["message"]
    call = message["tool_calls"][0]
    said = ToolCall(call["id"], call["function"]["name"], call["function"]["arguments"])
    return Reply(
        content=message["content"], tool_calls=(said,), finish_reason="tool_calls", usage=Usage(3500, 60)
    )


class ModelAtHand:
    """A `ChatModel` that keeps no reply and asks nobody; it remembers what it was asked."""

    name = "m"

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.asked: list[ChatRequest] = []

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:  # noqa: ARG002
        self.asked.append(request)
        return reply_at_hand(request, self.steps)


class EndpointAtHand(Endpoint):
    """Makes no body, sends nothing; the reply is paid for and kept as any other."""

    steps = 1

    def prepare(
        self, request: ChatRequest, payment: Payment | None = None, *, attempts: int | None = None
    ) -> PreparedRequest:
        assert payment is not None
        payment.tokens_in = 3500
        return PreparedRequest(request, b"", "max_tokens", attempts or 1, payment)

    async def ask(self, prepared: PreparedRequest) -> Reply:
        await prepared.payment.admit()
        prepared.payment.sent()
        reply = reply_at_hand(prepared.request, self.steps)
        prepared.payment.received(reply)
        await prepared.payment.keep(reply)
        return reply


class ApisAtHand:
    """Calls no API: a `Caller`, and `CallsFor` rows."""

    async def call(self, api: Api, arguments: Mapping[str, Any]) -> CallResult:  # noqa: ARG002
        return AT_HAND

    async def call_for(self, *_: object) -> StoredCall:
        return StoredCall(AT_HAND, "real", NOW, b"key")


async def searched(number: int, model: ChatModel, caller: CallsFor) -> AnnotationRows:
    return await annotate_instruction(
        world.instruction(number),
        world.ALL_APIS,
        world.DOCUMENT_OF,
        model=model,
        caller=caller,
        params=AnnotateParams(),
    )


async def requests_of(steps: int) -> list[ChatRequest]:
    """The requests of one search."""
    model = ModelAtHand(steps)
    await searched(0, model, ApisAtHand())
    return model.asked


async def cpu_ms(one: One, n: int) -> float:
    """CPU of this process, all its threads, for each of n."""
    left = iter(range(n))

    async def keep_on() -> None:
        for number in left:
            await one(number)

    begun = time.process_time()
    await asyncio.gather(*(keep_on() for _ in range(IN_FLIGHT)))
    return (time.process_time() - begun) * 1000 / n


async def client(run: RunContext, requests: list[ChatRequest], stack: AsyncExitStack) -> One:
    endpoint = await stack.enter_async_context(Endpoint(run.llm))
    return lambda number: endpoint.ask(endpoint.prepare(requests[number % len(requests)]))


async def search(steps: int) -> One:
    model, apis = ModelAtHand(steps), ApisAtHand()

    async def one(number: int) -> object:
        model.asked.clear()
        return await searched(number, model, apis)

    return one


async def api_call(run: RunContext, stack: AsyncExitStack) -> One:
    calling = run.calling
    http = HttpClient(
        timeout_s=calling.timeout_s,
        max_bytes=calling.max_bytes,
        concurrency=calling.concurrency,
        per_host_rps=calling.per_host_rps,
        resolve=calling.resolve,
        allow_hosts=calling.allow_hosts,
    )
    caller = RetryingCaller(
        DirectCaller(await stack.enter_async_context(http), calling), attempts=calling.attempts
    )
    return lambda number: caller.call(
        world.ALL_APIS[number % world.N_APIS], {"parameter_0": f"place {number}"}
    )


async def kept_search(run: RunContext, steps: int, stack: AsyncExitStack) -> tuple[One, Gatherer]:
    """The same search with all that is kept of it: replies, answers, the account, rows."""
    numbers = itertools.count()
    store = run.data / "store"
    log = stack.enter_context(SpendingLog(spending_file(run.data, run.run_id)))
    endpoint = EndpointAtHand(run.llm)
    endpoint.steps = steps
    model = StoredModel(
        endpoint=endpoint,
        store=ReplyStore(stack.enter_context(DurableMap(store / "replies.sqlite"))),
        ledger=Ledger(run.budget, run.llm, log, recorder=UsageLog(log), run_id=run.run_id),
        functions=FunctionWatch(model="m", where=run.llm.base_url),
        stage="annotate",
    )
    caller = RecordingCaller(
        ApisAtHand(),
        stack.enter_context(DurableMap(store / "calls.sqlite")),
        since=run.started_at,
        same_calls=stack.enter_context(DurableMap(store / "same_calls.sqlite")),
    )
    writer = stack.enter_context(ThreadPoolExecutor(1))
    gathered = stack.enter_context(Gatherer(Store(run.data), (ANNOTATIONS, NODES, CALLS), writer))

    async def one(_: int) -> object:
        found = await searched(next(numbers), model, caller)
        rows: Mapping[Table[Any], Sequence[Any]] = {
            ANNOTATIONS: [found.annotation],
            NODES: found.nodes,
            CALLS: found.calls,
        }
        behind = gathered.add(rows)
        if behind is not None:
            await asyncio.wrap_future(behind)
        return found

    return one, gathered


async def layers(data: Path, urls: tuple[str, str], steps: int, searches: int) -> dict[str, float]:
    """CPU ms a query of each layer."""
    run = world.run_of(data, *urls, IN_FLIGHT)
    calls_a_query = (steps - 1) / steps
    async with AsyncExitStack() as stack:
        asking = await client(run, await requests_of(steps), stack)
        calling = await api_call(run, stack)
        searching = await search(steps)
        keeping, gathered = await kept_search(run, steps, stack)
        for one in (asking, calling, searching, keeping):
            await cpu_ms(one, IN_FLIGHT)
        searching_ms = await cpu_ms(searching, searches) / steps
        ms = {
            "client": await cpu_ms(asking, searches * steps),
            "search": searching_ms,
            "API call": await cpu_ms(calling, searches * steps) * calls_a_query,
            "storage": await cpu_ms(keeping, searches) / steps - searching_ms,
        }
        begun = time.process_time()
        gathered.finish()
        ms["storage"] += (time.process_time() - begun) * 1000 / (searches + IN_FLIGHT) / steps
    return ms
