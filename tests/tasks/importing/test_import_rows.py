"""Answer files of ToolBench as rows of searches, whatever they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import BadRow, UsageError
from tasks.exporting.searches import Search
from tasks.exporting.toolbench_answer import answer_of
from tasks.importing.answer_files import read_answer
from tasks.importing.files import find_answers
from tasks.importing.importing import parts_of
from tasks.importing.rows import ImportedRows, rows_of
from warehouse.table import to_columns
from warehouse.tables import ANNOTATIONS, INSTRUCTIONS, NODES

Json = dict[str, Any]
FUNCTION = {"name": "tide_for_sea", "description": "", "parameters": {"type": "object", "properties": {}}}
FINISH = {"name": "Finish", "description": "", "parameters": {"type": "object", "properties": {}}}
ANSWER = '{"return_type": "give_answer", "final_answer": "05:12"}'


def node(kind: str, text: str, *children: Json, **given: Any) -> Json:
    common = {
        "is_terminal": False,
        "pruned": False,
        "finished": False,
        "node_type": kind,
        "description": text,
    }
    return {**common, "Elo": 1000.0, "expand_num": 0, **given, "children": list(children)}


def call(name: str, arguments: str, seen: str, code: int, *children: Json, **given: Any) -> Json:
    below = node("Action Input", arguments, *children, observation=seen, observation_code=code, **given)
    return node("Action", name, below)


FINISHED = call("Finish", ANSWER, "done", 3, expand_num=3)
CALLED = call("tide_for_sea", "{}", "{}", 0, FINISHED, expand_num=2)
TREE = node("Action Input", "", node("Thought", "Alone.", node("Thought", "With it.", CALLED), expand_num=1))


def answer(**given: Any) -> Json:
    """A search that was won; `made` replaces parts of its answer_generation."""
    said = [
        {"role": "system", "content": "Call functions."},
        {"role": "user", "content": "When is high water?"},
        {"role": "assistant", "content": "Alone."},
        {
            "role": "assistant",
            "content": "With it.",
            "function_call": {"name": "tide_for_sea", "arguments": "{}"},
        },
        {"role": "function", "name": "tide_for_sea", "content": "{}"},
        {"role": "user", "content": "Not the first time.", "valid": False},
        {"role": "assistant", "content": None, "function_call": {"name": "Finish", "arguments": ANSWER}},
    ]
    made = {
        "valid_data": True,
        "query_count": 3,
        "total_tokens": 30,
        "final_answer": ANSWER,
        "function": [FUNCTION, FINISH],
        "train_messages": [said[:3], said],
        "query": "When is high water?",
        "finish_type": "give_answer",
    }
    return {
        "win": True,
        "tree": {"size": 7, "max_length": 7, "tree": TREE},
        "forward_args": {"single_chain_max_step": 12, "tree_beam_size": 3, "max_query_count": 200},
        "compare_candidates": [],
        "answer_generation": {**made, **given.pop("made", {})},
        **given,
    }


def rows(
    tmp_path: Path, content: Any, name: str = "G2_answer/7_ChatGPT_DFS_woFilter_w2.json"
) -> ImportedRows:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8", errors="replace")
    (file,) = find_answers(tmp_path).answers
    return rows_of(file, read_answer(file.path))


def test_the_search_is_what_the_file_says(tmp_path: Path) -> None:
    found = rows(tmp_path, answer()).annotation

    assert found.instruction_id.startswith("toolbench-G2-7-")
    assert (found.method, found.width, found.max_depth, found.max_queries) == ("dfsdt", 2, 12, 200)
    assert (found.model, found.rules, found.offer) == ("ChatGPT", "toolbench", "imported")
    assert (found.win, found.finish_type, found.final_answer) == (True, "give_answer", "05:12")
    assert (found.n_queries, found.n_calls, found.tokens_in, found.n_nodes) == (3, 1, 30, 7)
    assert found.offered_api_ids == ("sea/tide",)


def test_replies_are_told_apart_by_what_was_entered(tmp_path: Path) -> None:
    nodes = rows(tmp_path, answer()).nodes

    assert [(n.kind, n.query_no, n.outcome, n.on_answer_path) for n in nodes] == [
        ("root", None, None, True),
        ("thought", 0, None, True),
        ("thought", 1, None, True),
        ("action", 1, None, True),
        ("action_input", 1, "ok", True),
        ("action", 2, None, True),
        ("action_input", 2, "answered", True),
    ]
    assert [n.terminal for n in nodes] == [False] * 6 + [True]


def test_messages_are_those_of_the_answer_path(tmp_path: Path) -> None:
    messages = rows(tmp_path, answer()).annotation.messages

    assert [(m.role, m.content, [c.name for c in m.tool_calls]) for m in messages] == [
        ("system", "Call functions.", []),
        ("user", "When is high water?", []),
        ("assistant", "Alone.", []),
        ("assistant", "With it.", ["tide_for_sea"]),
        ("tool", "{}", []),
        ("assistant", None, ["Finish"]),
    ]
    assert messages[4].tool_call_id == messages[3].tool_calls[0].id


def test_a_thought_that_repeats_the_reply_before_goes_with_its_call(tmp_path: Path) -> None:
    said = answer()["answer_generation"]["train_messages"][-1]
    apart = [*said[:2], said[2], said[2], {**said[3], "content": None}, *said[4:]]

    messages = rows(tmp_path, answer(made={"train_messages": [apart[:3], apart]})).annotation.messages

    assert [(m.content, [c.name for c in m.tool_calls]) for m in messages[2:4]] == [
        ("Alone.", []),
        ("Alone.", ["tide_for_sea"]),
    ]


def test_chains_without_a_tree_are_tries(tmp_path: Path) -> None:
    chain = [
        node("Thought", "Hm."),
        node("Action", "tide_for_sea"),
        node("Action Input", "{}", observation="{}", observation_code=0),
        node("Action", "tide_for_sea"),
        node("Action Input", "{}", observation="{}", observation_code=0, pruned=True),
    ]
    content = answer(win=False, trys=[{"chain": chain, "win": False}] * 2, made={"valid_data": False})
    del content["tree"]

    found = rows(tmp_path, content, "G1_tool/7_CoT@2.json")

    assert (found.annotation.method, found.annotation.width) == ("react@2", None)
    assert found.annotation.model == tmp_path.name  # the folder that holds the test sets
    assert (found.annotation.finish_type, found.annotation.messages) == ("none", ())
    assert found.instruction.split == "test_tool"
    assert [n.query_no for n in found.nodes] == [None, 0, 0, 0, 1, 1, 2, 2, 2, 3, 3]
    assert [n.parent_id for n in found.nodes] == [None, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9]


def test_of_a_key_that_is_twice_the_last_counts_and_a_remark_says_so(tmp_path: Path) -> None:
    text = json.dumps(answer())
    path = tmp_path / "G2_answer/7_ChatGPT_DFS_woFilter_w2.json"
    path.parent.mkdir()
    path.write_text(text.replace('"win": true', '"win": false, "win": true'))
    part, rest = parts_of(find_answers(tmp_path))

    assert [(remark.row_id, remark.reason, remark.detail) for remark in rest.remarks] == [
        (
            "G2_answer/7_ChatGPT_DFS_woFilter_w2.json",
            "partly_read",
            "an object in it has a key twice ('win'): the last one counts",
        )
    ]
    assert part.annotations == [rows(tmp_path / "clean", answer()).annotation]


@pytest.mark.parametrize(
    ("content", "reason", "said"),
    [
        ("{", "malformed", "no JSON"),
        ("[]", "malformed", "the file is no JSON object"),
        ("[" * 100_000, "malformed", "nested too deeply"),
        ({}, "malformed", "answer_generation"),
        (answer(made={"query": " "}), "malformed", "query is missing"),
        (answer(made={"query_count": -1}), "malformed", "query_count is no count"),
        (answer(made={"function": [{}]}), "malformed", "a function has no name"),
        (answer(made={"train_messages": []}), "malformed", "without train_messages"),
        (answer(made={"train_messages": [[]]}), "malformed", "do not end with a call of Finish"),
        (answer(made={"train_messages": [[{"role": "x"}]]}), "malformed", "the role 'x'"),
        (answer(made={"valid_data": False}), "malformed", "do not end with a call of Finish"),
        (answer(tree={"tree": node("Action Input", "", node("Guess", ""))}), "malformed", "the type 'Guess'"),
        (answer(tree={"tree": {"children": [1]}}), "malformed", "a node is no JSON object"),
        (answer(tree=None), "malformed", "tree is no JSON object"),
        (
            answer(made={"train_messages": [[{"role": "assistant", "function_call": {}}]]}),
            "malformed",
            "a function has no name",
        ),
    ],
)
def test_what_is_no_answer_is_refused(tmp_path: Path, content: Any, reason: str, said: str) -> None:
    with pytest.raises(BadRow, match=said) as caught:
        rows(tmp_path, content)
    assert caught.value.reason == reason


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud83c"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def replaced(value: Any, way: list[int], odd: Any) -> Any:
    """The value with something odd where the way leads."""
    if not way or not isinstance(value, dict | list) or not value:
        return odd
    if isinstance(value, list):
        at = way[0] % len(value)
        return [*value[:at], replaced(value[at], way[1:], odd), *value[at + 1 :]]
    name = sorted(value)[way[0] % len(value)]
    return {**value, name: replaced(value[name], way[1:], odd)}


@given(way=st.lists(st.integers(0, 20), max_size=9), odd=ODD)
def test_any_file_becomes_rows_or_a_reject(
    tmp_path_factory: pytest.TempPathFactory, way: list[int], odd: Any
) -> None:
    """Whatever stands anywhere in a file; what becomes rows can be stored and exported again."""
    folder = tmp_path_factory.getbasetemp() / "any"
    try:
        found = rows(folder, replaced(answer(), way, odd))
    except BadRow:
        return
    to_columns([found.annotation], ANNOTATIONS.schema)
    to_columns(found.nodes, NODES.schema)
    to_columns([found.instruction], INSTRUCTIONS.schema)
    search = Search(
        instruction=found.instruction, annotation=found.annotation, nodes=found.nodes, level="train"
    )
    orjson.loads(json.dumps(answer_of(search)))


def test_halves_of_characters_can_be_stored(tmp_path: Path) -> None:
    found = rows(tmp_path, answer(made={"query": "wave \ud83c"}))
    assert found.instruction.query == "wave ?"


def test_a_tree_may_be_deep(tmp_path: Path) -> None:
    deep = node("Thought", "last")
    for n in range(300):
        deep = node("Thought", str(n), deep, expand_num=1)
    found = rows(tmp_path, answer(win=False, tree={"tree": node("Action Input", "", deep)}))
    assert (found.annotation.n_nodes, found.annotation.depth) == (302, 301)


@pytest.mark.parametrize(
    ("place", "known"),
    [
        ("G1_answer/1_DFS_woFilter_w2.json", ("G1", "train", 1, "", "DFS_woFilter_w2")),
        ("x/G2_category/12_gpt_4_CoT@1.json", ("G2", "test_category", 12, "gpt_4", "CoT@1")),
        ("G3_tool_answer/5_DFS_w2.json", ("G3", "test_tool", 5, "", "DFS_w2")),
        ("G3/5_mine.json", ("G3", "train", 5, "mine", None)),
        ("G3/5.json", ("G3", "train", 5, "", None)),
    ],
)
def test_files_are_known_by_their_names(tmp_path: Path, place: str, known: tuple[Any, ...]) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.touch()
    (file,) = find_answers(tmp_path).answers
    assert (file.scenario, file.split, file.query_id, file.model, file.method) == known
    assert file.place == place


@pytest.mark.parametrize(
    "place", ["G4_answer/1_CoT@1.json", "G1_query.json", "G1_answer/one.json", "1_x.json"]
)
def test_other_files_are_none_of_ours(tmp_path: Path, place: str) -> None:
    path = tmp_path / "folder" / place
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(UsageError, match="no answer of ToolBench"):
        find_answers(tmp_path / "folder")
