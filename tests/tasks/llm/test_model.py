from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ask_rows
import pytest
from ask_rows import request_of
from llm_server import OK, Answer, ModelServer, completion, drops, fails, sends, waits

from tasks.errors import BrokenContract, EndpointDown, OverBudget, RequestRefused
from tasks.llm.adapt import FunctionWatch
from tasks.llm.budget import Ledger
from tasks.llm.chat import ChatModel, Reply, ReplyStore, Usage, reply_key
from tasks.llm.endpoint import Endpoint, StoredModel
from tasks.llm.params import BudgetParams, LlmParams
from tasks.llm.spending import SpendingLog, Spent, UsageLog, spending_file
from tasks.transport.kvstore import DurableMap
from warehouse.tables.accounts import LlmCall

REPLY = Reply(content="hello", finish_reason="stop", usage=Usage(7, 2), model="m-2026")
CALL = LlmCall(
    run_id="run",
    stage="propose",
    row_id="a",
    ordinal=0,
    model="m",
    tokens_in=7,
    tokens_out=2,
    cost_usd=0.000011,
    latency_ms=0.0,
    attempts=1,
    from_store=False,
    error=None,
)
STORED = replace(CALL, cost_usd=0.0, attempts=0, from_store=True)


@dataclass
class Desk:
    """A model with all that belongs to it."""

    model: ChatModel
    ledger: Ledger
    log: UsageLog

    def calls(self) -> list[LlmCall]:
        return [replace(call, latency_ms=0.0, store_key=None) for call in self.log.take_all("propose")]

    def keys(self) -> list[str | None]:
        return [call.store_key for call in self.log.take_all("propose")]


def at_desk(
    server: ModelServer,
    store: Path,
    work: Any,
    *,
    budget: BudgetParams | None = None,
    log: SpendingLog | None = None,
    **params: Any,
) -> Any:
    """Result of `await work(desk)`."""
    settings = {"model": "m", "timeout_s": 5, "outage_s": 0.2, "price_in": 1.0, "price_out": 2.0, **params}
    llm = LlmParams(base_url=server.url, **settings)

    async def run() -> Any:
        with DurableMap(store) as entries:
            async with Endpoint(llm, first_pause_s=0.01) as endpoint:
                usage = UsageLog(log)
                ledger = Ledger(budget or BudgetParams(), llm, log, recorder=usage, run_id="run")
                model = StoredModel(
                    endpoint=endpoint,
                    store=ReplyStore(entries),
                    ledger=ledger,
                    functions=FunctionWatch(model=llm.model, where=llm.base_url),
                    stage="propose",
                )
                return await work(Desk(model, ledger, usage))

    return asyncio.run(run())


def ask(desk: Desk, row_id: str = "a", ordinal: int = 0, text: str = "hi") -> Coroutine[Any, Any, Reply]:
    return desk.model.ask(request_of(text), row_id=row_id, ordinal=ordinal)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "replies.sqlite"


async def ask_once(desk: Desk) -> list[LlmCall]:
    assert await ask(desk) == REPLY
    return desk.calls()


def test_a_reply_is_asked_for_once_and_counted(store: Path) -> None:
    with ModelServer() as server:
        assert at_desk(server, store, ask_once) == [CALL]
        assert at_desk(server, store, ask_once) == [STORED]
    assert len(server.requests) == 1


def test_a_call_names_its_reply_in_the_store(store: Path) -> None:
    async def work(desk: Desk) -> list[str | None]:
        await ask(desk)
        return desk.keys()

    with ModelServer() as server:
        keys = [at_desk(server, store, work) for _ in range(2)]
    assert keys == [[reply_key("a", 0, request_of("hi").digest("m")).hex()]] * 2


def test_a_stored_reply_needs_no_endpoint_no_key_and_no_budget(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer() as server:
        at_desk(server, store, ask_once)
    monkeypatch.setenv("MY_KEY", "another")
    nothing = BudgetParams(max_requests=0)
    calls = at_desk(server, store, ask_once, budget=nothing, api_key_env="MY_KEY", outage_s=0)
    assert calls == [STORED]


def test_what_makes_another_request(store: Path) -> None:
    variants: list[dict[str, Any]] = [{}, {"row_id": "b"}, {"ordinal": 1}, {"text": "ho"}]

    async def work(desk: Desk) -> None:
        for changes in variants:
            await ask(desk, **changes)

    with ModelServer() as server:
        at_desk(server, store, work)
        at_desk(server, store, work)
        assert len(server.requests) == 4
        at_desk(server, store, ask_once, temperature=0.5)
        at_desk(server, store, ask_once, max_tokens=5)
        assert len(server.requests) == 6


def test_the_same_request_of_several_rows_is_several_requests(store: Path) -> None:
    async def work(desk: Desk) -> list[LlmCall]:
        await asyncio.gather(*(ask(desk, row_id) for row_id in "cab"))
        return desk.calls()

    with ModelServer(otherwise=waits(0.01, OK)) as server:
        assert at_desk(server, store, work) == [replace(CALL, row_id=row_id) for row_id in "abc"]
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("script", "call"),
    [
        ([fails(500), fails(429), OK], replace(CALL, attempts=3)),
        ([sends(completion(usage=None))], replace(CALL, tokens_in=0, tokens_out=0, cost_usd=None)),
    ],
    ids=["faults", "no usage"],
)
def test_what_is_recorded(store: Path, script: list[Answer], call: LlmCall) -> None:
    async def work(desk: Desk) -> list[LlmCall]:
        await ask(desk)
        return desk.calls()

    with ModelServer(*script) as server:
        assert at_desk(server, store, work) == [call]


@pytest.mark.parametrize(
    ("answer", "kind", "error"),
    [
        (fails(400, "no", "content_filter"), RequestRefused, "content_filtered: HTTP 400: no"),
        (fails(429, code="insufficient_quota"), EndpointDown, "EndpointDown"),
        (fails(401), BrokenContract, "KeyRefused"),
    ],
)
def test_a_failure_is_recorded_and_not_stored(
    store: Path, answer: Answer, kind: type[Exception], error: str
) -> None:
    async def work(desk: Desk) -> list[LlmCall]:
        with pytest.raises(kind):
            await ask(desk)
        failures = desk.calls()
        await ask(desk)
        return failures

    with ModelServer(answer) as server:
        failed = replace(CALL, tokens_in=0, tokens_out=0, cost_usd=0.0, error=error)
        assert at_desk(server, store, work) == [failed]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("budget", "n_answered"),
    [
        (BudgetParams(max_requests=20), 20),
        # 9 tokens each and 25 + 20 at worst: there is room for one more while 45 are left.
        (BudgetParams(max_tokens=300), 29),
        (BudgetParams(max_usd=0.0004), 31),
    ],
)
def test_a_cap_is_never_passed_by_64_requests_at_once(
    store: Path, budget: BudgetParams, n_answered: int
) -> None:
    async def work(desk: Desk) -> tuple[Spent, Counter[type]]:
        rows = [f"row-{i}" for i in range(64)]
        results = await asyncio.gather(*(ask(desk, row) for row in rows), return_exceptions=True)
        assert len(desk.calls()) == sum(isinstance(result, Reply) for result in results)
        return desk.ledger.used, Counter(type(result) for result in results)

    with ModelServer(otherwise=waits(0.002, OK)) as server:
        used, kinds = at_desk(server, store, work, budget=budget, concurrency=64, max_tokens=20)
    n = len(server.requests)
    assert replace(used, usd=0.0) == Spent(requests=n, tokens_in=7 * n, tokens_out=2 * n)
    assert kinds == {Reply: n_answered, OverBudget: 64 - n_answered}
    assert n == n_answered


def test_a_try_that_may_have_been_billed_counts_at_its_worst(store: Path) -> None:
    async def work(desk: Desk) -> Spent:
        await ask(desk)
        return desk.ledger.used

    with ModelServer(drops()) as server:
        used = at_desk(server, store, work, max_tokens=20)
    body_bytes = len(b'{"model":"m","messages":[{"role":"user","content":"hi"}],"max_tokens":20}')
    assert replace(used, usd=0.0) == Spent(requests=2, tokens_in=body_bytes // 3 + 1 + 7, tokens_out=20 + 2)


@pytest.mark.parametrize(
    ("refusals", "params"),
    [
        ([fails(429, retry_after="0")] * 7, {}),
        ([fails(500)] * 7, {}),
        ([fails(400)] * 7, {}),
        ([fails(400, "use max_completion_tokens")] * 7, {"max_tokens": 20}),
        ([drops()] * 7, {}),
    ],
    ids=["429", "500", "400", "other name of the length", "dropped"],
)
def test_a_cap_of_requests_holds_as_the_server_counts_them(
    store: Path, refusals: list[Answer], params: dict[str, Any]
) -> None:
    async def work(desk: Desk) -> tuple[int, set[type]]:
        rows = [f"row-{i}" for i in range(40)]
        results = await asyncio.gather(*(ask(desk, row) for row in rows), return_exceptions=True)
        return desk.ledger.used.requests, {type(result) for result in results}

    with ModelServer(*refusals, otherwise=waits(0.002, OK)) as server:
        settings = {"concurrency": 8, "outage_s": 5, **params}
        used, kinds = at_desk(server, store, work, budget=BudgetParams(max_requests=20), **settings)
        assert (used, len(server.requests)) == (20, 20)
        assert kinds - {RequestRefused} == {Reply, OverBudget}
        used, kinds = at_desk(server, store, work, **settings)
    assert (used, kinds) == (len(server.requests) - 20, {Reply})


def test_a_try_that_reached_nobody_counts_for_nothing(store: Path) -> None:
    async def work(desk: Desk) -> Spent:
        with pytest.raises(EndpointDown):
            await ask(desk)
        return desk.ledger.used

    with ModelServer() as server:
        pass
    assert at_desk(server, store, work) == Spent()


def committed_rows(store: Path, n: int) -> set[str]:
    async def look_up() -> set[str]:
        with DurableMap(store) as entries:
            replies = ReplyStore(entries)
            rows = [f"row-{i}" for i in range(n)]
            keys = {row: reply_key(row, 0, request_of(row).digest("m")) for row in rows}
            return {row for row, key in keys.items() if await replies.get(key) is not None}

    return asyncio.run(look_up())


def asked_rows(server: ModelServer) -> Counter[str]:
    return Counter(request["messages"][0]["content"] for request in server.requests)


def ask_and_kill(command: list[str], server: ModelServer, n: int) -> None:
    """Ends the process by kill -9 when the server has got so many requests more."""
    wanted = len(server.requests) + n
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 60
    while len(server.requests) < wanted and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()


def test_after_kill_9_no_committed_reply_is_asked_for_again(tmp_path: Path) -> None:
    n, in_flight = 120, 8
    with ModelServer(otherwise=waits(0.02, OK)) as server:
        command = [sys.executable, ask_rows.__file__, server.url, str(tmp_path), str(n), "1000"]
        ask_and_kill(command, server, n // 2)
        asked_before = asked_rows(server)
        committed = committed_rows(tmp_path / "replies.sqlite", n)
        server.requests.clear()
        subprocess.run(command, check=True, timeout=60)
        asked_after = asked_rows(server)
    assert committed, "nothing was committed before the kill"
    assert asked_after == Counter({f"row-{i}" for i in range(n)} - committed)
    assert sum((asked_before & asked_after).values()) <= in_flight


def test_a_cap_holds_for_a_run_however_often_it_is_killed(tmp_path: Path) -> None:
    cap, in_flight = 60, 8
    with ModelServer(otherwise=waits(0.02, OK)) as server:
        command = [sys.executable, ask_rows.__file__, server.url, str(tmp_path), "200", str(cap)]
        ask_and_kill(command, server, 15)
        ask_and_kill(command, server, 15)
        subprocess.run(command, check=True, timeout=60)
        n_asked = len(server.requests)
        log = SpendingLog(spending_file(tmp_path, "r"))
        with log:
            bookings, calls = [*log.bookings().values()], log.calls()
    assert cap - 2 * in_flight <= n_asked <= cap, "what was in flight counts, whether it arrived or not"
    assert sum(booking.spent.requests for booking in bookings) == cap
    assert len(calls) == sum(booking.settled for booking in bookings)


def test_what_was_paid_before_a_crash_is_recorded_as_paid_by_the_run(store: Path, tmp_path: Path) -> None:
    path = spending_file(tmp_path, "run")

    async def work(desk: Desk) -> list[LlmCall]:
        await ask(desk)
        return desk.calls()

    with ModelServer() as server:
        with SpendingLog(path) as log:
            at_desk(server, store, work, log=log)
        with SpendingLog(path) as log:
            resumed = at_desk(server, store, work, log=log)
    assert len(server.requests) == 1
    assert resumed == [CALL]
