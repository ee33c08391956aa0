from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from llm_server import Answer, Json, ModelServer, completion, fails, sends

from tasks.errors import BrokenContract, RequestRefused
from tasks.llm.adapt import ENOUGH_TO_TELL, FunctionWatch
from tasks.llm.budget import Ledger
from tasks.llm.chat import ChatRequest, Message, Reply, ReplyStore, ToolCall, ToolSet, Transcript
from tasks.llm.endpoint import Endpoint, StoredModel
from tasks.llm.failures import TOO_LONG
from tasks.llm.params import BudgetParams, LlmParams
from tasks.llm.spending import UsageLog
from tasks.transport.kvstore import DurableMap

TOOLS = ToolSet.of({"type": "function", "function": {"name": "find", "parameters": {}}})
REQUEST = ChatRequest(transcript=Transcript.of(Message("user", "hi")), tools=TOOLS)
ASIDE = ChatRequest(transcript=REQUEST.transcript, tools=TOOLS, tool_choice="none")
PLAIN = ChatRequest(transcript=REQUEST.transcript)
TEXT = Reply(content="I would call find.")
CALL = Reply(content=None, tool_calls=(ToolCall("1", "find", "{}"),))
REFUSAL = RequestRefused("endpoint_refused", "HTTP 400: no tools")


@pytest.fixture
def watch() -> FunctionWatch:
    return FunctionWatch(model="m", where="http://host/v1")


def is_content(watch: FunctionWatch) -> bool:
    try:
        watch.require(REQUEST)
    except BrokenContract:
        return False
    return True


def refuse(watch: FunctionWatch, times: int) -> None:
    for _ in range(times):
        watch.refused(REQUEST, REFUSAL)


def test_enough_replies_without_a_call_stop_the_run(watch: FunctionWatch) -> None:
    for _ in range(ENOUGH_TO_TELL - 1):
        watch.answered(REQUEST, TEXT, ordinal=2)

    with pytest.raises(BrokenContract) as caught:
        watch.answered(REQUEST, TEXT, ordinal=2)

    assert caught.value.message == (
        "the model 'm' at http://host/v1 called no function in its first 10 answers to requests that offer "
        "some; the last answer: 'I would call find.'"
    )
    with pytest.raises(BrokenContract):
        watch.require(REQUEST)
    watch.require(PLAIN)
    watch.require(ASIDE)


def test_who_has_calls_as_text_already_is_not_told_to_have_them_so() -> None:
    watch = FunctionWatch(model="m", where="http://host/v1", in_words=lambda: True)
    with pytest.raises(BrokenContract) as caught:
        refuse(watch, ENOUGH_TO_TELL)
    assert caught.value.fix == (
        "set [llm] model to one that can call functions (calls are read from its text already); then run the "
        "same command again: what is finished is kept"
    )


def test_refusals_are_quoted(watch: FunctionWatch) -> None:
    with pytest.raises(BrokenContract, match="the last answer: HTTP 400: no tools"):
        refuse(watch, ENOUGH_TO_TELL)


def test_a_request_that_the_endpoint_fails_at_says_nothing_of_functions(watch: FunctionWatch) -> None:
    for _ in range(2 * ENOUGH_TO_TELL):
        watch.refused(REQUEST, RequestRefused("endpoint_failed", "HTTP 500"))

    assert is_content(watch)


def test_one_call_ever_settles_it(watch: FunctionWatch) -> None:
    watch.answered(REQUEST, CALL, ordinal=0)
    for _ in range(2 * ENOUGH_TO_TELL):
        watch.answered(REQUEST, TEXT, ordinal=2)

    assert is_content(watch)


def test_a_stored_call_settles_it_and_a_stored_text_says_nothing(watch: FunctionWatch) -> None:
    for _ in range(2 * ENOUGH_TO_TELL):
        watch.stored(REQUEST, TEXT)
    refuse(watch, ENOUGH_TO_TELL - 1)
    assert is_content(watch)
    watch.stored(REQUEST, CALL)
    refuse(watch, ENOUGH_TO_TELL)

    assert is_content(watch)


def test_thinking_aloud_first_is_no_failure(watch: FunctionWatch) -> None:
    for _ in range(2 * ENOUGH_TO_TELL):
        watch.answered(REQUEST, TEXT, ordinal=0)
        watch.answered(REQUEST, TEXT, ordinal=1)

    assert is_content(watch)


@pytest.mark.parametrize("request_", [PLAIN, ASIDE])
def test_requests_that_ask_for_text_do_not_count(watch: FunctionWatch, request_: ChatRequest) -> None:
    for _ in range(2 * ENOUGH_TO_TELL):
        watch.answered(request_, TEXT, ordinal=2)
        watch.refused(request_, REFUSAL)

    assert is_content(watch)


async def _search(model: StoredModel) -> int:
    """Asks until the run is stopped; at which request it was."""
    for ordinal in range(3 * ENOUGH_TO_TELL):
        try:
            await model.ask(REQUEST, row_id="a", ordinal=ordinal)
        except RequestRefused:
            continue
        except BrokenContract:
            return ordinal
    return -1


def _asked(server: ModelServer, store: Path) -> int:
    params = LlmParams(base_url=server.url, model="m")

    async def run() -> int:
        with DurableMap(store) as entries:
            async with Endpoint(params, first_pause_s=0.01) as endpoint:
                model = StoredModel(
                    endpoint=endpoint,
                    store=ReplyStore(entries),
                    ledger=Ledger(BudgetParams(), params, recorder=UsageLog(), run_id="run"),
                    functions=FunctionWatch(model=params.model, where=params.base_url),
                    stage="annotate",
                )
                return await _search(model)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("answer", "n_asked"),
    [
        (sends(completion()), ENOUGH_TO_TELL + 2),
        (fails(400, '"auto" tool choice requires --enable-auto-tool-choice'), ENOUGH_TO_TELL),
    ],
)
def test_a_model_that_calls_nothing_is_asked_no_more(answer: Answer, n_asked: int, tmp_path: Path) -> None:
    with ModelServer(otherwise=answer) as server:
        assert _asked(server, tmp_path / "replies.sqlite") == n_asked - 1
        assert len(server.requests) == n_asked


def test_replies_from_before_the_server_was_mended_do_not_stop_the_next_run(tmp_path: Path) -> None:
    call: Json = {"id": "1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    mended = sends(completion({"role": "assistant", "content": None, "tool_calls": [call]}))
    with ModelServer() as server:
        _asked(server, tmp_path / "replies.sqlite")
    with ModelServer(otherwise=mended) as server:
        assert _asked(server, tmp_path / "replies.sqlite") == -1
        assert len(server.requests) == 2 * ENOUGH_TO_TELL - 2


def test_where_calling_is_what_is_measured_a_model_without_calls_stops_nothing() -> None:
    watch = FunctionWatch(model="m", where="http://host/v1", must_call=False)
    for _ in range(2 * ENOUGH_TO_TELL):
        watch.answered(REQUEST, TEXT, ordinal=2)
    assert is_content(watch)


def test_requests_that_are_all_too_long_stop_it_even_there() -> None:
    watch = FunctionWatch(model="m", where="http://host/v1", must_call=False)
    refusal = RequestRefused(TOO_LONG, "HTTP 400: too long")
    for _ in range(ENOUGH_TO_TELL - 1):
        watch.refused(REQUEST, refusal)
    with pytest.raises(BrokenContract, match="longer than its context"):
        watch.refused(REQUEST, refusal)
