"""Where a depth-first search asks next, and what it takes from there, under both rule sets."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.errors import EndpointDown, RequestRefused
from tasks.llm.chat import ToolCall
from tasks.search.rules import TOOLBENCH, TOOLLOOM, Rules
from tasks.search.task import Observation

BOTH = pytest.mark.parametrize("rules", [TOOLBENCH, TOOLLOOM], ids=lambda rules: rules.name)


def drawn(played: Any) -> list[str]:
    """The drawing without its summary."""
    return str(played.drawing).splitlines()[1:]


@BOTH
def test_an_answer_ends_the_search(scripted: Any, rules: Rules) -> None:
    script = [
        scripted.reply("Look.", scripted.call("get_weather_for_sky", city="Oslo")),
        scripted.reply(scripted.answer("Rain.")),
    ]

    played = scripted.play(script, rules)

    assert drawn(played) == [
        "root",
        '  #0 "Look." get_weather_for_sky({"city": "Oslo"}) -> ok',
        '    #1 Finish({"return_type": "give_answer", "final_answer": "Rain."}) -> answered = answer',
    ]
    assert played.calls == [("get_weather_for_sky", {"city": "Oslo"})]
    assert (played.tree.win, played.tree.stopped_by, played.tree.n_queries, played.tree.n_calls) == (
        True,
        "answered",
        2,
        1,
    )
    assert (played.tree.tokens_in, played.tree.tokens_out) == (20, 2)


@BOTH
def test_a_give_up_abandons_its_node_and_the_parent_asks_next(scripted: Any, rules: Rules) -> None:
    script = [
        scripted.reply(scripted.call("get_weather_for_sky")),
        scripted.reply(scripted.call("get_time_for_sky")),
        scripted.reply(scripted.give_up()),
        scripted.reply(scripted.answer(7)),
    ]

    assert drawn(scripted.play(script, rules)) == [
        "root",
        "  #0 get_weather_for_sky({}) -> ok",
        "    #1 get_time_for_sky({}) -> ok",
        '      #2 Finish({"return_type": "give_up_and_restart"}) -> gave_up = pruned',
        '    #3 (shown 1) Finish({"return_type": "give_answer", "final_answer": 7}) -> answered = answer',
    ]


@BOTH
def test_a_node_gets_as_many_children_as_the_search_is_wide(scripted: Any, rules: Rules) -> None:
    calls = [scripted.reply(scripted.call("get_weather_for_sky", day=day)) for day in range(12)]

    played = scripted.play(calls, rules, width=3, max_depth=4 if rules is TOOLBENCH else 2)

    assert [line.split()[0] for line in drawn(played)] == ["root", *(f"#{query}" for query in range(12))]
    assert [len(node.children) for node in played.tree.root.preorder()][:2] == [3, 3]
    assert (played.tree.finish_type, played.tree.stopped_by) == ("none", "exhausted")


@BOTH
def test_an_api_that_fails_is_an_observation_and_prunes_nothing(scripted: Any, rules: Rules) -> None:
    script = [scripted.reply(scripted.call("get_weather_for_sky")), scripted.reply(scripted.answer())]
    seen = {"get_weather_for_sky": Observation("down", "server_error", 0)}

    played = scripted.play(script, rules, seen=seen)

    assert played.tree.win
    assert played.said(1)[-1] == "tool: down"


@BOTH
def test_a_search_of_give_ups_reports_the_last_one(scripted: Any, rules: Rules) -> None:
    script = [
        scripted.reply(scripted.call("get_weather_for_sky")),
        scripted.reply(scripted.give_up()),
        scripted.reply(scripted.call("get_time_for_sky")),
        scripted.reply("No.", scripted.give_up()),
    ]

    tree = scripted.play(script, rules).tree

    assert (tree.win, tree.finish_type, tree.stopped_by) == (False, "give_up", "exhausted")
    assert tree.result.thought == "No."


@BOTH
def test_the_diversity_message_is_seen_by_one_request_only(scripted: Any, rules: Rules) -> None:
    script = [
        scripted.reply(scripted.call("get_weather_for_sky")),
        scripted.reply(scripted.call("get_time_for_sky")),
        scripted.reply(scripted.give_up()),
        scripted.reply(scripted.call("get_price_for_shop")),
        scripted.reply(scripted.answer()),
    ]

    played = scripted.play(script, rules)

    roles = [[message.role for message in request.transcript] for request in played.requests]
    assert roles[3] == ["system", "user", "assistant", "tool", "user"]
    assert roles[4] == ["system", "user", "assistant", "tool", "assistant", "tool"]
    assert "get_time_for_sky" in played.said(3)[-1]


@BOTH
def test_a_refused_request_is_a_failed_child_that_cost_a_query(scripted: Any, rules: Rules) -> None:
    script = [
        RequestRefused("refused", "context too long"),
        scripted.reply(scripted.call("get_weather_for_sky")),
        scripted.reply(scripted.answer()),
    ]

    played = scripted.play(script, rules)

    assert drawn(played)[:2] == ["root", "  #0 -> refused = pruned"]
    assert [node.observation for node in played.nodes][:2] == [None, "context too long"]
    assert (played.tree.n_queries, played.tree.tokens_in, played.tree.win) == (3, 20, True)


@BOTH
def test_a_stopped_run_stops_the_search(scripted: Any, rules: Rules) -> None:
    with pytest.raises(EndpointDown, match="unreachable"):
        scripted.play([EndpointDown("unreachable for 300 s")], rules)


@BOTH
def test_a_path_of_200_replies_needs_no_recursion(scripted: Any, rules: Rules) -> None:
    script = [scripted.reply(scripted.call("get_weather_for_sky", day=day)) for day in range(1500)]

    tree = scripted.play(script, rules, max_depth=5000, max_queries=1500).tree

    depth = max(node.replies for node in tree.root.preorder())
    assert (depth, tree.stopped_by) == (1500 if rules is TOOLLOOM else 1499, "max_queries")


@BOTH
def test_the_finish_function_is_offered_last_though_none_was_given(scripted: Any, rules: Rules) -> None:
    played = scripted.play([scripted.reply(scripted.answer())], rules)

    assert [tool["function"]["name"] for tool in played.requests[0].tools.tools] == [
        "get_weather_for_sky",
        "get_time_for_sky",
        "get_price_for_shop",
        "Finish",
    ]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (("", ""), ["c00000000", "c00000001"]),
        (("x", "y"), ["x", "y"]),
        (("x", "x"), ["x", "c00000001"]),
        (("c00000001", ""), ["c00000001", "c00000002"]),
    ],
)
def test_calls_without_an_id_of_their_own_get_one(
    scripted: Any, given: tuple[str, str], kept: list[str]
) -> None:
    calls = [ToolCall(call_id, "get_weather_for_sky", "{}") for call_id in given]
    script = [scripted.reply(*calls), scripted.reply(scripted.answer())]

    request = scripted.play(script).requests[1]

    messages = request.transcript.messages()
    assert [call.id for call in messages[2].tool_calls] == kept
    assert [message.tool_call_id for message in messages[3:]] == kept
