"""What a judge is asked, and what is read from its replies."""

from __future__ import annotations

import asyncio
import json

import pytest
from scripted_model import ScriptedModel

from tasks.errors import BadRow, OverBudget, RequestRefused
from tasks.judging.judge import (
    ANSWER,
    PREFERENCE,
    QUESTIONS,
    TASK,
    Question,
    Vote,
    preferred,
    steps_shown,
    vote,
)
from tasks.llm.chat import Reply
from warehouse.tables.annotations import AnswerMessage, MessageToolCall

SOLVED = Reply(content='{"reason": " All parts are settled. ", "answer_status": "Solved"}')
SHOWN = {"query": "Will it rain?", "steps": [], "answer": "It will rain."}


def asked(judge: ScriptedModel, question: Question = QUESTIONS[ANSWER]) -> Vote:
    request = question.request(temperature=0.0, seed=2, **SHOWN)
    return asyncio.run(vote(judge, question, request, "annotation", ordinal=4))


def test_a_vote_is_a_label_with_its_reason() -> None:
    judge = ScriptedModel([SOLVED])
    assert asked(judge) == Vote("Solved", "All parts are settled.")
    assert [(row_id, ordinal, request.seed) for row_id, ordinal, request in judge.asked] == [
        ("annotation", 4, 2)
    ]


def test_the_reason_comes_before_the_label() -> None:
    judge = ScriptedModel([SOLVED])
    asked(judge)
    schema = (judge.asked[0][2].response_format or {})["json_schema"]["schema"]
    assert (list(schema["properties"]), schema["properties"]["answer_status"]["enum"]) == (
        ["reason", "answer_status"],
        ["Solved", "Unsure", "Unsolved"],
    )


UNUSABLE = {
    "prose": "The answer is solved.",
    "no label": '{"reason": "Fine."}',
    "a label of another question": '{"reason": "Fine.", "answer_status": "Solvable"}',
    "two labels": '{"reason": "Fine.", "answer_status": ["Solved", "Unsolved"]}',
    "two objects": '{"reason": "a", "answer_status": "Solved"}\n{"reason": "b", "answer_status": "Unsolved"}',
    "a key twice": '{"reason": "Fine.", "answer_status": "Solved", "answer_status": "Unsolved"}',
    "a key twice, in another case": '{"answer_status": "Solved", "Answer_Status": "Unsolved"}',
    "a key twice in what is almost JSON": "{'answer_status': 'Solved', 'answer_status': 'Unsolved',}",
    "a key in an escape": '{"reason": "Fine.", "answer_status": "Solved", "answer\\u005fstatus": "Unsolved"}',
    "a key twice, once without a label": '{"reason": "Fine.", "answer_status": "Solved", "answer_status": 2}',
    "an index": '{"reason": "The third.", "index": 2}',
    "a number": '{"reason": "Fine.", "answer_status": 2}',
    "a list": '["Solved"]',
    "nothing": "",
}


@pytest.mark.parametrize("text", UNUSABLE.values(), ids=UNUSABLE)
def test_a_reply_without_a_label_is_asked_for_once_more(text: str) -> None:
    judge = ScriptedModel([Reply(content=text), SOLVED])
    assert asked(judge) == Vote("Solved", "All parts are settled.")
    assert [ordinal for _, ordinal, _ in judge.asked] == [4, 5]


@pytest.mark.parametrize("text", UNUSABLE.values(), ids=UNUSABLE)
def test_two_replies_without_a_label_are_no_vote(text: str) -> None:
    with pytest.raises(BadRow) as refused:
        asked(ScriptedModel([Reply(content=text)] * 2))
    assert refused.value.reason == "malformed_reply"


@pytest.mark.parametrize(
    "text",
    [
        '{"reason": "It says \\"answer_status\\": \\"Unsolved\\" itself.", "answer_status": "Solved"}',
        """{"reason": "it says 'answer_status': 'Unsolved' there", "answer_status": "Solved"}""",
        """Here: {"reason": "'answer_status': 'Unsolved'", "answer_status": "Solved"} So it is.""",
        '{"reason": "a", "answer_status": "Solved"} {"reason": "again", "answer_status": "solved"}',
        '<think>{"answer_status": "Unsolved"}</think>{"reason": "a", "answer_status": "Solved"}',
    ],
    ids=[
        "quoted in the reason",
        "in other quotes",
        "amid prose",
        "the same label twice",
        "another one while thinking",
    ],
)
def test_one_label_is_one_wherever_else_the_word_stands(text: str) -> None:
    assert QUESTIONS[ANSWER].read(text)[0] == "Solved"


def test_a_question_that_the_endpoint_refuses_is_no_vote() -> None:
    with pytest.raises(BadRow) as refused:
        asked(ScriptedModel([RequestRefused("content_filter", "we do not talk of that")]))
    assert refused.value.reason == "content_filter"


def test_a_cap_stops_the_run() -> None:
    with pytest.raises(OverBudget):
        asked(ScriptedModel([OverBudget("spent")]))


@pytest.mark.parametrize(("said", "meant"), [("A", "first"), ("b", "second"), ("Tie", "tie")])
def test_the_better_of_two_is_named_by_its_place(said: str, meant: str) -> None:
    label, _ = PREFERENCE.read(json.dumps({"reason": "It says more.", "preference": said}))
    assert preferred(label) == meant


def test_a_task_is_judged_by_its_functions_and_whether_they_answered() -> None:
    function = {"name": "rain", "answered_when_called": False}
    request = QUESTIONS[TASK].request(temperature=None, seed=0, query="Will it rain?", functions=[function])
    assert '"answered_when_called": false' in str(request.transcript.messages()[-1].content)


def test_steps_are_shown_with_what_their_calls_returned_but_for_the_last() -> None:
    def said(*calls: MessageToolCall) -> AnswerMessage:
        return AnswerMessage(role="assistant", content="So.", tool_calls=calls, tool_call_id=None)

    told = AnswerMessage(role="tool", content="rain", tool_calls=(), tool_call_id="1")
    call = MessageToolCall(id="1", name="weather", arguments="{}")
    finish = MessageToolCall(id="2", name="Finish", arguments="{}")
    assert steps_shown([said(call), told, said(finish)]) == [
        {"thought": "So.", "calls": [{"function": "weather", "arguments": "{}", "observation": "rain"}]}
    ]
