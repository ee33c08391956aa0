"""A data set folder for Hugging Face: Parquet by configuration and split, and its card."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from foreign_servers import python_with_models
from searched_world import MODEL, RUN, search, write_world

from tasks.exporting.export import Exported

Export = Callable[..., Exported]

LOAD = """
import json, sys
from datasets import get_dataset_config_names, load_dataset
rows = {}
for name in get_dataset_config_names(sys.argv[1]):
    rows[name] = {split: loaded.num_rows for split, loaded in load_dataset(sys.argv[1], name).items()}
first = load_dataset(sys.argv[1], split="train")[0]
print(json.dumps([rows, [message["role"] for message in first["messages"]], json.loads(first["tools"])]))
"""
SPLITS = {
    "conversations": {"train": 1, "test_tool": 1, "test_category": 1},
    "instructions": {"train": 3, "test_tool": 1, "test_category": 1},
    "searches": {"train": 3, "test_tool": 1, "test_category": 1},
    "apis": {"train": 3},
}


def head_of(card: str) -> dict[str, Any]:
    _, head, _ = card.split("---\n", 2)
    return dict(yaml.safe_load(head))


def card_of(exported: Exported) -> str:
    return (exported.out / "README.md").read_text(encoding="utf-8")


def rows_of(exported: Exported, configuration: str, split: str) -> list[dict[str, Any]]:
    path = exported.out / "data" / configuration / f"{split}.parquet"
    return list(pq.ParquetFile(path).read().to_pylist())


def test_every_file_is_a_split_of_a_configuration(export: Export) -> None:
    exported = export("hf")

    assert exported.written == {
        f"data/{name}/{split}.parquet": n for name, splits in SPLITS.items() for split, n in splits.items()
    }
    configs = head_of(card_of(exported))["configs"]
    assert {each["config_name"]: each.get("default", False) for each in configs} == {
        "conversations": True,
        "instructions": False,
        "searches": False,
        "apis": False,
    }
    assert {each["path"]: each["split"] for config in configs for each in config["data_files"]} == {
        path: Path(path).stem for path in exported.written
    }


def test_a_conversation_is_as_the_chat_protocol_has_it(export: Export) -> None:
    (row,) = rows_of(export("hf"), "conversations", "test_tool")

    assert (row["instruction_id"], row["scenario"], row["model"], row["result"]) == (
        "picnic",
        "G1",
        MODEL,
        "answer",
    )
    assert [message["role"] for message in row["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    (call,) = row["messages"][2]["tool_calls"]
    assert call["function"] == {"name": "rain_for_sky", "arguments": '{"city": "Brest"}'}
    assert row["messages"][3]["tool_call_id"] == call["id"]
    assert [tool["function"]["name"] for tool in json.loads(row["tools"])] == ["rain_for_sky", "Finish"]


def test_a_search_has_its_tree(export: Export) -> None:
    searches = {row["instruction_id"]: row for row in rows_of(export("hf"), "searches", "train")}

    assert {name: (row["win"], row["finish_type"]) for name, row in searches.items()} == {
        "beach": (True, "give_answer"),
        "sail": (False, "give_up"),
        "stroll": (False, "none"),
    }
    assert [(node["kind"], node["function"]) for node in searches["beach"]["nodes"][:4]] == [
        ("root", None),
        ("thought", None),
        ("action", "rain_for_sky"),
        ("action_input", "rain_for_sky"),
    ]


def test_instructions_tell_whether_they_were_solved(export: Export) -> None:
    rows = rows_of(export("hf"), "instructions", "train")
    assert {row["instruction_id"]: row["solved"] for row in rows} == {
        "beach": True,
        "sail": False,
        "stroll": False,
    }


def test_apis_have_their_licence(export: Export) -> None:
    rows = rows_of(export("hf"), "apis", "train")
    assert {row["api_id"]: row["licence"] for row in rows} == {
        "Sea/sea/tide": "CC-BY-4.0",
        "Weather/sky/rain": None,
        "Weather/sky/wind": None,
    }


def test_give_ups_are_labelled(export: Export) -> None:
    exported = export("hf", give_ups=True)

    rows = rows_of(exported, "conversations", "train")
    assert sorted(row["result"] for row in rows) == ["answer", "give_up"]
    assert "Conversations that gave up are among them" in card_of(exported)


@pytest.mark.parametrize(
    "said",
    [
        f"run `{RUN}`",
        "thoughts, calls, observations, dead ends | 3 |  | 1 | 1 |",
        "| annotate | instruction | 5 | 5 | 0 | 0 |",
        f"| searches | {MODEL} | dfsdt, rules toolloom, offer sampled | 5 |",
        f"| instructions | writer | {'0' * 32} | 5 |",
        "| hub | CC-BY-4.0 | 1 | 2 |",
        "| hub | not stated | 1 | 2 |",
        "1 search has none because it gave up (--give-ups takes it).",
        "0 % are held out",
    ],
)
def test_the_card_says_what_is_in_it(export: Export, said: str) -> None:
    assert said in card_of(export("hf"))


def test_the_prompts_are_there(export: Export) -> None:
    prompts = export("hf").out / "prompts"
    assert (prompts / "search" / "system.jinja").is_file()
    assert (prompts / "instruct" / "single_tool.jinja").is_file()


def test_what_a_source_writes_cannot_break_the_card(export: Export, tmp_path: Path) -> None:
    write_world(tmp_path / "data", [search("picnic")], licence="| <b>\n\n# mine {{ run }}")

    card = card_of(export("hf", tmp_path / "data"))

    assert "| hub | \\| &lt;b> # mine {{ run }} | 1 | 2 |" in card


@pytest.mark.slow
def test_it_loads_with_datasets(export: Export, tmp_path: Path) -> None:
    out = export("hf").out
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"}
    command = [str(python_with_models()[0]), "-W", "ignore", "-c", LOAD, str(out)]

    done = subprocess.run(command, env=offline, capture_output=True, text=True, check=False, timeout=100)

    assert done.returncode == 0, done.stderr
    rows, roles, tools = json.loads(done.stdout)
    assert rows == SPLITS
    assert roles == ["system", "user", "assistant", "tool", "tool", "assistant"]
    assert [tool["function"]["name"] for tool in tools] == ["rain_for_sky", "wind_for_sky", "Finish"]
