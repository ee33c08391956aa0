"""Chains, and depth-first search with ranking."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.errors import RequestRefused, UsageError
from tasks.search.methods import method_of
from tasks.search.rules import TOOLBENCH, TOOLLOOM, Rules

BOTH = pytest.mark.parametrize("rules", [TOOLBENCH, TOOLLOOM], ids=lambda rules: rules.name)


def drawn(played: Any) -> list[str]:
    """The drawing without its summary."""
    return str(played.drawing).splitlines()[1:]


@BOTH
def test_tries_are_fresh_until_one_answers(scripted: Any, rules: Rules) -> None:
    script = [
        scripted.reply(scripted.call("get_weather_for_sky")),
        scripted.reply(scripted.give_up()),
        RequestRefused("refused", "no"),
        scripted.reply(scripted.answer(7)),
    ]

    played = scripted.play(script, rules, method=method_of("react@5"), max_queries=2)

    assert drawn(played) == [
        "root",
        "  #0 get_weather_for_sky({}) -> ok",
        '    #1 Finish({"return_type": "give_up_and_restart"}) -> gave_up = pruned',
        "  #2 -> refused = pruned",
        '  #3 Finish({"return_type": "give_answer", "final_answer": 7}) -> answered = answer',
    ]
    assert played.said(3) == []


@BOTH
def test_one_chain_ends_at_the_depth_limit(scripted: Any, rules: Rules) -> None:
    script = [scripted.reply(scripted.call("get_weather_for_sky")) for _ in range(2)]

    tree = scripted.play(
        script, rules, method=method_of("react"), max_depth=4 if rules is TOOLBENCH else 2
    ).tree

    assert (tree.finish_type, tree.stopped_by, tree.n_queries) == ("none", "exhausted", 2)


def test_tries_may_be_bounded_by_queries_instead(scripted: Any) -> None:
    script = [scripted.reply(scripted.give_up()) for _ in range(7)]

    tree = scripted.play(script, method=method_of("react@budget"), max_queries=7).tree

    assert (len(tree.root.children), tree.stopped_by) == (7, "max_queries")


@BOTH
def test_the_better_child_is_visited_first(scripted: Any, rules: Rules) -> None:
    script = [
        scripted.reply(scripted.call("get_weather_for_sky")),
        scripted.reply(scripted.call("get_time_for_sky")),
        scripted.reply("B"),
        scripted.reply("A"),
        scripted.reply("I must stop.", scripted.give_up()),
        scripted.reply("Or not."),
        scripted.reply("A"),
        scripted.reply("B"),
        scripted.reply("One too many under published rules, which throw it away."),
    ]

    played = scripted.play(script, rules, method=method_of("dfs_ranked"), max_depth=4, max_queries=8)

    votes = [(node.query_no, node.votes, node.entry) for node in played.nodes if node.votes is not None]
    assert votes == [(0, 0.0, 3), (1, 2.0, 1), (4, 2.0, 2), (5, 0.0, None)]
    assert [request.tool_choice for request in played.requests[:8]] == [
        *(None, None, "none", "none", None, None, "none", "none")
    ]
    asked = played.requests[3].transcript.messages()[-1].content
    assert asked.index("get_time_for_sky") < asked.index("get_weather_for_sky")
    assert (played.tree.finish_type, played.tree.stopped_by) == ("give_up", "max_queries")


def test_the_queries_bound_comparisons_too(scripted: Any) -> None:
    script = [scripted.reply(scripted.call("get_weather_for_sky")) for _ in range(2)]

    played = scripted.play(script, method=method_of("dfs_ranked"), max_queries=2)

    assert (played.tree.n_queries, played.tree.stopped_by) == (2, "max_queries")


@pytest.mark.parametrize("name", ["dfs", "react@", "react@x", "dfsdt@2", ""])
def test_an_unknown_method_is_named(name: str) -> None:
    with pytest.raises(UsageError, match="method = "):
        method_of(name)
