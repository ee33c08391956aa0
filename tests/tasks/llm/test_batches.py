"""Asking in batches, against the sandbox's teacher over real HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from batch_desk import Desk, Folder, Teacher
from llm_server import ApplicationThread, ModelServer, completion, fails

from sandbox.teacher.batches import Batches
from sandbox.teacher.protocol import ProtocolError
from tasks.errors import (
    BrokenContract,
    EndpointDown,
    OverBudget,
    RateLimited,
    RequestRefused,
    ServerFailed,
    StopRun,
    UsageError,
)
from tasks.llm.batching.api import BatchApi, OtherLengthField, Result, read_result, request_line
from tasks.llm.batching.batches import Record, Records
from tasks.llm.budget import Payment
from tasks.llm.chat import ChatRequest, Message, Reply, Transcript, Usage
from tasks.llm.client import Client
from tasks.llm.failures import KeyRefused, MalformedReply
from tasks.llm.params import BudgetParams, LlmParams
from tasks.llm.spending import SpendingLog, Spent, spending_file

ROWS = "abcdefgh"
USD_OF = 1e-6


@pytest.fixture
def teacher() -> Iterator[Teacher]:
    with Teacher() as teacher:
        yield teacher


async def ask_rows(desk: Desk) -> dict[str, Any]:
    return await desk.ask_all(ROWS)


def online(teacher: Teacher, root: Path) -> dict[str, Any]:
    """The replies without batches."""
    return Folder(root / "online", teacher.url, batch=False).work(ask_rows)


def test_a_batch_brings_the_replies_that_single_requests_bring(teacher: Teacher, tmp_path: Path) -> None:
    replies = Folder(tmp_path, teacher.url).work(ask_rows)

    assert replies == online(teacher, tmp_path)
    assert [batch["request_counts"]["total"] for batch in teacher.batches] == [8]
    assert [*(tmp_path / "batches").iterdir()] == []


def test_stored_replies_are_not_asked_for_again(teacher: Teacher, tmp_path: Path) -> None:
    folder = Folder(tmp_path, teacher.url)
    first = folder.work(ask_rows)
    assert folder.work(ask_rows) == first
    assert (len(teacher.batches), teacher.stats["requests"]) == (1, 8)


def test_what_a_batch_costs_is_the_discounted_price(teacher: Teacher, tmp_path: Path) -> None:
    async def work(desk: Desk) -> tuple[Any, Any]:
        await desk.ask_all("a")
        return desk.ledger.used, desk.log.take_all("propose")[0]

    used, call = Folder(tmp_path, teacher.url).work(work)
    whole = (call.tokens_in + 2 * call.tokens_out) * USD_OF
    assert (call.cost_usd, call.attempts, call.from_store) == (pytest.approx(whole / 2), 1, False)
    assert used.cost_usd == pytest.approx(whole / 2)


@pytest.mark.parametrize("fate", ["expired", "failing_lines", "lost_lines"])
def test_only_what_is_missing_is_asked_for_again(teacher: Teacher, tmp_path: Path, fate: str) -> None:
    teacher.script(fate)

    replies = Folder(tmp_path, teacher.url).work(ask_rows)

    assert replies == online(teacher, tmp_path)
    first, second = teacher.batches
    answered = first["request_counts"]["completed"]
    assert (answered, second["request_counts"]["total"]) == (answered, 8 - answered)
    assert 0 < answered < 8
    assert teacher.stats["repeated"] == 8  # the comparison's; no reply was paid for twice


def test_a_row_that_always_fails_is_refused_alone(teacher: Teacher, tmp_path: Path) -> None:
    teacher.script("failing_lines", "failing_lines")
    folder = Folder(tmp_path, teacher.url, llm={"attempts": 2})

    replies = folder.work(ask_rows)

    refused = {row: reply for row, reply in replies.items() if isinstance(reply, BaseException)}
    assert [type(error) for error in refused.values()] == [RequestRefused]
    assert "fails at this request in 2 batches" in str(next(iter(refused.values())))


def test_a_line_that_does_not_pass_is_refused_alone(teacher: Teacher, tmp_path: Path) -> None:
    teacher.script("invalid")

    replies = Folder(tmp_path, teacher.url).work(ask_rows)

    assert isinstance(replies.pop("a"), RequestRefused)
    assert {type(reply) for reply in replies.values()} == {Reply}
    assert [batch["status"] for batch in teacher.batches] == ["failed", "completed"]


def test_a_refused_row_has_its_row_in_the_account(teacher: Teacher, tmp_path: Path) -> None:
    teacher.script("invalid")

    async def work(desk: Desk) -> list[tuple[str, int, str | None]]:
        await desk.ask_all("ab")
        return [(call.row_id, call.attempts, call.error) for call in desk.log.take_all("propose")]

    (refused, answered) = Folder(tmp_path, teacher.url).work(work)

    assert answered == ("b", 2, None)
    assert refused[:2] == ("a", 1)
    assert (refused[2] or "").startswith("endpoint_refused: ")


def test_a_full_queue_gets_smaller_batches_one_by_one(teacher: Teacher, tmp_path: Path) -> None:
    teacher.script("token_limit")

    replies = Folder(tmp_path, teacher.url).work(ask_rows)

    assert replies == online(teacher, tmp_path)
    assert [batch["request_counts"]["total"] for batch in teacher.batches] == [0, 4, 4]


def test_a_queue_without_any_room_stops_the_run(teacher: Teacher, tmp_path: Path) -> None:
    teacher.script(*["token_limit"] * 20)

    replies = Folder(tmp_path, teacher.url).work(lambda desk: desk.ask_all("ab"))

    assert {type(reply) for reply in replies.values()} == {EndpointDown}


def test_a_batch_cancelled_at_the_endpoint_stops_the_run_and_keeps_what_it_brought(
    teacher: Teacher, tmp_path: Path
) -> None:
    teacher.script("cancelled")
    folder = Folder(tmp_path, teacher.url)

    kinds = [type(reply) for reply in folder.work(ask_rows).values()]

    assert (kinds.count(Reply), kinds.count(StopRun)) == (4, 4)
    folder.work(ask_rows)
    assert [batch["request_counts"]["total"] for batch in teacher.batches] == [8, 4]


def test_files_hold_no_more_requests_than_they_may(teacher: Teacher, tmp_path: Path) -> None:
    Folder(tmp_path, teacher.url, llm={"batch_requests": 3}).work(ask_rows)

    assert sorted(batch["request_counts"]["total"] for batch in teacher.batches) == [2, 3, 3]


def test_files_are_no_larger_than_they_may(
    teacher: Teacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.llm.batching.batcher.LARGEST_FILE", 700)

    Folder(tmp_path, teacher.url).work(ask_rows)

    assert [batch["request_counts"]["total"] for batch in teacher.batches] == [2, 2, 2, 2]


def test_how_far_batches_are_can_be_told(teacher: Teacher, tmp_path: Path) -> None:
    async def work(desk: Desk) -> list[str]:
        told = [desk.batcher.standing]
        asking = asyncio.create_task(desk.ask_all(ROWS))
        while not desk.runner.counts:
            await asyncio.sleep(0.01)
        told.append(desk.batcher.standing)
        await asking
        return told

    teacher.script(delay_s=0.2)
    assert Folder(tmp_path, teacher.url).work(work) == ["", "1 batch under way, 0/8 answered"]


async def die_waiting(desk: Desk) -> None:
    """The process ends when the batch is on its way."""
    asking = asyncio.create_task(desk.ask_all(ROWS))
    while not desk.runner.counts:
        await asyncio.sleep(0.01)
    asking.cancel()


def test_the_next_run_finds_the_batch_of_one_that_died_waiting(teacher: Teacher, tmp_path: Path) -> None:
    teacher.script(delay_s=0.3)
    folder = Folder(tmp_path, teacher.url)
    folder.work(die_waiting)
    assert len([*(tmp_path / "batches").iterdir()]) == 1

    async def work(desk: Desk) -> tuple[dict[str, Any], list[Any]]:
        return await desk.ask_all(ROWS + "i"), desk.log.take_all("propose")

    replies, calls = folder.work(work)

    assert {row: replies[row] for row in ROWS} == online(teacher, tmp_path)
    assert [batch["request_counts"]["total"] for batch in teacher.batches] == [8, 1]
    assert [(call.from_store, call.attempts) for call in calls] == [(False, 1)] * 9
    assert all(call.cost_usd for call in calls)
    assert [*(tmp_path / "batches").iterdir()] == []


def tokens_of(replies: dict[str, Any]) -> tuple[int, int]:
    return sum(one.usage.tokens_in for one in replies.values()), sum(
        one.usage.tokens_out for one in replies.values()
    )


@pytest.mark.parametrize("run_id", ["run", "the next run"])
def test_a_batch_of_an_earlier_start_is_booked_by_the_one_that_collects_it(
    teacher: Teacher, tmp_path: Path, run_id: str
) -> None:
    teacher.script(delay_s=0.3)
    Folder(tmp_path, teacher.url).work(die_waiting)

    async def work(desk: Desk) -> tuple[Spent, dict[str, Any]]:
        replies = await desk.ask_all(ROWS)
        return desk.ledger.used, replies

    used, replies = Folder(tmp_path, teacher.url, run_id=run_id).work(work)

    tokens_in, tokens_out = tokens_of(replies)
    cost = (tokens_in + 2 * tokens_out) * USD_OF / 2
    assert replace(used, usd=0.0) == Spent(8, tokens_in, tokens_out)
    assert used.cost_usd == pytest.approx(cost)
    with SpendingLog(spending_file(tmp_path, run_id)) as log:
        assert {booking.settled for booking in log.bookings().values()} == {True}
        assert sorted(call.row_id for call in log.calls()) == [*ROWS]


def test_a_cap_holds_over_a_batch_of_an_earlier_start(teacher: Teacher, tmp_path: Path) -> None:
    async def work(desk: Desk) -> tuple[list[type], int]:
        replies = await desk.ask_all(ROWS + "ijk")
        return [type(reply) for reply in replies.values()], desk.ledger.used.requests

    teacher.script(delay_s=0.3)
    folder = Folder(tmp_path, teacher.url, budget=BudgetParams(max_requests=10))
    folder.work(die_waiting)
    kinds, used = folder.work(work)
    assert (kinds.count(Reply), kinds.count(OverBudget), used) == (10, 1, 10)
    assert teacher.stats["requests"] == 10


def test_what_an_earlier_batch_brought_no_reply_to_is_paid_once(teacher: Teacher, tmp_path: Path) -> None:
    async def work(desk: Desk) -> Spent:
        await desk.ask_all(ROWS)
        return desk.ledger.used

    teacher.script("expired", delay_s=0.3)
    folder = Folder(tmp_path, teacher.url)
    folder.work(die_waiting)
    used = folder.work(work)
    assert used.requests == teacher.stats["requests"] == 8


async def collect(desk: Desk) -> tuple[list[int], Spent]:
    left = await desk.batcher.collect_finished()
    return [len(record.entries) for record in left], desk.ledger.used


def test_a_finished_batch_is_collected_without_batches(teacher: Teacher, tmp_path: Path) -> None:
    teacher.script(delay_s=0.3)
    Folder(tmp_path, teacher.url).work(die_waiting)
    while teacher.batches[0]["status"] != "completed":
        time.sleep(0.02)
    folder = Folder(tmp_path, teacher.url, batch=False)

    left, used = folder.work(collect)

    assert (left, used.requests) == ([], 8)
    assert folder.work(ask_rows) == online(teacher, tmp_path)
    assert (len(teacher.batches), teacher.stats["requests"]) == (1, 16)  # the comparison's are the others


@pytest.mark.parametrize("params", [{}, {"endpoint_id": "another endpoint"}])
def test_a_batch_under_way_stays_on_record_without_batches(
    teacher: Teacher, tmp_path: Path, params: dict[str, Any]
) -> None:
    teacher.script(delay_s=5)
    Folder(tmp_path, teacher.url).work(die_waiting)
    left, used = Folder(tmp_path, teacher.url, params, batch=False).work(collect)
    assert left == [8]
    assert used.requests == 8
    assert len([*(tmp_path / "batches").iterdir()]) == 1


def test_a_batch_whose_id_was_lost_is_known_by_its_mark(teacher: Teacher, tmp_path: Path) -> None:
    folder = Folder(tmp_path, teacher.url)
    teacher.script(delay_s=0.3)
    folder.work(die_waiting)
    (record,) = (tmp_path / "batches").iterdir()
    batch_id = teacher.batches[0]["id"]
    record.write_text(record.read_text().replace(f'"{batch_id}"', "null"))

    folder.work(ask_rows)

    assert (len(teacher.batches), teacher.stats["requests"]) == (1, 8)


def test_a_batch_that_the_endpoint_has_forgotten_is_asked_for_again(tmp_path: Path) -> None:
    known = {"endpoint_id": "the teacher"}
    with Teacher() as gone:
        gone.script(delay_s=5)
        Folder(tmp_path, gone.url, known).work(die_waiting)
    with Teacher() as teacher:
        replies = Folder(tmp_path, teacher.url, known).work(ask_rows)
        assert {type(reply) for reply in replies.values()} == {Reply}
        assert [batch["request_counts"]["total"] for batch in teacher.batches] == [8]
    assert [*(tmp_path / "batches").iterdir()] == []


def test_a_record_names_no_file_but_its_own(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(
        Record(mark="../../elsewhere", where="http://x", input_file_id="f", entries=()).model_dump_json()
    )
    with pytest.raises(UsageError, match=r"x\.json is damaged: it says that it is '../../elsewhere'"):
        Records(tmp_path).all()


def test_a_damaged_record_is_named(teacher: Teacher, tmp_path: Path) -> None:
    (tmp_path / "batches").mkdir()
    (tmp_path / "batches" / "x.json").write_text("{")

    replies = Folder(tmp_path, teacher.url).work(lambda desk: desk.ask_all("a"))

    assert isinstance(replies["a"], UsageError)
    assert "x.json is damaged" in str(replies["a"])


def test_a_cap_is_not_passed_and_what_it_allows_is_done(teacher: Teacher, tmp_path: Path) -> None:
    async def work(desk: Desk) -> tuple[dict[str, Any], int]:
        return await desk.ask_all(ROWS), desk.ledger.used.requests

    folder = Folder(tmp_path, teacher.url, budget=BudgetParams(max_requests=5))
    replies, used = folder.work(work)

    kinds = [type(reply) for reply in replies.values()]
    assert (used, kinds.count(Reply), kinds.count(OverBudget)) == (5, 5, 3)
    assert teacher.stats["requests"] == 5


def test_a_batch_is_set_aside_for_at_its_own_price(teacher: Teacher, tmp_path: Path) -> None:
    async def work(desk: Desk) -> float:
        payment = Payment(desk.ledger, tokens_in=100, max_tokens=100, discount=0.5)
        await payment.admit()
        whole = Payment(desk.ledger, tokens_in=100, max_tokens=100)
        with pytest.raises(OverBudget):
            await whole.admit()
        return 0.0

    half = 300 * USD_OF / 2
    Folder(tmp_path, teacher.url, budget=BudgetParams(max_usd=half)).work(work)


def test_an_endpoint_without_batches_is_a_usage_error() -> None:
    async def check(url: str) -> None:
        client = Client(LlmParams(base_url=url, model="m"))
        try:
            await BatchApi(client).check()
        finally:
            await client.close()

    with ModelServer() as server, pytest.raises(UsageError, match="takes no batches"):
        asyncio.run(check(server.url))


def test_a_key_that_a_reply_quotes_is_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-quoted-0123456789abcdef"
    monkeypatch.setenv("MY_KEY", key)

    async def work(desk: Desk) -> bytes:
        found = [
            line async for line in desk.runner.api.lines(await desk.runner.api.upload("x", key.encode()))
        ]
        return b"".join(found)

    with Teacher(api_key=key) as teacher:
        assert Folder(tmp_path, teacher.url, llm={"api_key_env": "MY_KEY"}).work(work) == b"[redacted]"


def test_a_refused_key_stops_the_run(tmp_path: Path) -> None:
    with Teacher(api_key="sk-right-one-0123456789") as teacher:
        replies = Folder(tmp_path, teacher.url).work(lambda desk: desk.ask_all("ab"))
    assert {type(reply) for reply in replies.values()} <= {BrokenContract, *BrokenContract.__subclasses__()}


def test_an_endpoint_that_is_away_for_good_stops_the_run_and_keeps_the_batch(tmp_path: Path) -> None:
    async def work(desk: Desk) -> dict[str, Any]:
        asking = asyncio.create_task(desk.ask_all("ab"))
        while not desk.runner.counts:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(running.close)
        return await asking

    with ExitStack() as running:
        leaving = running.enter_context(Teacher())
        leaving.script(delay_s=5)
        replies = Folder(tmp_path, leaving.url, llm={"outage_s": 0.3}).work(work)
    assert {type(reply) for reply in replies.values()} == {EndpointDown}
    assert len([*(tmp_path / "batches").iterdir()]) == 1


def test_a_server_error_at_every_route_is_tried_for_as_long_as_an_outage(tmp_path: Path) -> None:
    with ModelServer(otherwise=fails(500)) as server:
        folder = Folder(tmp_path, server.url, llm={"outage_s": 0.2})
        replies = folder.work(lambda desk: desk.ask_all("a"))
    assert isinstance(replies["a"], BrokenContract | EndpointDown)


def test_fields_that_a_batch_is_refused_for_are_left_out_of_the_next(tmp_path: Path) -> None:
    def complete(raw: bytes) -> dict[str, Any]:
        if b"reasoning_content" in raw:
            raise ProtocolError(400, "property 'reasoning_content' is unsupported")
        return completion()

    def guard(handler: Any) -> Any:
        async def handle(request: web.Request) -> web.Response:
            answered = await handler(request)
            return web.Response(body=answered if isinstance(answered, bytes) else orjson.dumps(answered))

        return handle

    said = [Message("user", "hi"), Message("assistant", "Hm.", state={"reasoning_content": "A greeting."})]
    request = ChatRequest(transcript=Transcript.of(*said, Message("user", "well?")))

    async def work(desk: Desk) -> list[Reply | BaseException]:
        asked = (desk.model.ask(request, row_id=row_id) for row_id in "abc")
        return await asyncio.gather(*asked, return_exceptions=True)

    app = web.Application()
    Batches(complete).add_routes(app, guard)
    with ApplicationThread(app) as root:
        replies = Folder(tmp_path, f"{root}/v1").work(work)
    assert [isinstance(reply, Reply) and reply.content for reply in replies] == ["hello"] * 3


REPLY = Reply(content="hello", finish_reason="stop", usage=Usage(7, 2), model="m-2026")


def line(status: Any, body: Any, **more: Any) -> bytes:
    response = {"status_code": status, "request_id": "r", "body": body}
    return json.dumps({"id": "1", "custom_id": "ab", "response": response, "error": None, **more}).encode()


def error(message: str = "no", code: str = "") -> dict[str, Any]:
    return {"error": {"message": message, "code": code}}


def test_a_request_is_a_line_with_its_body_as_it_is() -> None:
    assert request_line("ab", b'{"model":"m","x":1.0}') == (
        b'{"custom_id":"ab","method":"POST","url":"/v1/chat/completions","body":{"model":"m","x":1.0}}\n'
    )


def test_a_reply_is_that_of_the_chat_route() -> None:
    assert read_result(line(200, completion()), "m") == Result("ab", REPLY)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, None, MalformedReply),
        (200, {"choices": []}, MalformedReply),
        (200, error(code="429"), RateLimited),
        (400, error(), RequestRefused),
        (400, error("use 'max_completion_tokens' instead"), OtherLengthField),
        (401, error(), KeyRefused),
        (429, error(), RateLimited),
        (429, error(code="insufficient_quota"), EndpointDown),
        (500, error(), ServerFailed),
        ("200", completion(), MalformedReply),
    ],
)
def test_a_failure_is_that_of_the_chat_route(status: Any, body: Any, kind: type[Exception]) -> None:
    result = read_result(line(status, body), "m")
    assert result is not None
    assert type(result.outcome) is kind


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"custom_id": 1, "response": {}}',
        b'{"response": {"status_code": 200}}',
        b'{"custom_id": "ab", "response": null, "error": {"code": "batch_expired", "message": "late"}}',
    ],
)
def test_a_line_without_an_answer_to_a_request_is_passed_over(raw: bytes) -> None:
    assert read_result(raw, "m") is None
