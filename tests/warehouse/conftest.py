"""Asking snapshots made of rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from warehouse.connect import connect_snapshot


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
