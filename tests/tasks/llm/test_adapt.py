from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import prompts
from tasks.llm.adapt import adapt_request, restore_reply, with_defaults
from tasks.llm.chat import ChatRequest, Message, Reply, ToolCall, ToolSet, Transcript
from tasks.llm.params import Capabilities, LlmParams

FUNCTION = {"name": "f", "description": "Does it.", "parameters": {"type": "object"}}
TOOLS = ToolSet.of({"type": "function", "function": FUNCTION})
IN_WORDS = prompts.load("endpoint/functions_in_words").render(functions=[FUNCTION])
SCHEMA = {"type": "object", "required": ["city"]}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "c", "schema": SCHEMA}}
JSON_OBJECT = {"type": "json_object"}
HELLO = Transcript.of(Message("system", "Be good."), Message("user", "hi"))
EVERYTHING = ChatRequest(
    transcript=HELLO, tools=TOOLS, tool_choice="none", response_format=JSON_SCHEMA, seed=1, temperature=0.5
)


def test_an_endpoint_that_can_do_everything_is_asked_as_it_is() -> None:
    assert adapt_request(EVERYTHING, Capabilities()) is EVERYTHING


def test_functions_and_calls_in_words() -> None:
    transcript = HELLO.extend(
        Message("assistant", "First f.", (ToolCall("1", "f", '{"a": 1}'), ToolCall("2", "g", "{}"))),
        Message("tool", "one", tool_call_id="1"),
        Message("tool", "two", tool_call_id="2"),
        Message("user", "Try another way."),
    )
    put = adapt_request(ChatRequest(transcript=transcript, tools=TOOLS), Capabilities(tools=False))
    assert (put.tools, put.tool_choice) == (None, None)
    assert put.transcript.messages() == (
        Message("system", f"Be good.\n\n{IN_WORDS}"),
        Message("user", "hi"),
        Message(
            "assistant",
            'Thought: First f.\nAction: f\nAction Input: {"a": 1}\nAction: g\nAction Input: {}',
        ),
        Message("user", "Observation: one\n\nObservation: two\n\nTry another way."),
    )


def test_the_last_word_is_never_the_models_own() -> None:
    transcript = Transcript.of(Message("user", "hi"), Message("assistant", "Hm."))
    put = adapt_request(ChatRequest(transcript=transcript, tools=TOOLS), Capabilities(tools=False))
    assert [message.role for message in put.transcript] == ["system", "user", "assistant", "user"]


CALLED = Message("assistant", "So f.", (ToolCall("1", "f", "{}"),))
RESULT = Message("tool", "one", tool_call_id="1")
TEXT, OTHER_TEXT = Message("assistant", "Hm."), Message("assistant", "Well.")
GO_ON = Message("user", prompts.load("endpoint/go_on").render())
AGAIN = Message("user", "Try another way.")


@pytest.mark.parametrize(
    ("said", "put"),
    [
        ((TEXT,), (TEXT, GO_ON)),
        ((TEXT, OTHER_TEXT), (TEXT, GO_ON, OTHER_TEXT, GO_ON)),
        ((TEXT, CALLED, RESULT), (TEXT, GO_ON, CALLED, RESULT)),
        ((CALLED, RESULT, TEXT), (CALLED, RESULT, TEXT, GO_ON)),
        ((TEXT, AGAIN), (TEXT, AGAIN)),
        ((CALLED, RESULT, AGAIN), (CALLED, RESULT, AGAIN)),
    ],
)
def test_a_text_of_the_model_is_answered(said: tuple[Message, ...], put: tuple[Message, ...]) -> None:
    request = ChatRequest(transcript=HELLO.extend(*said), tools=TOOLS, answers_texts=True)
    assert adapt_request(request, Capabilities()).transcript.messages()[2:] == put


@pytest.mark.parametrize(
    ("said", "put"),
    [
        ((RESULT, AGAIN), (replace(RESULT, content="one\n\nTry another way."),)),
        ((AGAIN,), (Message("user", "hi\n\nTry another way."),)),
        ((TEXT,), (Message("user", "hi"), TEXT, GO_ON)),
        ((TEXT, AGAIN), (Message("user", "hi"), TEXT, AGAIN)),
    ],
)
def test_where_roles_must_alternate_one_word_is_joined_to_the_other(
    said: tuple[Message, ...], put: tuple[Message, ...]
) -> None:
    request = ChatRequest(transcript=HELLO.extend(*said), tools=TOOLS)
    messages = adapt_request(request, Capabilities(free_order=False)).transcript.messages()
    assert messages[-len(put) :] == put


def test_where_there_is_no_system_the_user_says_what_it_would() -> None:
    put = adapt_request(ChatRequest(transcript=HELLO), Capabilities(system=False))
    assert put.transcript.messages() == (Message("user", "Be good.\n\nhi"),)


def test_a_schema_says_nothing_of_lengths_where_that_is_refused() -> None:
    bounded = {"type": "array", "items": {"enum": ["a"]}, "minItems": 1, "maxItems": 2}
    wanted = {"type": "json_schema", "json_schema": {"name": "c", "schema": {"properties": {"l": bounded}}}}
    request = ChatRequest(transcript=HELLO, response_format=wanted)
    plain = {"type": "array", "items": {"enum": ["a"]}}
    assert adapt_request(request, Capabilities(bounds=False)).response_format == {
        "type": "json_schema",
        "json_schema": {"name": "c", "schema": {"properties": {"l": plain}}},
    }
    assert adapt_request(request, Capabilities()) is request


def test_a_request_without_such_a_text_stays_as_it_is() -> None:
    request = ChatRequest(transcript=HELLO.extend(CALLED, RESULT), tools=TOOLS, answers_texts=True)
    assert adapt_request(request, Capabilities()) is request
    assert request.digest("m") == replace(request, answers_texts=False).digest("m")


def test_no_functions_are_told_of_where_none_may_be_called() -> None:
    request = ChatRequest(transcript=HELLO, tools=TOOLS, tool_choice="none")
    put = adapt_request(request, Capabilities(tools=False))
    assert put == ChatRequest(transcript=put.transcript)
    assert put.transcript.messages() == HELLO.messages()


def test_where_tool_choice_is_ignored_no_functions_are_offered_instead() -> None:
    request = ChatRequest(transcript=HELLO, tools=TOOLS, tool_choice="none")
    assert adapt_request(request, Capabilities(tool_choice=False)) == ChatRequest(transcript=HELLO)


@pytest.mark.parametrize(
    ("wanted", "lacking", "sent", "told"),
    [
        (JSON_SCHEMA, ("json_schema",), JSON_OBJECT, "schema"),
        (JSON_SCHEMA, ("json_schema", "json_object"), None, "schema"),
        (JSON_SCHEMA, ("json_object",), JSON_SCHEMA, None),
        (JSON_OBJECT, ("json_object",), None, "object"),
        (JSON_OBJECT, ("json_schema",), JSON_OBJECT, None),
        ({"type": "text"}, ("json_schema", "json_object"), {"type": "text"}, None),
    ],
)
def test_json_is_asked_for_as_well_as_can_be(
    wanted: dict[str, Any], lacking: tuple[str, ...], sent: dict[str, Any] | None, told: str | None
) -> None:
    capabilities = Capabilities(**dict.fromkeys(lacking, False))
    put = adapt_request(ChatRequest(transcript=HELLO, response_format=wanted), capabilities)
    words = {
        None: "hi",
        "object": f"hi\n\n{prompts.load('endpoint/json_object').render()}",
        "schema": f"hi\n\n{prompts.load('endpoint/json_schema').render(schema=SCHEMA)}",
    }
    assert put.response_format == sent
    assert put.transcript.messages() == (Message("system", "Be good."), Message("user", words[told]))


def test_a_seed_is_sent_only_to_endpoints_that_take_one() -> None:
    assert adapt_request(EVERYTHING, Capabilities(seed=False)) == replace(EVERYTHING, seed=None)


def test_further_fields_of_the_body_make_another_request() -> None:
    settings = LlmParams(base_url="http://host/v1", model="m")
    request = ChatRequest(transcript=HELLO)
    one, other, none = (
        with_defaults(request, settings.model_copy(update={"body": body})).digest("m")
        for body in ({"top_p": 0.9}, {"top_p": 0.8}, {})
    )
    assert one != other
    assert none == request.digest("m") == "7df7eea1ecafa6d6d5ae7a899dcf21da"


@pytest.mark.parametrize(
    ("capabilities", "tool_choice", "n_calls"),
    [
        (Capabilities(tools=False), None, 1),
        (Capabilities(tools=False), "none", 0),
        (Capabilities(), None, 1),
        (Capabilities(), "none", 0),
    ],
)
def test_calls_in_the_text_are_read_where_they_may_be_made(
    capabilities: Capabilities, tool_choice: str | None, n_calls: int
) -> None:
    request = ChatRequest(transcript=HELLO, tools=TOOLS, tool_choice=tool_choice)
    reply = Reply(content='Thought: So.\nAction: f\nAction Input: {"a": 1}')
    found = restore_reply(reply, request, capabilities)
    assert found == (
        replace(reply, content="So.", tool_calls=(ToolCall("", "f", '{"a": 1}'),)) if n_calls else reply
    )


def test_what_holds_no_call_stays_as_it_was_said() -> None:
    reply = Reply(content="Thought: I wonder.")
    assert (
        restore_reply(reply, ChatRequest(transcript=HELLO, tools=TOOLS), Capabilities(tools=False)) is reply
    )
