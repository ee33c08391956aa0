"""The rows of a search tree, column by column."""

from __future__ import annotations

from typing import Any

from tasks.search.task import Observation
from tasks.search.trace import answer_messages, trace
from warehouse.tables.annotations import AnswerMessage, MessageToolCall, Node


def row(node_id: int, **columns: Any) -> Node:
    usual: dict[str, Any] = {
        "annotation_id": "a",
        "parent_id": None,
        "entry": None,
        "depth": 0,
        "query_no": None,
        "shown": 0,
        "thought": None,
        "function": None,
        "arguments": None,
        "repaired": False,
        "observation": None,
        "outcome": None,
        "code": None,
        "tokens": 0,
        "finish_reason": None,
        "votes": None,
        "pruned": False,
        "terminal": False,
        "on_answer_path": False,
    }
    return Node(**(usual | {"node_id": node_id} | columns))


def test_a_reply_is_a_chain_of_rows(scripted: Any) -> None:
    script = [
        scripted.reply("Look.", scripted.call("get_time_for_sky", "{'zone': 1}"), finish_reason="tool_calls"),
        scripted.reply(scripted.give_up()),
        scripted.reply(scripted.answer("Rain."), finish_reason="tool_calls"),
    ]
    seen = {"get_time_for_sky": Observation("noon", "ok", 0)}

    nodes = scripted.play(script, seen=seen).nodes

    call = {"query_no": 0, "finish_reason": "tool_calls"}
    give_up = {"query_no": 1, "finish_reason": "stop", "function": "Finish"}
    answer = {
        "query_no": 2,
        "finish_reason": "tool_calls",
        "function": "Finish",
        "shown": 1,
        "on_answer_path": True,
    }
    assert nodes == (
        row(0, kind="root", entry=0, on_answer_path=True),
        row(1, parent_id=0, depth=1, kind="thought", thought="Look.", tokens=11, **call),
        row(2, parent_id=1, depth=2, kind="action", function="get_time_for_sky", **call),
        row(
            3,
            parent_id=2,
            depth=3,
            kind="action_input",
            function="get_time_for_sky",
            arguments="{'zone': 1}",
            repaired=True,
            observation="noon",
            outcome="ok",
            code=0,
            entry=1,
            **call,
        ),
        row(4, parent_id=3, depth=4, kind="action", tokens=11, **give_up),
        row(
            5,
            parent_id=4,
            depth=5,
            kind="action_input",
            arguments='{"return_type": "give_up_and_restart"}',
            observation="This attempt is abandoned; the search goes on from an earlier step.",
            outcome="gave_up",
            code=4,
            entry=2,
            pruned=True,
            **give_up,
        ),
        row(6, parent_id=0, depth=1, kind="action", tokens=11, **answer),
        row(
            7,
            parent_id=6,
            depth=2,
            kind="action_input",
            arguments='{"return_type": "give_answer", "final_answer": "Rain."}',
            observation="The answer is handed to the person; the search ends here.",
            outcome="answered",
            code=3,
            entry=3,
            terminal=True,
            **answer,
        ),
    )


def test_calls_are_found_by_their_number(scripted: Any) -> None:
    script = [
        scripted.reply(scripted.call("get_time_for_sky"), scripted.call("nothing")),
        scripted.reply(scripted.call("get_price_for_shop"), scripted.answer()),
    ]

    found = trace(scripted.play(script).tree, "a")

    assert found.node_of_call == {0: 2, 1: 6}
    assert [found.nodes[node].function for node in (2, 6)] == ["get_time_for_sky", "get_price_for_shop"]


def test_the_answer_path_reads_as_a_conversation(scripted: Any) -> None:
    script = [
        scripted.reply("Look.", scripted.call("get_time_for_sky", "{'zone': 1}")),
        scripted.reply(scripted.answer("Rain.")),
    ]

    opening, user, *rest = answer_messages(scripted.play(script).tree)

    assert (opening.role, user.role, user.content) == (
        "system",
        "user",
        "Will it rain?",
    )
    assert rest == [
        message(
            "assistant",
            "Look.",
            MessageToolCall(id="c00000000", name="get_time_for_sky", arguments='{"zone": 1}'),
        ),
        message("tool", '{"from": "get_time_for_sky"}', answers="c00000000"),
        message(
            "assistant",
            None,
            MessageToolCall(
                id="c00001000",
                name="Finish",
                arguments='{"return_type": "give_answer", "final_answer": "Rain."}',
            ),
        ),
        message("tool", "The answer is handed to the person; the search ends here.", answers="c00001000"),
    ]


def message(
    role: str, content: str | None, *calls: MessageToolCall, answers: str | None = None
) -> AnswerMessage:
    return AnswerMessage(role=role, content=content, tool_calls=calls, tool_call_id=answers)


def test_a_search_that_came_to_nothing_has_no_conversation(scripted: Any) -> None:
    tree = scripted.play([scripted.reply("Hm."), scripted.reply("Hm?")], width=1, max_queries=2).tree

    assert (tree.finish_type, answer_messages(tree)) == ("none", ())
