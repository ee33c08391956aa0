"""Rows for reinforcement learning, as verl reads them: what is asked, and how it was answered.

<level>.parquet   a row for each search that was won

A model that learns by trial writes its own conversation, so that a row ends where the first reply would come.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import pyarrow as pa

from tasks import exact_json
from tasks.exact_json import Json
from tasks.exporting.folder import ExportFolder, json_text, parquet_files
from tasks.exporting.openai_messages import NO_JSON, NotJson, calls_with_ends, training_example
from tasks.exporting.searches import Search, Source
from warehouse.tables.annotations import Node

NO_TRUTH = "it gave up, so there is no answer to compare with"
OTHER_CALLS = "its tree has other calls than its conversation"

_DATA_SOURCE = "toolloom"
_AGENT = "tool_agent"  # verl's loop that lets a model call functions
_ABILITY = "tool_use"
_STYLE = "rule"
_SUCCEEDED = "ok"


def _texts(*names: str) -> list[pa.Field[Any]]:
    return [pa.field(name, pa.string()) for name in names]


# Arguments and functions are JSON text: as columns, each would get the names of all others, empty.
SCHEMA: Any = pa.schema(
    [
        *_texts("data_source", "agent_name"),
        pa.field("prompt", pa.list_(pa.struct(_texts("role", "content")))),
        *_texts("ability"),
        pa.field("reward_model", pa.struct(_texts("style", "ground_truth"))),
        pa.field(
            "extra_info",
            pa.struct(
                [
                    pa.field("index", pa.int64()),
                    *_texts("split", "annotation_id", "instruction_id", "scenario", "method", "tools"),
                    pa.field("tool_selection", pa.list_(pa.string())),
                ]
            ),
        ),
    ]
)


def export_rl(source: Source, folder: ExportFolder) -> None:
    """Writes a file for each level of generalisation."""
    with parquet_files(folder) as files:
        for search in source.searches():
            # A row says by which method, so that those of one do not depend on what another found.
            if not source.is_result(search, among=search.annotation.method):
                continue
            if not search.annotation.win:
                source.left_out[NO_TRUTH] += 1
                continue
            name = f"{search.level}.parquet"
            try:
                row = _row(search, index=folder.written.get(name, 0))
            except NotJson:
                source.left_out[NO_JSON] += 1
                continue
            if row is None:
                source.left_out[OTHER_CALLS] += 1
            else:
                files.write(name, SCHEMA, row)


def _row(search: Search, index: int) -> Json | None:
    """None where the tree has other calls than the conversation.  Raises `NotJson`."""
    annotation = search.annotation
    example = training_example(annotation, search.instruction.query)
    calls = _calls(search.nodes, example["messages"])
    if calls is None:
        return None
    truth = {"calls": calls, "final_answer": annotation.final_answer}
    asked = takewhile(lambda message: message["role"] != "assistant", example["messages"])
    return {
        "data_source": f"{_DATA_SOURCE}/{search.instruction.scenario}",
        "agent_name": _AGENT,
        "prompt": [{"role": message["role"], "content": message["content"] or ""} for message in asked],
        "ability": _ABILITY,
        "reward_model": {"style": _STYLE, "ground_truth": json_text(truth)},
        "extra_info": {
            "index": index,
            "split": search.level,
            "annotation_id": annotation.annotation_id,
            "instruction_id": annotation.instruction_id,
            "scenario": search.instruction.scenario,
            "method": annotation.method,
            "tools": json_text(example["tools"]),
            "tool_selection": [tool["function"]["name"] for tool in example["tools"]],
        },
    }


def _calls(nodes: Sequence[Node], messages: Sequence[Json]) -> list[Json] | None:
    """Those on the way to the answer that succeeded, in order, with what they returned."""
    made = calls_with_ends(messages, nodes)
    if made is None:
        return None
    return [
        {
            "name": function["name"],
            "arguments": exact_json.loads(function["arguments"]),
            "result": node.observation,
        }
        for calls in made
        for function, node in calls
        if node.outcome == _SUCCEEDED
    ]
