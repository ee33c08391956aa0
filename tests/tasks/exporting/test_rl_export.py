"""Rows for reinforcement learning, in verl's form."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from foreign_servers import printed_with_trainers
from searched_world import GIVES_UP, QUERIES, RAIN, answers, calls, says, search, write_world

from tasks.exporting.export import Exported

Export = Callable[..., Exported]

PAGE = Path(__file__).parents[3] / "docs" / "exports.md"
DRY = says(answers("Dry."))
# Loads files and asks functions and the reward as verl does.
LOAD = """
import asyncio, json, os, sys
from omegaconf import OmegaConf
from verl.tools.tool_registry import load_all_tools
from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn
from verl.utils.import_utils import load_extern_object

os.chdir(sys.argv[1])
config = OmegaConf.create({"cache_dir": "cache", "filter_overlong_prompts": False})
loaded = RLHFDataset("exports/rl/train.parquet", None, config)
(row,) = [loaded[at] for at in range(len(loaded))]
batch = collate_fn([row])
truth = batch["reward_model"][0]["ground_truth"]
tools = {tool.name: tool for tool in load_all_tools(None, "tools.py")}
offered = [tools[name].name for name in row["extra_info"]["tool_selection"]]
(call,) = json.loads(truth)["calls"]
told = asyncio.run(tools[call["name"]].call(call["arguments"]))
score = load_extern_object("reward.py", "compute_score")
said = json.dumps({"name": call["name"], "arguments": call["arguments"]})
scores = [
    score(row["data_source"], reply, truth, extra_info=row["extra_info"])
    for reply in (f"So: <tool_call>{said}</tool_call>", "<tool_call>{</tool_call>")
]
print(json.dumps([list(row["raw_prompt"]), row["agent_name"], row["tools_kwargs"], offered, told, scores]))
"""


def rows_of(exported: Exported, name: str) -> list[dict[str, Any]]:
    return list(pq.ParquetFile(exported.out / name).read().to_pylist())


def test_a_row_asks_and_says_what_the_answered_search_did(export: Export, tmp_path: Path) -> None:
    """Calls that failed, or that were given up, are no part of it; broken arguments are mended."""
    broken = replace(RAIN, arguments=RAIN.arguments[:-1])
    script = [says("Rain.", RAIN), says(GIVES_UP), says("Again.", calls("wind_for_sky"), broken), DRY]
    write_world(tmp_path / "data", [search("beach", script)])

    exported = export("rl", tmp_path / "data")
    (row,) = rows_of(exported, "train.parquet")

    assert exported.written == {"train.parquet": 1}
    (system, user), truth, info = row["prompt"], row["reward_model"], row["extra_info"]
    assert (system["role"], bool(system["content"])) == ("system", True)
    assert user == {"role": "user", "content": QUERIES["beach"]}
    result = '{"of":"Rain","no":2,"city":"Brest"}'
    assert json.loads(truth["ground_truth"]) == {
        "calls": [{"name": "rain_for_sky", "arguments": {"city": "Brest"}, "result": result}],
        "final_answer": "Dry.",
    }
    assert (row["data_source"], row["agent_name"], row["ability"], truth["style"]) == (
        "toolloom/G1",
        "tool_agent",
        "tool_use",
        "rule",
    )
    names = [tool["function"]["name"] for tool in json.loads(info.pop("tools"))]
    assert info.pop("annotation_id") != ""
    assert info == {
        "index": 0,
        "split": "train",
        "instruction_id": "beach",
        "scenario": "G1",
        "method": "dfsdt",
        "tool_selection": names,
    }
    assert names == ["rain_for_sky", "wind_for_sky", "Finish"]


def test_a_give_up_is_no_row(export: Export) -> None:
    exported = export("rl", give_ups=True)

    assert exported.written == {"test_category.parquet": 1, "test_tool.parquet": 1, "train.parquet": 1}
    assert exported.left_out == {
        "it gave up, so there is no answer to compare with": 1,
        "it ended without an answer": 1,
    }


@pytest.mark.slow
def test_verl_loads_the_rows_and_what_the_page_says_to_write(tmp_path: Path, export: Export) -> None:
    write_world(tmp_path / "data", [search("beach", [says("Rain.", RAIN), DRY])])
    export("rl", tmp_path / "data", out="exports/rl")
    for name, text in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        (tmp_path / name).write_text(text)

    printed = printed_with_trainers(LOAD, str(tmp_path), home=tmp_path)

    asked, agent, tools_kwargs, offered, told, scores = json.loads(printed.splitlines()[-1])
    assert [message["role"] for message in asked] == ["system", "user"]
    assert (agent, tools_kwargs, scores) == ("tool_agent", {}, [1.0, 0.0])
    assert offered == ["rain_for_sky", "wind_for_sky", "Finish"]
    assert told == '{"of":"Rain","no":0,"city":"Brest"}'
