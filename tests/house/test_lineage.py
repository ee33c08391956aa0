"""What a stage declares to read is what its code reads, what its task is given, and written before it."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module

import pytest

from flows.build_dataset import DECLARED
from flows.stages import STAGES
from tasks.frame.stage import GIVEN, Stage
from warehouse.tables import TABLES

# Every stage writes what it refused and what it asked, besides its own tables.
ACCOUNTS = {"rejects", "llm_calls"}


def tables_read(stage: Stage) -> set[str]:
    """In the first round of draws and in further ones, and of the run before."""
    read = [*stage.reads.values(), *stage.again.values(), stage.reads_before]
    return {table.name for tables in read for table in tables}


def test_the_stages_are_declared_in_the_order_of_a_refresh() -> None:
    assert tuple(stage.name for stage in DECLARED) == (
        *STAGES,
        "evaluate",
        "prefer",
        "label",
        "train_retriever",
        "embed",
        "rank",
        "train",
        "commit",
    )


@pytest.mark.parametrize("stage", DECLARED, ids=lambda stage: stage.name)
def test_a_stage_reads_what_it_declares(stage: Stage) -> None:
    code = ast.parse(inspect.getsource(import_module(f"tasks.{stage.name}")))
    calls = [node for node in ast.walk(code) if isinstance(node, ast.Call) and node.args]
    read = {
        call.args[0].id.lower()
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in {"read", "rows"}
        and isinstance(call.args[0], ast.Name)
    }

    passed_on = {
        node.slice.value.id.lower()
        for node in ast.walk(code)
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Attribute)
        and isinstance(node.slice.value, ast.Name)
        and ast.unparse(node.value)
        in {f"{given}.{files}" for given in (*GIVEN.values(), "before") for files in ("tables", "shards")}
    }

    assert read | passed_on == tables_read(stage)


@pytest.mark.parametrize("stage", DECLARED[:-1], ids=lambda stage: stage.name)
def test_a_stage_is_given_the_outputs_it_reads_from(stage: Stage) -> None:
    function = stage.whole or stage.split
    assert function is not None
    parameters = inspect.signature(function).parameters.keys()

    assert parameters & set(GIVEN.values()) == {GIVEN[writer] for writer in stage.reads} | (
        stage.again.keys() & set(GIVEN.values())
    )
    assert ("before" in parameters) is bool(stage.reads_before)
    assert set(stage.arguments) <= parameters


def test_a_stage_reads_only_what_the_stages_before_it_write() -> None:
    written: dict[str, set[str]] = {}
    for stage in DECLARED:
        for writer, tables in stage.reads.items():
            assert {table.name for table in tables} <= written[writer], stage.name
        written[stage.name] = {table.name for table in stage.writes}
        assert {table.name for table in stage.reads_before} <= written[stage.name]


def test_every_table_is_written_by_one_stage() -> None:
    written = [table.name for stage in DECLARED for table in stage.writes if table.name not in ACCOUNTS]

    assert sorted(written) == sorted(TABLES.keys() - ACCOUNTS)
