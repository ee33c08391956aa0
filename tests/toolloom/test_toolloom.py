"""`import toolloom`: a data set from Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import toolloom
from toolloom import Data, UsageError, open_data
from warehouse import manifest

HEAVY = ("prefect", "pandas", "duckdb", "pyarrow", "openai", "rich", "pydantic")


@pytest.fixture
def data(tmp_path: Path, build: ModuleType) -> Data:
    manifest.commit(tmp_path, build.snapshot(tmp_path, *build.small_world()))
    return open_data(tmp_path)


def test_the_import_is_light() -> None:
    told = f"import sys, toolloom; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_every_name_is_there() -> None:
    assert [name for name in toolloom.__all__ if not hasattr(toolloom, name)] == []


def test_a_table_comes_in_three_shapes(data: Data) -> None:
    frame = data.table("apis")

    assert frame.api_id.tolist() == data.arrow("apis")["api_id"].to_pylist()
    assert data.relation("apis").shape[0] == len(frame)


def test_every_table_and_view_can_be_had(data: Data) -> None:
    assert {"tools", "instructions", "answers", "funnel"} <= set(data.tables)
    assert [
        name for name in data.tables if data.relation(name).columns != data.arrow(name).column_names
    ] == []


def test_what_is_no_table_has_a_fix(data: Data) -> None:
    with pytest.raises(UsageError) as refused:
        data.relation("tool")

    assert str(refused.value) == "there is no table or view 'tool'\n  fix: did you mean 'tools'?"


def test_sql_only_reads(data: Data) -> None:
    assert data.sql("SELECT count(*) AS n FROM tools").n.tolist() == [len(data.table("tools"))]
    with pytest.raises(UsageError, match="only one SELECT"):
        data.sql("DROP VIEW tools")


def test_a_tree_shows_itself(data: Data) -> None:
    (instruction_id,) = data.table("annotations").instruction_id[:1]

    assert hasattr(data.tree(instruction_id), "_repr_mimebundle_")


def test_it_stays_with_the_run_that_was_opened(tmp_path: Path, build: ModuleType) -> None:
    manifest.commit(tmp_path, build.snapshot(tmp_path, build.tool(), run_id="run-1"))
    with open_data(tmp_path) as before:
        two = (build.tool(), build.tool(tool_id="Weather/seas"))
        later = {"parent": "run-1", "started_at": build.LATER, "finished_at": build.LATER}
        manifest.commit(tmp_path, build.snapshot(tmp_path, *two, run_id="run-2", **later))

        assert (before.run, len(before.table("tools"))) == ("run-1", 1)
    assert [len(open_data(tmp_path, run=run).table("tools")) for run in ("run-1", None)] == [1, 2]


def test_a_folder_without_a_run_has_a_fix(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run"):
        open_data(tmp_path)


def test_an_export_of_another_kind_names_the_parameters(data: Data, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the parameters are method, give_ups, passed, diversity, held_out"):
        data.export("hf", tmp_path / "out", held=0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"annotate.widht": 3}, "did you mean"),
        ({"llm.model": 'a "quoted" name', "nowhere.x": [1, True]}, "nowhere"),
    ],
)
def test_a_refresh_that_cannot_begin_raises_what_the_command_says(
    tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError) as refused:
        toolloom.refresh(tmp_path / "data", settings=settings)

    assert message in str(refused.value)
    assert refused.value.fix


def test_settings_are_written_as_toml() -> None:
    value = {"*.test": {"rps": 2.5, "on": True, "of": ("GET", 'a"b')}}

    assert toolloom._toml(value) == '{"*.test" = {"rps" = 2.5, "on" = true, "of" = ["GET", "a\\"b"]}}'
