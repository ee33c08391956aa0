"""The row builders of `snapshots.py`, a module beside the tests that importlib mode puts on no path."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from warehouse.connect import connect_snapshot


@pytest.fixture(scope="session")
def build() -> ModuleType:
    """`tests/warehouse/snapshots.py`: a function for each kind of row, and snapshots made of rows."""
    name = "warehouse_snapshots"
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("snapshots.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder for tests that write no manifest: files are named by content and never collide."""
    return tmp_path_factory.mktemp("shared")


@pytest.fixture
def rows_of(shared: Path, build: ModuleType) -> Callable[..., list[tuple[Any, ...]]]:
    """What a SELECT says of a snapshot of the given rows."""

    def ask(sql: str, *rows: object, **manifest: Any) -> list[tuple[Any, ...]]:
        with connect_snapshot(shared, build.snapshot(shared, *rows, **manifest)) as connection:
            return connection.execute(sql).fetchall()

    return ask
