"""Exports of a small world of searches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from searched_world import write_world

from tasks.exporting.export import Exported, export_run
from tasks.exporting.params import ExportParams

Export = Callable[..., Exported]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that tests only read."""
    root = tmp_path_factory.mktemp("world") / "data"
    write_world(root)
    return root


@pytest.fixture
def export(world: Path, tmp_path: Path) -> Export:
    """Exports the world, or another folder, below the test's folder; no instruction is held out."""

    def run(format_: str, data: Path = world, *, out: str = "out", **params: Any) -> Exported:
        given = ExportParams(**{"held_out": 0.0, **params})
        return export_run(data, format_, tmp_path / out, run=None, params=given)

    return run
