"""Converted answers as the published evaluators read them, and as our own import reads them again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from imports import imported
from searched_world import SCRIPTS, search, write_world

from tasks.exact_json import digest_of
from tasks.exporting.export import Exported
from tasks.exporting.searches import Indexed
from tasks.exporting.toolbench import number_of
from tasks.exporting.tooleval import folder_names
from warehouse.connect import open_database
from warehouse.tables.annotations import LOST

RAIN = {"name": "rain_for_sky", "description": "", "parameters": {"type": "object", "properties": {}}}
FINISH = {"name": "Finish", "description": "", "parameters": {"type": "object", "properties": {}}}
FINISHED = '{"return_type": "give_answer", "final_answer": "Dry."}'

Export = Callable[..., Exported]


def of_model(exported: Exported, set_name: str, name: str = "scripted_DFS_woFilter_w2") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((exported.out / name / f"{set_name}.json").read_text("ascii"))
    return content


def final_step(entry: dict[str, Any]) -> str:
    """What the published scripts look into for the name of Finish: the last call along the first steps."""
    (at,), last = entry["answer"]["answer_details"], ""
    while True:
        if at["message"] and at["role"] == "tool":
            last = f"Final step: {at['message']}"
        if not at["next"]:
            return last
        at = at["next"][0]


def drawn(entry: dict[str, Any]) -> list[Any]:
    """The steps, one behind the other."""
    steps, following = [], entry["answer"]["answer_details"]
    while following:
        (at,) = following
        message = at["message"]
        steps.append((at["role"], message if isinstance(message, str) else message["name"]))
        following = at["next"]
    return steps


def test_answers_are_filed_by_model_and_test_set(export: Export) -> None:
    exported = export("tooleval")

    assert exported.written == {
        "scripted_DFS_woFilter_w2/G1_train.json": 1,
        "scripted_DFS_woFilter_w2/G1_tool.json": 1,
        "scripted_DFS_woFilter_w2/G2_train.json": 2,
        "scripted_DFS_woFilter_w2/G3_category.json": 1,
        "test_query_ids/G1_train.json": 1,
        "test_query_ids/G1_tool.json": 1,
        "test_query_ids/G2_train.json": 2,
        "test_query_ids/G3_category.json": 1,
    }
    ids = json.loads((exported.out / "test_query_ids" / "G1_tool.json").read_text())
    assert ids == {str(number_of("picnic")): 0} == dict.fromkeys(of_model(exported, "G1_tool"), 0)


def test_an_entry_has_the_published_fields(export: Export) -> None:
    (entry,) = of_model(export("tooleval"), "G1_tool").values()

    assert list(entry) == ["query", "available_tools", "answer"]
    assert [list(tool) for tool in entry["available_tools"]] == [["name", "description", "parameters"]] * 2
    answer = entry["answer"]
    assert list(answer) == ["method", "total_steps", "final_answer", "answer_details"]
    assert (answer["method"], answer["total_steps"]) == ("DFS_woFilter_w2", 5)
    assert json.loads(answer["final_answer"]) == {
        "return_type": "give_answer",
        "final_answer": "It stays dry.",
    }
    assert drawn(entry) == [
        ("system", ""),
        ("user", ""),
        ("tool", "rain_for_sky"),
        ("assistant", "All known."),
        ("tool", "Finish"),
    ]


def test_calls_of_one_reply_follow_each_other_with_what_they_returned(export: Export) -> None:
    (entry,) = of_model(export("tooleval"), "G1_train").values()

    names = [name for role, name in drawn(entry) if role == "tool"]
    assert names[-3:] == ["wind_for_sky", "rain_for_sky", "Finish"]
    at, responses = entry["answer"]["answer_details"][0], []
    while at["next"]:
        (at,) = at["next"]
        if at["role"] == "tool":
            responses.append(at["message"]["response"])
    assert all(responses[:-1])
    assert responses[-1] == ""


def test_evaluators_find_finish_where_a_search_ended_with_it(export: Export) -> None:
    exported = export("tooleval")
    entries = {}
    for set_name in ("G1_train", "G1_tool", "G2_train", "G3_category"):
        entries.update(of_model(exported, set_name))
    names = {str(number_of(name)): name for name in SCRIPTS}

    ended = {
        names[number]: ("'name': 'Finish'" in final_step(entry), "give_up" in entry["answer"]["final_answer"])
        for number, entry in entries.items()
    }
    assert ended == {
        "beach": (True, False),
        "picnic": (True, False),
        "sail": (True, True),
        "stroll": (False, False),
        "harbour": (True, False),
    }


def evaluated_steps(entry: dict[str, Any]) -> list[tuple[Any, ...]]:
    """As the published evaluators walk an answer: by the first of the next steps, each with its message."""
    steps: list[tuple[Any, ...]] = []
    following = entry["answer"]["answer_details"]
    while following:
        at = following[0]
        if at["role"] == "tool":
            steps.append(tuple(at["message"][key] for key in ("name", "arguments", "response")))
        elif at["role"] == "assistant":
            steps.append((at["message"],))
        following = at["next"]
    return steps


def test_evaluators_read_the_steps_that_led_to_the_answer(export: Export, world: Path) -> None:
    """All thoughts, calls with their arguments, and what these returned, of searches that were won."""
    exported, read = export("tooleval"), {}
    for set_name in ("G1_train", "G1_tool", "G2_train", "G3_category"):
        read.update({entry["query"]: entry for entry in of_model(exported, set_name).values()})
    told = asked(
        world, "SELECT query, messages FROM annotations JOIN instructions USING (instruction_id) WHERE win"
    )
    assert len(told) == 3
    for query, messages in told:
        shown = {each["tool_call_id"]: each["content"] for each in messages if each["role"] == "tool"}
        steps: list[tuple[Any, ...]] = []
        for each in messages:
            if each["role"] == "assistant":
                steps += [(each["content"],)] if each["content"] else []
                steps += [
                    (call["name"], call["arguments"], "" if call["name"] == "Finish" else shown[call["id"]])
                    for call in each["tool_calls"]
                ]
        assert evaluated_steps(read[query]) == steps


def test_methods_have_folders_of_their_own(export: Export, tmp_path: Path) -> None:
    write_world(tmp_path / "data", [search("beach"), search("beach", method="react@2")])

    assert sorted(export("tooleval", tmp_path / "data").written)[:2] == [
        "scripted_CoT@2/G1_train.json",
        "scripted_DFS_woFilter_w2/G1_train.json",
    ]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4", "gpt-4"),
        ("..", "answers"),
        (".hidden", "hidden"),
        ("../up", "-up"),
        ("test_query_ids", "test_query_ids_toolbench_imported"),
        ("export.json", "export.json_toolbench_imported"),
        ("m" * 200, "m" * 200),
        ("m" * 300, "m" * 200 + "-" + digest_of(["m" * 300])[:8]),
    ],
)
def test_a_model_of_whatever_name_has_a_folder(model: str, name: str) -> None:
    ours = Indexed(
        annotation_id="a",
        instruction_id="i",
        scenario="G1",
        split="train",
        win=True,
        finish_type="give_answer",
        method="react@1",
        rules="toolbench",
        model=model,
        offer="imported",
        n_nodes=1,
    )
    assert list(folder_names([ours]).values()) == [name]


def asked(data: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_database(data) as connection:
        return connection.execute(sql).fetchall()


def test_what_is_imported_comes_back_the_same(export: Export, tmp_path: Path) -> None:
    first = export("tooleval", out="first").out
    imported(tmp_path / "one", first)
    second = export("tooleval", tmp_path / "one", out="second").out
    again = imported(tmp_path / "two", second)

    assert again.digests("annotations", "nodes", "instructions") == imported(
        tmp_path / "three", first
    ).digests("annotations", "nodes", "instructions")
    for path in first.rglob("G*.json"):
        assert (second / path.relative_to(first)).read_bytes() == path.read_bytes()


def test_our_own_searches_come_back_as_they_are_judged(export: Export, world: Path, tmp_path: Path) -> None:
    imported(tmp_path / "data", export("tooleval").out)

    found = (
        "SELECT query, finish_type, win, scenario, split, {} FROM annotations "
        "JOIN instructions USING (instruction_id) ORDER BY ALL"
    )
    said = "if(win, final_answer, NULL) AS said, method"
    assert asked(tmp_path / "data", found.format(said)) == asked(world, found.format(said))


def test_imported_answers_are_training_data_where_they_say_what_calls_returned(
    export: Export, tmp_path: Path
) -> None:
    for model, response in (("whole", '{"error": "", "response": "dry"}'), ("cut", LOST)):
        called = {"name": "rain_for_sky", "arguments": "{}", "response": response}
        finished = {"name": "Finish", "arguments": FINISHED, "response": ""}
        steps: list[Any] = []
        for message in (finished, called):
            steps = [{"role": "tool", "message": message, "next": steps}]
        answer = {"method": "CoT@1", "total_steps": 2, "final_answer": FINISHED, "answer_details": steps}
        entry = {"query": "Rain?", "available_tools": [RAIN, FINISH], "answer": answer}
        (tmp_path / "answers" / model).mkdir(parents=True)
        (tmp_path / "answers" / model / "G1_tool.json").write_text(json.dumps({"7": entry}))
    imported(tmp_path / "data", tmp_path / "answers")

    for format_, name in (("toolllama", "toolllama_G123_cot_test_tool.json"), ("openai", "test_tool.jsonl")):
        exported = export(format_, tmp_path / "data", out=format_)
        assert exported.left_out == {"it was imported without what its calls returned": 1}
        assert exported.written[name] == (2 if format_ == "toolllama" else 1)
    rows = json.loads((tmp_path / "toolllama" / "toolllama_G123_cot_test_tool.json").read_text())
    assert [row["conversations"][-1]["value"].split("\n")[2] for row in rows] == [
        "Action: rain_for_sky",
        "Action: Finish",
    ]
