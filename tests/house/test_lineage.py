"""What a stage declares to read is what its code reads, what its key covers, and what it is given."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from flows.lineage import lineage
from flows.stages import STAGES
from warehouse.tables import TABLES

ALL_STAGES = (*STAGES, "commit")
# The name under which a stage is given the output of another.
GIVEN = {
    "crawled": "crawl",
    "probed": "probe",
    "compressed": "compress",
    "sampled": "sample",
    "proposed": "propose",
    "selected": "select",
}
# Every stage writes what it refused and what it asked, besides its own tables.
ACCOUNTS = {"rejects", "llm_calls"}


def module_of(stage: str) -> ModuleType:
    return import_module(f"tasks.{stage}")


def tables_in(code: ast.AST, *, of_calls: Iterable[str]) -> set[str]:
    """Tables that are the first argument of a call of one of these methods."""
    calls = (node for node in ast.walk(code) if isinstance(node, ast.Call) and node.args)
    return {
        call.args[0].id
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in of_calls
        and isinstance(call.args[0], ast.Name)
    }


def names_told_by(code: ast.AST) -> set[str]:
    """`APIS` for every `APIS.name`."""
    attributes = (node for node in ast.walk(code) if isinstance(node, ast.Attribute) and node.attr == "name")
    values = (node.value for node in attributes)
    return {value.id for value in values if isinstance(value, ast.Name) and value.id.isupper()}


def reads_of(module: ModuleType) -> set[Any]:
    """In the first round of draws and in further ones."""
    return {*module.READS, *getattr(module, "ROUND_READS", ())}


def constants(tables: Iterable[Any]) -> set[str]:
    return {table.name.upper() for table in tables}


@pytest.mark.parametrize("stage", ALL_STAGES)
def test_a_stage_reads_what_it_declares(stage: str) -> None:
    module = module_of(stage)
    code = ast.parse(inspect.getsource(module))

    assert tables_in(code, of_calls=("read", "rows")) == constants(reads_of(module))


@pytest.mark.parametrize("stage", STAGES)
def test_the_key_of_a_stage_covers_every_table_it_reads(stage: str) -> None:
    module = module_of(stage)
    key: Callable[..., str] = getattr(module, "_stage_key", None) or module._key
    code = ast.parse(inspect.getsource(key))

    carried_over = set(module.WRITES)  # `as_of` in the key says from when
    told = names_told_by(code)
    assert constants(reads_of(module) - carried_over) <= told <= constants(reads_of(module))
    assert carried_over & set(module.READS) == set() or not told & constants(carried_over)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_from_those_it_is_given(stage: str) -> None:
    module = module_of(stage)
    parameters = inspect.signature(getattr(module, stage).fn).parameters
    writers = {earlier for earlier in STAGES if set(module_of(earlier).WRITES) & reads_of(module)}
    carries_over = bool(set(module.READS) & set(module.WRITES))

    assert {GIVEN[name] for name in parameters if name in GIVEN} == writers - {stage}
    assert ("before" in parameters) is carries_over


def test_a_stage_reads_only_what_is_written_before_it() -> None:
    written: set[str] = set()
    for stage in lineage():
        written |= set(stage.writes)
        assert set(stage.reads) <= written, stage.stage


def test_every_table_is_written_by_one_stage() -> None:
    written = [name for stage in lineage() for name in stage.writes if name not in ACCOUNTS]

    assert sorted(written) == sorted(TABLES.keys() - ACCOUNTS)


def test_commit_writes_what_it_declares() -> None:
    module = module_of("commit")
    code = ast.parse(inspect.getsource(module))

    assert tables_in(code, of_calls=("write_shard",)) == constants(module.WRITES)
