"""`toolloom search` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from warehouse import manifest

LONGER = "Will it rain in Oslo, and in Bergen, and in all the towns between, on the day after tomorrow?"


@pytest.fixture
def data(tmp_path: Path, build: ModuleType) -> Path:
    both = [
        build.instruction(),
        build.annotation(),
        build.instruction(instruction_id="instruction-2", query=LONGER),
    ]
    manifest.commit(tmp_path, build.snapshot(tmp_path, *both))
    return tmp_path


def typed(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["search", *arguments, "--data", str(data)], env={"COLUMNS": "120"})


def test_matches_are_a_table_with_excerpts(data: Path) -> None:
    head, _, *rest = typed(data, "rain", "oslo", "--limit", "1").output.splitlines()
    assert [head.split(), *rest] == [
        ["instruction", "scenario", "answered", "query", "answer"],
        " instruction-   G1             True   Will it rain in Oslo?   It will rain.",
        "1 row",
        "of 2; --limit shows more",
    ]


def test_for_a_pipe_there_is_everything(data: Path) -> None:
    assert json.loads(typed(data, "It will rain", "--format", "json").output) == [
        {
            "instruction_id": "instruction-1",
            "annotation_id": "annotation-1",
            "scenario": "G1",
            "win": True,
            "query": "Will it rain in Oslo?",
            "answer": "It will rain.",
        }
    ]


def test_nothing_to_search_for_is_bad_usage(data: Path) -> None:
    done = typed(data, "?")
    assert (done.exit_code, done.stderr) == (
        2,
        "toolloom: there is no word to search for\n  fix: as in `toolloom search weather oslo`\n",
    )
