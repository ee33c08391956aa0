"""Whatever an endpoint answers, no search is lost, by any method, under both rule sets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import RequestRefused
from tasks.search.api import Found, search
from tasks.search.rules import RULES
from warehouse.table import arrow_schema, from_arrow, to_columns
from warehouse.tables.annotations import Node

FUNCTIONS = [{"name": "get_weather_for_sky"}, {"name": "get_time_for_sky"}, {"name": "time_for_sky"}]
NAMES = ["get_weather_for_sky", "time_for_sky", "functions.get_time_for_sky", "get_wether_for_sky", "Finish"]
NAMES += ["finish", "", ".", "x" * 200, "получить"]
ARGUMENTS: list[Any] = [
    '{"city": "Oslo"}',
    "{}",
    "",
    "null",
    "[1]",
    '"x"',
    "{'a': 1}",
    '{"a": "cut',
    "{" * 99,
]
ARGUMENTS += [{"city": "Oslo"}, [1], None, 7, '{"a": 1e999}', '{"a": NaN}', "\ud800", '{"a": "\\ud83d"}']
ENDS = ['{"return_type": "give_answer", "final_answer": "Rain."}', '{"return_type": "give_up_and_restart"}']
ENDS += ['{"return_type": "give_answer", "final_answer": " "}', '{"return_type": "give_answer"}', '{"x": 1}']
ENDS += ['{"return_type": "give_answer", "final_answer": "cut', '{"return_type": ["give_answer"]}']

functions = st.one_of(
    st.fixed_dictionaries({"name": st.sampled_from(NAMES), "arguments": st.sampled_from(ARGUMENTS)}),
    st.fixed_dictionaries({"name": st.just("Finish"), "arguments": st.sampled_from(ENDS)}),
    st.fixed_dictionaries({"name": st.text(max_size=12), "arguments": st.text(max_size=30)}),
    st.fixed_dictionaries({}, optional={"name": st.none(), "arguments": st.just({})}),
)
calls = st.fixed_dictionaries(
    {"function": functions}, optional={"id": st.sampled_from(["", "c", "call_1", None]), "type": st.just("f")}
)
contents = st.one_of(
    st.sampled_from(
        [None, "", " \n", "Thinking.", "long " * 4000, [{"type": "text", "text": "In parts."}], []]
    ),
    st.text(max_size=20),
)
messages = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": contents},
    optional={
        "tool_calls": st.one_of(st.none(), st.lists(calls, max_size=3)),
        "function_call": st.one_of(st.none(), functions),
        "refusal": st.sampled_from([None, "I will not."]),
    },
)
completions = st.fixed_dictionaries(
    {
        "choices": messages.flatmap(
            lambda message: st.sampled_from(
                [
                    [{"message": message, "finish_reason": reason}]
                    for reason in ("stop", "tool_calls", "length", "content_filter", None)
                ]
            )
        )
    },
    optional={"usage": st.sampled_from([None, {}, {"prompt_tokens": 5, "completion_tokens": 2}])},
)
oddities: st.SearchStrategy[Any] = st.sampled_from(
    [{}, {"choices": []}, {"error": {"code": 400, "message": "no"}}, [], None, "x"]
)
answers = st.one_of(completions, completions, completions, oddities)
METHODS = ["dfsdt", "dfs_ranked", "react", "react@3", "react@budget"]


def searched(script: list[Any], method: str, rules: str, limits: dict[str, Any]) -> tuple[Found, list[Any]]:
    """A search whose endpoint says these things over and over; and what it was asked."""
    asked: list[Any] = []

    async def model(**request: Any) -> Any:
        json.dumps(request).encode()
        asked.append(request)
        answer = script[(len(asked) - 1) % len(script)]
        if answer == "x":
            raise RequestRefused("refused", "no \udfff")
        return answer

    async def execute(name: str, arguments: dict[str, Any]) -> Any:
        assert name in {function["name"] for function in FUNCTIONS}
        return {"said": json.dumps(arguments)}

    found = search(
        "Will it rain?",
        model=model,
        functions=FUNCTIONS,
        execute=execute,
        method=method,
        rules=rules,
        **limits,
    )
    return asyncio.run(found), asked


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rules", RULES)
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    script=st.lists(answers, min_size=1, max_size=12),
    limits=st.fixed_dictionaries(
        {"width": st.integers(1, 3), "max_depth": st.integers(1, 8), "max_queries": st.integers(1, 40)}
    ),
)
def test_no_search_is_lost(method: str, rules: str, script: list[Any], limits: dict[str, int]) -> None:
    found, asked = searched(script, method, rules, limits)

    assert found.n_queries == len(asked)
    assert found.stopped_by in {"answered", "exhausted", "max_queries"}
    assert found.win == (found.finish_type == "give_answer") == (found.stopped_by == "answered")
    check_every_query_is_accounted_for(found, ranked=method == "dfs_ranked")
    check_the_limits(found, limits, method, rules)
    check_the_tree(found.nodes)
    check_the_answer(found)
    assert from_arrow(Node, to_columns(found.nodes, arrow_schema(Node))) == list(found.nodes)


def check_every_query_is_accounted_for(found: Found, *, ranked: bool) -> None:
    """A query is a reply in the tree, or the last one, which published rules throw away, or a comparison."""
    replies = {node.query_no for node in found.nodes if node.query_no is not None}
    unused = set(range(found.n_queries)) - replies
    assert max(replies, default=0) < found.n_queries
    if not ranked:
        assert unused <= {found.n_queries - 1}
        assert not unused or found.stopped_by == "max_queries"


def check_the_limits(found: Found, limits: dict[str, int], method: str, rules: str) -> None:
    bounded = method in {"dfsdt", "react@budget"} or (method == "dfs_ranked" and rules == "toolloom")
    assert not bounded or found.n_queries <= limits["max_queries"]
    for node in found.tree.root.preorder():
        depth = node.replies if rules == "toolloom" else node.depth
        assert node.end is None or not node.children
        assert not node.children or depth < limits["max_depth"]
        if not method.startswith("react"):
            assert len(node.children) <= limits["width"]
        elif node.parent is not None:
            assert len(node.children) <= 1


def check_the_tree(nodes: tuple[Node, ...]) -> None:
    """Rows are numbered in pre-order, and that alone rebuilds the tree."""
    path: list[Node] = []
    for number, node in enumerate(nodes):
        assert node.node_id == number
        path = path[: node.depth]
        assert len(path) == node.depth
        assert node.parent_id == (path[-1].node_id if path else None)
        assert (node.kind == "action_input") == bool(path and path[-1].kind == "action")
        assert not any(above.pruned or above.terminal for above in path)
        path.append(node)


def check_the_answer(found: Found) -> None:
    path = [node for node in found.nodes if node.on_answer_path]
    assert bool(path) == found.win
    if path:
        assert [node.parent_id for node in path] == [None, *(node.node_id for node in path[:-1])]
        assert (path[-1].function, path[-1].terminal, path[-1].outcome) == ("Finish", True, "answered")
        assert found.final_answer is not None
    assert (found.messages == []) == (found.finish_type == "none")
