from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from llm_server import OK, Answer, ModelServer, completion, drops, fails, sends, waits

from tasks.errors import BrokenContract, EndpointDown, RequestRefused, StopRun, UsageError
from tasks.llm.chat import ChatRequest, Message, Reply, ToolCall, ToolSet, Transcript, Usage
from tasks.llm.endpoint import Endpoint
from tasks.llm.failures import KeyRefused
from tasks.llm.params import LlmParams

HELLO = ChatRequest(transcript=Transcript.of(Message(role="user", content="hi")))
REPLY = Reply(content="hello", finish_reason="stop", usage=Usage(7, 2), model="m-2026")
KEY = "sk-very-secret-0123456789"


def endpoint_at(url: str, **params: Any) -> Endpoint:
    settings = {"model": "m", "timeout_s": 5, "outage_s": 0.5, **params}
    return Endpoint(LlmParams(base_url=url, **settings), first_pause_s=0.01)


def ask(url: str, request: ChatRequest = HELLO, **params: Any) -> Reply:
    async def run() -> Reply:
        async with endpoint_at(url, **params) as endpoint:
            return await endpoint.ask(endpoint.prepare(request))

    return asyncio.run(run())


def ask_often(url: str, n: int, **params: Any) -> list[Reply | BaseException]:
    async def run() -> list[Reply | BaseException]:
        async with endpoint_at(url, **params) as endpoint:
            return await asyncio.gather(
                *(endpoint.ask(endpoint.prepare(HELLO)) for _ in range(n)), return_exceptions=True
            )

    return asyncio.run(run())


def without_pings(server: ModelServer) -> list[Any]:
    return [request for request in server.requests if request["messages"][0]["content"] != "ping"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    call = ToolCall("call_1", "f", "{}")
    request = ChatRequest(
        transcript=Transcript.of(
            Message(role="user", content="hi"),
            Message(role="assistant", tool_calls=(call,)),
            Message(role="tool", content="done", tool_call_id="call_1"),
        ),
        tools=ToolSet.of(tool),
        tool_choice="auto",
        response_format={"type": "json_object"},
        temperature=0.0,
        seed=3,
    )
    with ModelServer() as server:
        assert ask(server.url, request, api_key_env="MY_KEY", max_tokens=99, temperature=1.0) == REPLY
    assert server.requests == [
        {
            "model": "m",
            "messages": [
                {"role": "user", "content": "hi"},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                    ],
                },
                {"role": "tool", "content": "done", "tool_call_id": "call_1"},
            ],
            "tools": [tool],
            "tool_choice": "auto",
            "response_format": {"type": "json_object"},
            "temperature": 0.0,
            "max_tokens": 99,
            "seed": 3,
        }
    ]
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert server.headers[0]["content-type"] == "application/json"


def test_further_fields_go_with_every_request() -> None:
    further = {"top_p": 0.9, "chat_template_kwargs": {"enable_thinking": False}}
    with ModelServer() as server:
        ask(server.url, body=further)

    (sent,) = server.requests
    assert sent == {"model": "m", "messages": [{"role": "user", "content": "hi"}], **further}


def test_what_is_left_open_is_not_sent_and_no_key_is_sent() -> None:
    with ModelServer() as server:
        ask(server.url)
    assert server.requests == [{"model": "m", "messages": [{"role": "user", "content": "hi"}]}]
    assert "authorization" not in server.headers[0]


@pytest.mark.parametrize(
    "fault",
    [
        fails(429),
        fails(429, retry_after="0"),
        fails(503),
        fails(500),
        fails(502),
        sends("<html>504</html>", 504),
        drops(),
        sends("<html>welcome</html>"),
        sends({"choices": []}),
        sends({"error": {"message": "overloaded", "code": 503}}),
    ],
    ids=["429", "429 now", "503", "500", "502", "504", "drop", "html", "shape", "wrapped"],
)
def test_a_passing_fault_is_retried(fault: Answer) -> None:
    with ModelServer(fault, fault) as server:
        assert ask(server.url) == REPLY
    assert len(without_pings(server)) == 3


def test_a_slow_answer_is_given_up_and_asked_for_again() -> None:
    with ModelServer(waits(30, OK)) as server:
        assert ask(server.url, timeout_s=0.5) == REPLY
    assert len(server.requests) == 2


def test_the_pause_asked_for_is_kept() -> None:
    begun = time.monotonic()
    with ModelServer(fails(429, retry_after_ms="300")) as server:
        assert ask(server.url) == REPLY
    assert 0.3 <= time.monotonic() - begun < 3


def test_a_pause_longer_than_the_outage_allowed_ends_the_run() -> None:
    with (
        ModelServer(fails(429, "daily limit", retry_after="7200")) as server,
        pytest.raises(EndpointDown) as caught,
    ):
        ask(server.url)
    assert "(it asks for a pause of 7200 s): HTTP 429: daily limit" in caught.value.message
    assert len(server.requests) == 1


def test_an_endpoint_that_only_says_wait_ends_the_run() -> None:
    with ModelServer(otherwise=fails(429)) as server, pytest.raises(EndpointDown):
        ask(server.url, outage_s=0.1, attempts=3)
    assert len(server.requests) >= 3


@pytest.mark.parametrize("pause", [{}, {"retry_after": "0"}, {"retry_after_ms": "400"}], ids=["", "0", "0.4"])
def test_all_who_wait_learn_at_once_that_nobody_is_let_through(pause: dict[str, str]) -> None:
    with ModelServer(otherwise=fails(429, **pause)) as server:
        begun = time.monotonic()
        found = ask_often(server.url, 300, outage_s=1.0, concurrency=8)
        took = time.monotonic() - begun
    assert {type(each) for each in found} == {EndpointDown}
    assert took < 5
    assert "lets no request through" in str(found[0])


def test_an_answer_begins_the_time_of_pauses_anew() -> None:
    refusing_for_a_while = [*[fails(429, retry_after_ms="300")] * 3, OK] * 3
    with ModelServer(*refusing_for_a_while) as server:
        assert ask_often(server.url, 3, outage_s=1.5, concurrency=1) == [REPLY] * 3


def test_limits_do_not_use_up_the_attempts() -> None:
    with ModelServer(*[fails(429)] * 5) as server:
        assert ask(server.url, attempts=2, outage_s=20) == REPLY


@pytest.mark.parametrize(
    ("answer", "n_requests", "reason"),
    [
        (fails(400, "nonsense"), 1, "endpoint_refused"),
        (fails(400, "too long", "context_length_exceeded"), 1, "context_too_long"),
        (fails(404, "no tool support"), 1, "endpoint_refused"),
        (sends("too large", 413), 1, "endpoint_refused"),
        (sends({"detail": "invalid"}, 422), 1, "endpoint_refused"),
    ],
)
def test_a_refused_request_is_not_repeated(answer: Answer, n_requests: int, reason: str) -> None:
    with ModelServer(otherwise=answer) as server, pytest.raises(RequestRefused) as caught:
        ask(server.url)
    assert (len(server.requests), caught.value.reason) == (n_requests, reason)


def test_a_request_that_the_endpoint_fails_at_is_refused_when_others_are_answered() -> None:
    async def only_pings(request: Any, body: dict[str, Any]) -> Any:
        return await (OK if body.get("max_tokens") == 1 else fails(500))(request, body)

    with ModelServer(otherwise=only_pings) as server, pytest.raises(RequestRefused) as caught:
        ask(server.url, attempts=4)
    assert caught.value.reason == "endpoint_failed"
    assert len(without_pings(server)) == 4


def test_an_endpoint_that_answers_nothing_but_pings_is_down_after_ten_requests() -> None:
    async def only_pings(request: Any, body: dict[str, Any]) -> Any:
        return await (OK if body.get("max_tokens") == 1 else waits(1, OK))(request, body)

    with ModelServer(otherwise=only_pings) as server:
        results = ask_often(server.url, 12, attempts=1, timeout_s=0.1)
    assert Counter(type(result) for result in results) == {RequestRefused: 9, EndpointDown: 3}


def test_an_endpoint_that_fails_at_everything_is_down() -> None:
    with ModelServer(otherwise=fails(500)) as server, pytest.raises(EndpointDown) as caught:
        ask(server.url, attempts=6)
    assert len(without_pings(server)) == 2
    assert "HTTP 500: no" in str(caught.value)


@pytest.mark.parametrize("body", ["<html>welcome</html>", '{"choices": [{"message": {"content": "cut'])
def test_an_endpoint_that_does_not_speak_the_protocol_breaks_the_contract(body: str) -> None:
    with ModelServer(otherwise=sends(body)) as server, pytest.raises(BrokenContract, match="chat protocol"):
        ask(server.url)
    assert len(without_pings(server)) == 3


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_names_its_variable_and_never_itself(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    refusal = fails(status, f"Incorrect API key provided: {KEY}")
    with ModelServer(refusal) as server, pytest.raises(KeyRefused) as caught:
        ask(server.url, api_key_env="MY_KEY")
    assert "refuses the key from $MY_KEY" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("answer", [fails(400, f"your key {KEY}"), sends(f"<p>{KEY}</p>")])
def test_a_key_that_the_endpoint_repeats_is_blotted_out(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    with ModelServer(otherwise=answer) as server, pytest.raises((RequestRefused, BrokenContract)) as caught:
        ask(server.url, api_key_env="MY_KEY")
    assert "[redacted]" in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_model_that_is_gone_midway_names_those_offered() -> None:
    gone = fails(404, "The model `m` does not exist", "model_not_found")
    with ModelServer(gone, models=["other", "mm"]) as server, pytest.raises(StopRun) as caught:
        ask(server.url)
    assert "one that it offers: mm, other" in str(caught.value)


def test_the_newer_name_of_max_tokens_is_learned() -> None:
    hint = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    with ModelServer(fails(400, hint, "unsupported_parameter", "max_tokens")) as server:

        async def run() -> None:
            async with endpoint_at(server.url, max_tokens=50) as endpoint:
                assert [
                    await endpoint.ask(endpoint.prepare(HELLO)),
                    await endpoint.ask(endpoint.prepare(HELLO)),
                ] == [REPLY, REPLY]

        asyncio.run(run())
    lengths = [
        (request.get("max_tokens"), request.get("max_completion_tokens")) for request in server.requests
    ]
    assert lengths == [(50, None), (None, 50), (None, 50)]


def test_a_setting_that_no_request_may_carry_ends_the_run() -> None:
    refusal = fails(400, "'temperature' does not support 0.7", "unsupported_value", "temperature")
    with ModelServer(refusal) as server, pytest.raises(BrokenContract, match="temperature"):
        ask(server.url, temperature=0.7)


def test_redirects_are_not_followed() -> None:
    with ModelServer(sends("", 302, Location="http://127.0.0.1:1/")) as server, pytest.raises(BrokenContract):
        ask(server.url)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_no_more_requests_in_flight_than_allowed(concurrency: int) -> None:
    n = concurrency * 3
    with ModelServer(otherwise=waits(0.1, OK)) as server:
        assert ask_often(server.url, n, concurrency=concurrency) == [REPLY] * n
    assert server.most_in_flight == concurrency


@pytest.mark.parametrize(
    ("params", "least_s"),
    [({"requests_per_minute": 3000}, 9 * 60 / 3000), ({"tokens_per_minute": 60_000}, 9 * 20 * 60 / 60_000)],
)
def test_requests_are_spread_over_time(params: dict[str, float], least_s: float) -> None:
    with ModelServer() as server:
        begun = time.monotonic()
        assert ask_often(server.url, 10, **params) == [REPLY] * 10
    assert time.monotonic() - begun >= least_s


def test_after_a_pause_the_waiting_do_not_come_all_at_once() -> None:
    asked: list[float] = []
    arrived: list[float] = []

    async def limited_at_first(request: Any, body: dict[str, Any]) -> Any:
        now = time.monotonic()
        asked.append(now)
        if now < asked[0] + 0.5:
            return await fails(429, retry_after_ms="500")(request, body)
        arrived.append(now)
        return await waits(0.05, OK)(request, body)

    with ModelServer(otherwise=limited_at_first) as server:
        assert ask_often(server.url, 64, concurrency=32, outage_s=20) == [REPLY] * 64
    assert len(server.requests) - 64 <= 40, "who waited for a place was not sent into the limit"
    assert sum(moment - arrived[0] < 0.04 for moment in arrived) <= 4


def test_requests_in_flight_recover_after_a_pause() -> None:
    asked: list[float] = []
    takes_s = 0.01

    async def limited_at_first(request: Any, body: dict[str, Any]) -> Any:
        asked.append(time.monotonic())
        is_limited = asked[-1] < asked[0] + 0.2
        answer = fails(429, retry_after_ms="200") if is_limited else waits(takes_s, OK)
        return await answer(request, body)

    with ModelServer(otherwise=limited_at_first) as server:

        async def run() -> None:
            nonlocal takes_s
            async with endpoint_at(server.url, concurrency=32) as endpoint:
                await asyncio.gather(*(endpoint.ask(endpoint.prepare(HELLO)) for _ in range(400)))
                takes_s = 1.0  # long enough for a slow machine to have them all there
                server.most_in_flight = 0
                await asyncio.gather(*(endpoint.ask(endpoint.prepare(HELLO)) for _ in range(40)))

        asyncio.run(run())
    assert server.most_in_flight == 32


def test_while_a_request_is_tried_again_it_says_so() -> None:
    async def run(url: str) -> list[str]:
        async with endpoint_at(url, timeout_s=0.3, outage_s=20) as endpoint:
            told = [endpoint.standing]
            asking = asyncio.create_task(endpoint.ask(endpoint.prepare(HELLO)))
            while not asking.done():
                await asyncio.sleep(0.01)
                if endpoint.standing != told[-1]:
                    told.append(endpoint.standing)
            return told

    with ModelServer(fails(500, "the GPU is hot"), waits(0.6, OK)) as server:
        told = asyncio.run(run(server.url))

    hot, slow = "HTTP 500: the GPU is hot", "no complete answer within 0.3 s ([llm] timeout_s)"
    assert told[:2] == ["", f"1 request tried again: {hot}"]
    assert any(slow in words for words in told)
    assert told[-1] == ""


def test_an_unreachable_endpoint_is_waited_for() -> None:
    port = free_port()
    server = ModelServer(port=port)
    starting = threading.Timer(0.3, server.__enter__)
    starting.start()
    try:
        replies = ask_often(f"http://127.0.0.1:{port}/v1", 20, outage_s=30)
    finally:
        starting.join()
        server.__exit__()
    assert replies == [REPLY] * 20
    assert len(without_pings(server)) == 20
    assert len(server.requests) <= 21, "one probe was answered, and then each request once"


def test_an_endpoint_that_stays_away_ends_the_run_for_all_requests() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    begun = time.monotonic()
    replies = ask_often(url, 20, outage_s=0.3)
    assert [type(reply) for reply in replies] == [EndpointDown] * 20
    assert 0.3 <= time.monotonic() - begun < 3
    assert url in str(replies[0])


def count_connections(listener: socket.socket, stop: Callable[[], bool]) -> int:
    """Hangs up on everybody who connects; how many did."""
    listener.settimeout(0.05)
    n = 0
    while not stop():
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        connection.close()
        n += 1
    return n


def test_an_outage_is_probed_by_one_request() -> None:
    counted: list[int] = []
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        counter = threading.Thread(target=lambda: counted.append(count_connections(listener, over.is_set)))
        counter.start()
        replies = ask_often(url, 16, outage_s=0.5)
        over.set()
        counter.join()
    assert [type(reply) for reply in replies] == [EndpointDown] * 16
    assert counted[0] <= 16 * 2 + 10, "two tries each, then one probe at a time with growing pauses"


def test_a_down_endpoint_costs_a_later_request_one_probe() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"

    async def run() -> float:
        async with endpoint_at(url, outage_s=0.7) as endpoint:
            with pytest.raises(EndpointDown):
                await endpoint.ask(endpoint.prepare(HELLO))
            begun = time.monotonic()
            with pytest.raises(EndpointDown):
                await endpoint.ask(endpoint.prepare(HELLO))
            return time.monotonic() - begun

    assert asyncio.run(run()) < 0.6


def test_a_missing_key_is_found_at_once() -> None:
    with pytest.raises(UsageError, match="NO_SUCH_VARIABLE"):
        endpoint_at("http://127.0.0.1:1/v1", api_key_env="NO_SUCH_VARIABLE")


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000/v1", "ftp://host/v1", "http:///v1"])
def test_an_address_that_is_none_is_found_at_once(url: str) -> None:
    with pytest.raises(UsageError, match="base_url"):
        endpoint_at(url)


@pytest.mark.parametrize("url", [f"http://me:{KEY}@host/v1", f"https://host/v1?key={KEY}"])
def test_credentials_in_the_address_are_refused_and_not_shown(url: str) -> None:
    with pytest.raises(UsageError, match="api_key_env") as caught:
        endpoint_at(url)
    assert KEY not in str(caught.value)


def test_usage_may_be_missing() -> None:
    with ModelServer(sends(completion(usage=None))) as server:
        assert ask(server.url, tokens_per_minute=10_000_000).usage == Usage()


MODERATED = fails(403, "The prompt was flagged by moderation.")
FORBIDDEN = fails(403, "Forbidden", "some_code")
UNKNOWN = fails(400, "You asked: which model railway was not found in the shop?")


@pytest.mark.parametrize("refusal", [MODERATED, FORBIDDEN, UNKNOWN])
def test_a_refusal_of_one_request_among_answered_ones_is_that_requests(refusal: Answer) -> None:
    async def run(url: str) -> list[Reply | BaseException]:
        async with endpoint_at(url) as endpoint:
            asked = [
                await asyncio.gather(endpoint.ask(endpoint.prepare(HELLO)), return_exceptions=True)
                for _ in range(3)
            ]
            return [result for (result,) in asked]

    with ModelServer(OK, refusal, OK) as server:
        first, refused, last = asyncio.run(run(server.url))
    assert (first, last) == (REPLY, REPLY)
    assert isinstance(refused, RequestRefused)
    assert refused.message.startswith(("HTTP 403: ", "HTTP 400: "))


def test_a_forbidden_first_request_stops_the_run_with_what_was_said() -> None:
    with (
        ModelServer(FORBIDDEN) as server,
        pytest.raises(KeyRefused, match=r"wants a key \(HTTP 403: Forbidden"),
    ):
        ask(server.url)


def test_moderation_of_the_first_request_does_not_stop_it() -> None:
    with ModelServer(MODERATED) as server, pytest.raises(RequestRefused, match="flagged") as caught:
        ask(server.url)
    assert caught.value.reason == "content_filtered"


def test_ten_refusals_in_a_row_that_may_concern_all_do() -> None:
    async def run(url: str) -> list[str]:
        async with endpoint_at(url) as endpoint:
            found = [
                await asyncio.gather(endpoint.ask(endpoint.prepare(HELLO)), return_exceptions=True)
                for _ in range(11)
            ]
            return [type(result).__name__ for (result,) in found]

    with ModelServer(OK, otherwise=FORBIDDEN) as server:
        assert asyncio.run(run(server.url)) == ["Reply", *["Ambiguous"] * 9, "KeyRefused"]


THOUGHT = Message(
    "assistant", None, (ToolCall("c", "f", "{}", {"extra_content": {"a": 1}}),), state={"reasoning": "Hm."}
)
WITH_STATE = ChatRequest(
    transcript=Transcript.of(Message("user", "hi"), THOUGHT, Message("tool", "rain", tool_call_id="c"))
)


def test_state_goes_back_with_its_message_and_its_call() -> None:
    with ModelServer(OK) as server:
        ask(server.url, WITH_STATE)
    said = server.requests[0]["messages"][1]
    assert said["reasoning"] == "Hm."
    assert said["tool_calls"][0]["extra_content"] == {"a": 1}


def test_state_that_the_endpoint_refuses_by_name_is_left_out_from_then_on() -> None:
    refusal = fails(400, "'messages.1': property 'reasoning' is unsupported")
    with ModelServer(refusal, OK, OK) as server:

        async def run() -> list[Reply]:
            async with endpoint_at(server.url) as endpoint:
                return [
                    await endpoint.ask(endpoint.prepare(WITH_STATE)),
                    await endpoint.ask(endpoint.prepare(WITH_STATE)),
                ]

        assert asyncio.run(run()) == [REPLY, REPLY]
    assert ["reasoning" in request["messages"][1] for request in server.requests] == [True, False, False]
    assert server.requests[2]["messages"][1]["tool_calls"][0]["extra_content"] == {"a": 1}


def test_state_that_is_missing_elsewhere_is_not_left_out() -> None:
    refusal = fails(400, "Missing `reasoning` field in the assistant message at message index 3")
    with ModelServer(refusal) as server, pytest.raises(RequestRefused, match="Missing"):
        ask(server.url, WITH_STATE)
    assert len(server.requests) == 1


def test_fields_that_are_refused_while_others_are_in_flight_are_left_out_of_all() -> None:
    async def refuse(request: web.Request, body: Any) -> web.StreamResponse:
        await asyncio.sleep(0.1)  # so that none is answered before all are sent
        if any("reasoning" in message for message in body["messages"]):
            return await fails(400, "property 'reasoning' is unsupported")(request, body)
        return await OK(request, body)

    async def run(url: str) -> list[Reply | BaseException]:
        async with endpoint_at(url) as endpoint:
            await endpoint.ask(endpoint.prepare(HELLO))
            return await asyncio.gather(
                *(endpoint.ask(endpoint.prepare(WITH_STATE)) for _ in range(4)), return_exceptions=True
            )

    with ModelServer(otherwise=refuse) as server:
        assert asyncio.run(run(server.url)) == [REPLY] * 4
