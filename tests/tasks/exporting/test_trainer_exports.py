"""Rows for TRL and for LLaMA-Factory."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from foreign_servers import python_with_models
from searched_world import GIVES_UP, QUERIES, RAIN, answers, calls, says, search, write_world

from tasks.exporting.export import Exported
from tasks.llm.chat import Reply

Export = Callable[..., Exported]

DRY = says("All known.", answers("It stays dry."))
LOAD = """
import json, sys
from pathlib import Path
from datasets import load_dataset
for path in sorted(Path(sys.argv[1]).glob("*.jsonl")):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    loaded = load_dataset("json", data_files=str(path), split="train", cache_dir=sys.argv[2])
    print(path.name, list(loaded) == rows)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that went back after a function that there is none of, and one with two calls in a reply."""
    root = tmp_path_factory.mktemp("trained") / "data"
    both = says("Both.", RAIN, calls("rain_for_sky", city="Ouessant"))
    script = [says("Snow?", calls("snow_for_sky")), says(GIVES_UP), says("Rain.", RAIN), DRY]
    write_world(root, [search("beach", script), search("picnic", [both, DRY])])
    return root


def rows_of(exported: Exported, name: str) -> list[dict[str, Any]]:
    text = (exported.out / name).read_text("ascii")
    found = map(json.loads, text.splitlines()) if name.endswith("l") else json.loads(text)
    return list(found)


def called(call_id: str, name: str, **arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_a_conversation_for_trl(export: Export, folder: Path) -> None:
    (row,) = rows_of(export("trl", folder), "test_tool.jsonl")

    assert [function["function"]["name"] for function in json.loads(row["tools"])] == [
        "rain_for_sky",
        "Finish",
    ]
    system, *messages = row["messages"]
    first, second = (call["id"] for call in messages[1]["tool_calls"])
    (finish,) = (call["id"] for call in messages[-1]["tool_calls"])
    assert (system["role"], bool(system["content"])) == ("system", True)
    assert {len(call_id) for call_id in (first, second, finish)} == {9}
    assert messages == [
        {"role": "user", "content": QUERIES["picnic"]},
        {
            "role": "assistant",
            "content": "Both.",
            "tool_calls": [
                called(first, "rain_for_sky", city="Brest"),
                called(second, "rain_for_sky", city="Ouessant"),
            ],
        },
        {
            "role": "tool",
            "content": '{"of":"Rain","no":0,"city":"Brest"}',
            "name": "rain_for_sky",
            "tool_call_id": first,
        },
        {
            "role": "tool",
            "content": '{"of":"Rain","no":1,"city":"Ouessant"}',
            "name": "rain_for_sky",
            "tool_call_id": second,
        },
        {
            "role": "assistant",
            "content": "All known.",
            "tool_calls": [called(finish, "Finish", return_type="give_answer", final_answer="It stays dry.")],
        },
    ]


def test_a_preference_for_trl(export: Export, folder: Path) -> None:
    exported = export("trl", folder)

    (row,) = rows_of(exported, "preferences_train.jsonl")
    assert list(row) == ["prompt", "chosen", "rejected", "tools"]
    assert [message["role"] for message in row["prompt"]] == ["system", "user"]
    chosen, rejected = row["chosen"][0], row["rejected"][0]
    assert (chosen["content"], rejected["content"]) == ("Rain.", "Snow?")
    assert [call["function"] for reply in (chosen, rejected) for call in reply["tool_calls"]] == [
        {"name": "rain_for_sky", "arguments": {"city": "Brest"}},
        {"name": "snow_for_sky", "arguments": {}},
    ]
    assert rows_of(exported, "unpaired_train.jsonl") == [
        {"prompt": row["prompt"], "completion": row[which], "label": good, "tools": row["tools"]}
        for which, good in (("chosen", True), ("rejected", False))
    ]


def test_a_conversation_for_llamafactory(export: Export, folder: Path) -> None:
    (row,) = rows_of(export("llamafactory", folder), "test_tool.json")

    both = [{"name": "rain_for_sky", "arguments": {"city": city}} for city in ("Brest", "Ouessant")]
    finish = {
        "name": "Finish",
        "arguments": {"return_type": "give_answer", "final_answer": "It stays dry."},
    }
    assert [function["name"] for function in json.loads(row["tools"])] == ["rain_for_sky", "Finish"]
    assert (row["system"] != "", row["conversations"]) == (
        True,
        [
            {"from": "human", "value": QUERIES["picnic"]},
            {"from": "function_call", "value": f"Both.\n<tool_call>{json.dumps(both)}</tool_call>"},
            {
                "from": "observation",
                "value": '{"of":"Rain","no":0,"city":"Brest"}\n{"of":"Rain","no":1,"city":"Ouessant"}',
            },
            {"from": "function_call", "value": f"All known.\n<tool_call>{json.dumps(finish)}</tool_call>"},
        ],
    )


def test_what_llamafactory_registers(export: Export, folder: Path) -> None:
    exported = export("llamafactory", folder)

    columns = {"messages": "conversations", "system": "system", "tools": "tools"}
    usual = {"formatting": "sharegpt", "columns": columns}
    assert json.loads((exported.out / "dataset_info.json").read_text()) == {
        "toolloom_train": usual | {"file_name": "train.json"},
        "toolloom_test_tool": usual | {"file_name": "test_tool.json"},
        "toolloom_preferences_train": {
            "file_name": "preferences_train.json",
            "formatting": "sharegpt",
            "ranking": True,
            "columns": columns | {"chosen": "chosen", "rejected": "rejected"},
        },
        "toolloom_unpaired_train": {
            "file_name": "unpaired_train.json",
            "formatting": "sharegpt",
            "columns": columns | {"kto_tag": "kto_tag"},
        },
    }


def test_a_preference_for_llamafactory(export: Export, folder: Path) -> None:
    exported = export("llamafactory", folder)

    (row,) = rows_of(exported, "preferences_train.json")
    rain = '{"name": "rain_for_sky", "arguments": {"city": "Brest"}}'
    snow = '{"name": "snow_for_sky", "arguments": {}}'
    assert [turn["from"] for turn in row["conversations"]] == ["human"]
    assert [row[which] for which in ("chosen", "rejected")] == [
        {"from": "function_call", "value": f"Rain.\n<tool_call>{rain}</tool_call>"},
        {"from": "function_call", "value": f"Snow?\n<tool_call>{snow}</tool_call>"},
    ]
    assert [
        (row["kto_tag"], row["conversations"][-1]) for row in rows_of(exported, "unpaired_train.json")
    ] == [(True, row["chosen"]), (False, row["rejected"])]


@pytest.mark.parametrize("format_", ["trl", "llamafactory"])
def test_a_call_of_what_does_not_exist_is_not_learned(export: Export, tmp_path: Path, format_: str) -> None:
    strays = search("beach", [says(calls("snow_for_sky")), says(RAIN), DRY])
    write_world(tmp_path / "data", [strays, search("picnic")])

    exported = export(format_, tmp_path / "data")

    assert [name for name in exported.written if name.startswith("train.")] == []
    assert [reason for reason in exported.left_out if "does not exist" in reason] != []


@pytest.mark.slow
def test_trl_rows_load_as_they_are(export: Export, folder: Path, tmp_path: Path) -> None:
    """`datasets` gives objects of unlike keys each other's, unless it can tell that they are no columns."""
    exported = export("trl", folder)
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    command = [str(python_with_models()[0]), "-W", "ignore", "-c", LOAD, str(exported.out), str(tmp_path)]

    done = subprocess.run(command, env=offline, capture_output=True, text=True, check=False, timeout=100)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{name} True" for name in sorted(exported.written)]


def test_a_preference_has_what_the_preferred_reply_was_asked_with_on_demand(
    export: Export, folder: Path
) -> None:
    """Turns alternate for LLaMA-Factory, so that it has no place there."""
    plain, kept = (
        {
            format_: rows_of(export(format_, folder, out=f"{format_}_{how}", diversity=how), name)[0]
            for format_, name in (
                ("trl", "preferences_train.jsonl"),
                ("llamafactory", "preferences_train.json"),
            )
        }
        for how in ("drop", "keep")
    )

    *before, last = kept["trl"]["prompt"]
    assert (before, last["role"]) == (plain["trl"]["prompt"], "user")
    assert "function: snow_for_sky" in last["content"]
    assert kept["trl"] | {"prompt": before} == plain["trl"]
    assert kept["llamafactory"] == plain["llamafactory"]


DRY_RAIN = calls("rain_for_sky")
OUESSANT = calls("rain_for_sky", city="Ouessant")


@pytest.mark.parametrize(
    ("script", "n"),
    [
        ([says("Snow?", calls("snow_for_sky")), says("Rain.", RAIN), DRY], 1),
        ([says("Rain.", DRY_RAIN), says("Its city.", RAIN), DRY], 1),
        ([says("Rain.", DRY_RAIN), says("Wind, then.", calls("wind_for_sky")), says(RAIN), DRY], 0),
        ([says("Rain.", RAIN), says("And there.", OUESSANT), DRY], 0),
        ([says("Snow?", calls("snow_for_sky")), DRY], 0),
        ([says(calls("snow_for_sky"), RAIN), says(calls("hail_for_sky"), OUESSANT), says(OUESSANT), DRY], 1),
        ([says(calls("Finish")), DRY], 1),
    ],
)
def test_a_reply_that_mends_a_wrong_call_is_a_reflection(
    export: Export, tmp_path: Path, script: list[Reply], n: int
) -> None:
    write_world(tmp_path / "data", [search("beach", script), search("picnic")])

    exported = export("trl", tmp_path / "data")

    assert exported.written.get("reflections_train.jsonl", 0) == n


def test_a_reflection_ends_with_the_reply_that_is_learned(export: Export, tmp_path: Path) -> None:
    write_world(tmp_path / "data", [search("beach", [says("Rain.", DRY_RAIN), says("Its city.", RAIN), DRY])])

    (row,) = rows_of(export("trl", tmp_path / "data", out="trl"), "reflections_train.jsonl")
    exported = export("llamafactory", tmp_path / "data", out="llamafactory")
    (turns,) = (each["conversations"] for each in rows_of(exported, "reflections_train.json"))

    assert list(row) == ["prompt", "completion", "tools"]
    *asked, wrong, told = row["prompt"]
    assert [message["role"] for message in asked] == ["system", "user"]
    assert [call["function"] for call in wrong["tool_calls"]] == [{"name": "rain_for_sky", "arguments": {}}]
    assert told["role"] == "tool"
    (right,) = row["completion"]
    assert (right["content"], right["tool_calls"][0]["function"]) == (
        "Its city.",
        {"name": "rain_for_sky", "arguments": {"city": "Brest"}},
    )
    assert [turn["from"] for turn in turns] == ["human", "function_call", "observation", "function_call"]
    assert turns[-1]["value"].startswith("Its city.")
    entries = json.loads((exported.out / "dataset_info.json").read_text())
    assert entries["toolloom_reflections_train"] == {
        "file_name": "reflections_train.json",
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "system": "system", "tools": "tools"},
    }
