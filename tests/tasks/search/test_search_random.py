"""Whatever a model replies, a search ends, raises nothing, and its rows keep the laws of the nodes table."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import orjson
import pytest

from tasks import exact_json
from tasks.errors import RequestRefused
from tasks.llm.chat import Message, Reply, ToolCall, Usage
from tasks.search.rules import TOOLBENCH, TOOLLOOM, Rules
from tasks.search.trace import answer_messages
from tasks.search.tree import SearchNode
from warehouse.table import arrow_schema, to_columns
from warehouse.tables.annotations import AnswerMessage, Node

NAMES = (
    *("get_weather_for_sky", "get_time_for_sky", "for_sky", "functions.get_time_for_sky", "Finish", "finish"),
    *("", "\ud800", "no such one", "get weather", "日本", "x" * 300, "a.b.", "."),
)
ARGUMENTS = (
    *("{}", "", "null", "[]", '"x"', "7", '{"city": "Oslo"}', "{'city': 'Oslo'}", '{"city": "Os', "{" * 50),
    *(
        '{"n": 1e999}',
        '{"n": 123456789012345678901234567890}',
        '{"\\ud800": 1}',
        "\udfff",
        '{"a": {"b": [1]}}',
    ),
    *('{"return_type": "give_up_and_restart"}', '{"return_type": "give_answer", "final_answer": ""}'),
    *('{"return_type": "give_answer"}', '{"return_type": {}, "final_answer": []}', "[" * 3000, "\x00"),
)
ENDINGS = (
    '{"return_type": "give_answer", "final_answer": "Rain."}',
    '{"return_type": "give_up_and_restart"}',
)
CONTENTS = (None, None, "", " ", "Thinking.", "\ud83d", "\x00", "long " * 200)


def random_reply(rng: random.Random) -> Reply | RequestRefused:
    if rng.random() < 0.05:
        return RequestRefused("refused", "no \udfff")
    calls = [_call(rng) for _ in range(rng.choice((0, 1, 1, 1, 2, 3)))]
    content = rng.choice(CONTENTS)
    return Reply(content=content, tool_calls=tuple(calls), usage=Usage(rng.randrange(50), rng.randrange(50)))


def _call(rng: random.Random) -> ToolCall:
    call_id = rng.choice(("", "call_1", "call_0_1", "\ud800"))
    if rng.random() < 0.15:
        return ToolCall(call_id, "Finish", rng.choice(ENDINGS))
    return ToolCall(call_id, rng.choice(NAMES), rng.choice(ARGUMENTS))


CASES = {f"{rules.name}-{seed}": (rules, seed) for rules in (TOOLBENCH, TOOLLOOM) for seed in range(20)}


@pytest.fixture(params=CASES)
def played(request: pytest.FixtureRequest, scripted: Any) -> Any:
    rules, seed = CASES[request.param]
    rng = random.Random(seed)  # noqa: S311 - the same replies in every run
    limits = {"width": rng.randint(1, 4), "max_depth": rng.randint(1, 12), "max_queries": rng.randint(1, 60)}
    script = [random_reply(rng) for _ in range(limits["max_queries"])]
    result = scripted.play(script, rules, **limits)
    result.rules, result.limits = rules, limits
    return result


def test_a_search_ends_within_its_limits(played: Any) -> None:
    tree, limits = played.tree, played.limits

    assert tree.n_queries == len(played.requests) <= limits["max_queries"]
    assert tree.n_calls == len(played.calls)
    assert tree.win == (tree.stopped_by == "answered")
    assert all(_within(node, played.rules, limits) for node in tree.root.preorder())


def _within(node: SearchNode, rules: Rules, limits: dict[str, int]) -> bool:
    depth = node.replies if rules.depth_counts_replies else node.depth
    if node.end is not None:
        return not node.children
    return len(node.children) <= limits["width"] and depth < limits["max_depth"]


def test_the_rows_are_a_tree_in_preorder(played: Any) -> None:
    nodes: tuple[Node, ...] = played.nodes

    assert [node.node_id for node in nodes] == list(range(len(nodes)))
    assert [node.kind for node in nodes].count("root") == 1
    assert [node.node_id for node in nodes if node.parent_id is None] == [0]
    assert all(node.depth == nodes[node.parent_id].depth + 1 for node in nodes if node.parent_id is not None)
    assert [node.node_id for node in nodes] == _preorder(nodes)


def _preorder(nodes: tuple[Node, ...]) -> list[int]:
    waiting, order = [0], []
    children: dict[int | None, list[int]] = {}
    for node in nodes:
        children.setdefault(node.parent_id, []).append(node.node_id)
    while waiting:
        order.append(waiting.pop())
        waiting.extend(reversed(children.get(order[-1], [])))
    return order


def test_the_kinds_follow_one_another(played: Any) -> None:
    nodes: tuple[Node, ...] = played.nodes
    children = Counter(node.parent_id for node in nodes)

    for node in nodes[1:]:
        assert node.parent_id is not None
        parent = nodes[node.parent_id]
        assert (node.kind == "action_input") == (parent.kind == "action")
        assert node.kind != "action" or children[node.node_id] == 1
        assert (parent.pruned, parent.terminal) == (False, False)
        assert (node.kind == "action_input") == (node.arguments is not None)


def test_each_reply_is_visited_and_counted_once(played: Any) -> None:
    nodes: tuple[Node, ...] = played.nodes
    replies = Counter(node.query_no for node in nodes if node.entry is not None)

    entries = sorted(node.entry for node in nodes if node.entry is not None)
    assert entries == list(range(len(entries)))
    assert set(replies.values()) == {1}
    assert {node.query_no for node in nodes} == set(replies)
    unused = played.tree.n_queries - (len(replies) - 1)
    assert unused == (not played.rules.last_reply_counts and played.tree.stopped_by == "max_queries")
    spent = played.tree.tokens_in + played.tree.tokens_out
    assert sum(node.tokens for node in nodes) == spent or unused


def test_the_answer_path_leads_from_the_root_to_the_answer(played: Any) -> None:
    nodes: tuple[Node, ...] = played.nodes
    path = [node for node in nodes if node.on_answer_path]

    assert [node for node in nodes if node.terminal] == path[-1:]
    assert [node.parent_id for node in path] == [None, *(node.node_id for node in path)][: len(path)]
    assert bool(path) == played.tree.win


def test_every_request_and_the_result_are_valid_conversations(played: Any) -> None:
    for request in played.requests:
        check_conversation(request.transcript.messages())
    check_conversation(answer_messages(played.tree))


def check_conversation(messages: tuple[Message, ...] | tuple[AnswerMessage, ...]) -> None:
    pending: list[str] = []
    for message in messages:
        if message.role == "tool":
            assert message.tool_call_id == pending.pop(0)
            assert message.content is not None
            continue
        assert not pending, "a call went unanswered"
        assert message.content is not None or message.tool_calls
        pending = [call.id for call in message.tool_calls]
        assert len(set(pending)) == len(pending)
        assert all(isinstance(orjson.loads(call.arguments), dict) for call in message.tool_calls)
    assert not pending, "a call went unanswered"


def test_the_rows_can_be_stored(played: Any) -> None:
    nodes: tuple[Node, ...] = played.nodes

    assert to_columns(nodes, arrow_schema(Node)).num_rows == len(nodes)


def test_arguments_of_calls_can_be_digested_and_sent(played: Any) -> None:
    assert all(exact_json.dumps(arguments) for _, arguments in played.calls)
