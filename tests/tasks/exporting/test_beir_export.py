"""BEIR's layout as readers of it find it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from searched_world import QUERIES, write_world

from tasks.exporting.export import Exported
from tasks.retrieval.judged import read_judged

Export = Callable[..., Exported]


def entries(path: Path) -> dict[str, dict[str, Any]]:
    return {entry.pop("_id"): entry for entry in map(json.loads, path.read_text("ascii").splitlines())}


def test_the_layout_has_all_apis_and_what_each_instruction_needs(export: Export) -> None:
    out = export("beir").out
    corpus, queries = entries(out / "corpus.jsonl"), entries(out / "queries.jsonl")
    judged = {split: pd.read_csv(out / "qrels" / f"{split}.tsv", sep="\t") for split in ("train", "test")}

    assert corpus["Sea/sea/tide"] == {
        "title": "Sea: Tide",
        "text": "Says the tide. (city, day)",
        "metadata": {"tool_name": "Sea", "api_name": "Tide"},
    }
    assert list(corpus) == ["Sea/sea/tide", "Weather/sky/rain", "Weather/sky/wind"]
    assert {id_: query["text"] for id_, query in queries.items()} == QUERIES
    assert queries["harbour"]["metadata"] == {"scenario": "G3", "level": "test_category"}
    assert {split: table.to_numpy().tolist() for split, table in judged.items()} == {
        "train": [
            ["beach", "Weather/sky/rain", 1],
            ["sail", "Sea/sea/tide", 1],
            ["stroll", "Weather/sky/rain", 1],
        ],
        "test": [["harbour", "Sea/sea/tide", 1], ["picnic", "Weather/sky/rain", 1]],
    }
    assert list(judged["test"].columns) == ["query-id", "corpus-id", "score"]


def test_what_was_written_is_read_again(export: Export) -> None:
    judged = read_judged(export("beir").out)

    assert [each.text for each in judged.documents] == [
        "Sea: Tide. Says the tide. (city, day)",
        "Sky: Rain. Says the rain. (city)",
        "Sky: Wind. Says the wind.",
    ]
    assert [(row.instruction_id, row.scenario, row.split) for row in judged.instructions] == [
        ("beach", "G1", "train"),
        ("harbour", "G3", "test_category"),
        ("picnic", "G1", "test_tool"),
        ("sail", "G2", "train"),
        ("stroll", "G2", "train"),
    ]


@pytest.mark.parametrize("scenario", ["G1", "G2", "G3"])
def test_the_retriever_files_of_toolbench_are_read_again(scenario: str, export: Export) -> None:
    judged = read_judged(export("toolbench").out / "retrieval" / scenario)

    assert {row.query for row in judged.instructions} <= set(QUERIES.values())
    assert {row.scenario for row in judged.instructions} == {scenario}


def test_no_search_is_needed(export: Export, tmp_path: Path) -> None:
    write_world(tmp_path / "data", [])

    exported = export("beir", tmp_path / "data")

    assert (exported.written["queries.jsonl"], exported.left_out) == (5, {})
