"""ToolLLaMA's rows, and conversations for OpenAI's fine-tuning."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from searched_world import SCRIPTS, answers, says, search, write_world
from toolbench_readers import training_rows

from tasks.exporting.export import Exported
from tasks.exporting.openai_messages import NotJson, chat_messages, training_example
from tasks.exporting.searches import level_of
from warehouse.tables.annotations import AnswerMessage, MessageToolCall

Export = Callable[..., Exported]


def rows_of(exported: Exported, name: str) -> list[dict[str, Any]]:
    text = (exported.out / name).read_text("ascii")
    return [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)


def test_toolllama_rows_are_those_of_the_published_preprocessing(export: Export) -> None:
    answers_ = export("toolbench", out="toolbench").out
    rows = export("toolllama", out="toolllama")

    assert rows.written == {
        "toolllama_G123_dfs_train.json": 3,
        "toolllama_G123_dfs_test_tool.json": 2,
        "toolllama_G123_dfs_test_category.json": 3,
    }
    assert rows_of(rows, "toolllama_G123_dfs_train.json") == training_rows(answers_ / "G1_answer")
    assert rows_of(rows, "toolllama_G123_dfs_test_tool.json") == training_rows(answers_ / "G1_tool_answer")


def test_a_row_has_the_history_and_one_step(export: Export) -> None:
    rows = rows_of(export("toolllama"), "toolllama_G123_dfs_test_tool.json")

    finish = SCRIPTS["picnic"][1].tool_calls[0].arguments
    assert [row["id"] for row in rows] == [
        "Step 2: Can we have a picnic in Brest?",
        "Step 5: Can we have a picnic in Brest?",
    ]
    assert rows[1]["conversations"][1:] == [
        {"from": "user", "value": "Can we have a picnic in Brest?"},
        {"from": "assistant", "value": '\nThought: \nAction: rain_for_sky\nAction Input: {"city": "Brest"}'},
        {"from": "function", "value": '{"of":"Rain","no":0,"city":"Brest"}'},
        {"from": "assistant", "value": f"\nThought: All known.\nAction: Finish\nAction Input: {finish}"},
    ]


@pytest.mark.parametrize(
    ("format_", "name"),
    [("openai", "train_give_up.jsonl"), ("toolllama", "toolllama_G123_dfs_train_give_up.json")],
)
def test_give_ups_are_in_files_of_their_own(export: Export, format_: str, name: str) -> None:
    assert name not in export(format_, out="won").written
    exported = export(format_, out="all", give_ups=True)
    assert "give_up_and_restart" in str(rows_of(exported, name)[-1])


def test_what_is_left_out_is_said(export: Export) -> None:
    assert export("openai").left_out == {
        "it gave up (--give-ups takes it)": 1,
        "it ended without an answer": 1,
    }


def test_an_openai_row_has_messages_and_tools(export: Export) -> None:
    (row,) = rows_of(export("openai"), "train.jsonl")

    assert list(row) == ["messages", "tools"]
    assert [(m["role"], len(m.get("tool_calls", ()))) for m in row["messages"]] == [
        ("system", 0),
        ("user", 0),
        ("assistant", 2),
        ("tool", 0),
        ("tool", 0),
        ("assistant", 1),
    ]
    assert [tool["function"]["name"] for tool in row["tools"]] == ["rain_for_sky", "wind_for_sky", "Finish"]


def test_results_name_their_calls(export: Export) -> None:
    (row,) = rows_of(export("openai"), "train.jsonl")

    called = [call["id"] for m in row["messages"] for call in m.get("tool_calls", ())]
    shown = [m["tool_call_id"] for m in row["messages"] if m["role"] == "tool"]
    assert len(set(called)) == 3
    assert shown == called[:2]


def message(role: str, *made: MessageToolCall, content: str | None = None) -> AnswerMessage:
    return AnswerMessage(role=role, content=content, tool_calls=made, tool_call_id="x")


def made(arguments: str, id_: str = "same", name: str = "f") -> MessageToolCall:
    return MessageToolCall(id=id_, name=name, arguments=arguments)


def test_ids_are_nine_letters_and_digits_and_told_apart() -> None:
    ids = ("same", "same", "abcDEF123", "", "call_8f3a")
    said = [each for id_ in ids for each in (message("assistant", made("{}", id_)), message("tool"))]

    written = chat_messages([*said, message("assistant", content="Done.")])

    called = [m["tool_calls"][0]["id"] for m in written if "tool_calls" in m]
    assert called == ["3112bac0f", "750bffe67", "abcDEF123", "772566f07", "e5b697019"]
    assert [m["tool_call_id"] for m in written if m["role"] == "tool"] == called


def test_a_reply_of_text_alone_goes_with_the_next_one() -> None:
    said = [
        message("user", content="Rain?"),
        message("assistant", content="I should look."),
        message("assistant", content=" "),
        message("assistant", made("{}"), content="Now."),
        message("tool", content="[]"),
        message("assistant", content="Hm."),
        message("assistant", made("{}", name="Finish")),
    ]

    assert [(m["role"], m["content"], len(m.get("tool_calls", ()))) for m in chat_messages(said)] == [
        ("user", "Rain?", 0),
        ("assistant", "I should look.\n\nNow.", 1),
        ("tool", "[]", 0),
        ("assistant", "Hm.", 1),
    ]


def test_the_users_turn_is_what_was_asked() -> None:
    found = search("picnic", [says(answers("Dry."))])
    system, _, *rest = found.annotation.messages
    asked = message("user", content="\nCan we have a picnic in Brest?\nBegin!\n")
    row = training_example(
        replace(found.annotation, messages=(system, asked, *rest)), "Can we have a picnic in Brest?"
    )

    assert [m["content"] for m in row["messages"] if m["role"] == "user"] == [
        "Can we have a picnic in Brest?"
    ]


def test_names_are_such_as_the_protocol_admits() -> None:
    (written,) = chat_messages([message("assistant", made("{}", name="geo.lookup now!" + "x" * 80))])
    assert written["tool_calls"][0]["function"]["name"] == ("geo_lookup_now_" + "x" * 80)[-64:]


def test_line_breaks_within_strings_are_mended() -> None:
    (written,) = chat_messages([message("assistant", made('{"a": "b\nc"}'))])
    assert written["tool_calls"][0]["function"]["arguments"] == '{"a": "b\\nc"}'


@pytest.mark.parametrize("arguments", ["", "[1]", '{"a": ', "city=Oslo"])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    with pytest.raises(NotJson):
        chat_messages([message("assistant", made(arguments))])


def test_instructions_are_held_out_by_their_ids() -> None:
    ids = [str(n) for n in range(2000)]
    held = [id_ for id_ in ids if level_of(id_, "train", 0.05) == "test_instruction"]

    assert 60 < len(held) < 140
    assert {level_of(id_, "test_tool", 0.5) for id_ in ids} == {"test_tool"}


def test_many_searches_are_read_in_batches(export: Export, tmp_path: Path) -> None:
    """More than a batch holds; each is there once, in the order of ids."""
    found = search("picnic", [says(answers("Dry."))])
    many = []
    for n in range(450):
        id_ = f"{n:04}"
        nodes = tuple(replace(node, annotation_id=id_) for node in found.nodes)
        said = (message("user", content=f"The {n}th time."), *found.annotation.messages)
        annotation = replace(found.annotation, annotation_id=id_, messages=said)
        many.append(replace(found, annotation=annotation, nodes=nodes))
    write_world(tmp_path / "data", many)

    assert export("openai", tmp_path / "data").written == {"test_tool.jsonl": 450}


def test_the_same_conversation_found_by_another_method_is_one_example(export: Export, tmp_path: Path) -> None:
    dfsdt = search("picnic", [says(answers("Dry."))])
    react = replace(
        dfsdt,
        annotation=replace(dfsdt.annotation, annotation_id="other", method="react"),
        nodes=tuple(replace(node, annotation_id="other") for node in dfsdt.nodes),
    )
    write_world(tmp_path / "data", [dfsdt, react])

    of_all = export("openai", tmp_path / "data")
    of_one = export("openai", tmp_path / "data", method="react", out="react")
    trees = export("toolbench", tmp_path / "data", out="trees")
    steps = export("toolllama", tmp_path / "data", out="steps")
    rows = export("hf", tmp_path / "data", out="rows")
    asked = export("rl", tmp_path / "data", out="asked")

    assert (of_all.written, of_all.left_out) == (
        {"test_tool.jsonl": 1},
        {"another search of its instruction has the same conversation": 1},
    )
    assert (of_one.written, of_one.left_out) == ({"test_tool.jsonl": 1}, {})
    assert trees.written["G1_tool_answer/"] == 2
    # Where rows are told apart by their method, each method has all it found.
    assert steps.written == {
        "toolllama_G123_dfs_test_tool.json": 1,
        "toolllama_G123_cot_test_tool.json": 1,
    }
    assert rows.written["data/conversations/test_tool.parquet"] == 2
    assert asked.written == {"test_tool.parquet": 2}


def test_a_call_of_a_function_that_does_not_exist_is_not_learned() -> None:
    stray = message("assistant", made("{}"))
    found = search("picnic", [says(answers("Dry."))])
    messages = [*found.annotation.messages[:2], stray, message("tool"), *found.annotation.messages[2:]]
    row = training_example(replace(found.annotation, messages=tuple(messages)), "Dry?")

    assert [said.get("weight") for said in row["messages"] if said["role"] == "assistant"] == [0, None]


def test_what_a_step_was_asked_with_is_kept_on_demand(export: Export) -> None:
    """As a turn of the user's before the step, which no later step has."""
    answers_ = export("toolbench", out="toolbench", diversity="keep").out

    rows = rows_of(export("toolllama", out="toolllama", diversity="keep"), "toolllama_G123_dfs_train.json")

    assert rows == training_rows(answers_ / "G1_answer")
    assert [
        [turn["value"].partition(".")[0] for turn in row["conversations"][2:-1] if turn["from"] == "user"]
        for row in rows
    ] == [["This is not your first attempt at this step"]] * 2 + [[]]
    assert [
        row["conversations"]
        for row in rows_of(export("toolllama", out="plain"), "toolllama_G123_dfs_train.json")
    ] == [
        [turn for at, turn in enumerate(row["conversations"]) if at < 2 or turn["from"] != "user"]
        for row in rows
    ]
