"""Under published rules the search is the published recursion over single nodes, whatever the replies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_search import Published

from tasks.errors import RequestRefused
from tasks.llm.chat import ChatRequest, Reply
from tasks.search.methods import method_of
from tasks.search.rules import TOOLBENCH

KINDS = ["thought", "call", "thought+call", "bad", "thought+bad"]
ENDS = ["answer", "give_up", "thought+give_up", "fail"]
LENGTH = 150


@dataclass(frozen=True)
class Case:
    replies: list[str]
    votes: list[str]
    limits: dict[str, Any]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Mostly steps, so that trees grow; how often they end differs from case to case."""
    limits = {
        "width": draw(st.integers(1, 4)),
        "max_depth": draw(st.integers(1, 13)),
        "max_queries": draw(st.integers(1, 60)),
    }
    ends = draw(st.lists(st.sampled_from(ENDS), max_size=3))
    kinds = st.sampled_from(KINDS * draw(st.integers(1, 4)) + ends)
    return Case(
        draw(st.lists(kinds, min_size=LENGTH, max_size=LENGTH)),
        draw(st.lists(st.sampled_from("AB"), min_size=LENGTH, max_size=LENGTH)),
        limits,
    )


METHODS: dict[str, Callable[[Published], None]] = {
    "dfsdt": Published.dfsdt,
    "dfs_ranked": Published.dfs_ranked,
    "react": lambda search: search.chains(1),
    "react@5": lambda search: search.chains(5),
}


def script_of(case: Case, search: Published, scripted: Any) -> list[Reply | RequestRefused]:
    """What the model replies to a search that asks as the published one did."""
    parts = {
        "thought": "Thinking.",
        "call": scripted.call("get_weather_for_sky"),
        "bad": scripted.call("Finish", return_type="done"),
        "answer": scripted.answer(),
        "give_up": scripted.give_up(),
    }
    script = [
        RequestRefused("no", "no") if words == "fail" else scripted.reply(*map(parts.get, words.split("+")))
        for words in case.replies
    ]
    for number, asked in enumerate(search.asked):
        if asked == "rank":
            script[number] = scripted.reply(case.votes[number])
    return script


def question(request: ChatRequest) -> Any:
    """How many replies led to a request, and whether it was shown candidates."""
    if request.tool_choice == "none":
        return "rank"
    messages = request.transcript.messages()
    return sum(message.role == "assistant" for message in messages), messages[-1].role == "user"


@pytest.mark.parametrize("method", METHODS)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck],
)
@given(case=cases())
def test_it_asks_and_grows_as_the_published_one(scripted: Any, method: str, case: Case) -> None:
    search = Published(case.replies, case.votes, **case.limits)
    METHODS[method](search)
    played = scripted.play(
        script_of(case, search, scripted), TOOLBENCH, method=method_of(method), **case.limits
    )

    chains = method.startswith("react")
    assert [question(request) for request in played.requests] == [
        asked if isinstance(asked, str) else (len(asked[0]), asked[1] > 0 or not asked[0])
        for asked in search.asked
    ]
    assert [
        (row.kind, row.depth, row.query_no, chains or row.entry, row.pruned, row.terminal)
        for row in played.nodes
    ] == [
        (at.kind, at.depth, at.query, chains or at.entry, at.pruned, at.terminal)
        for at in search.root.preorder()
    ]
    shown = {row.query_no: row.shown for row in played.nodes[1:]}
    assert shown == {query: search.asked[query][1] for query in shown}
    assert (played.tree.win, played.tree.n_queries) == (search.won, len(search.asked))
