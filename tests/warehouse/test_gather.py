"""Rows that are gathered: written behind the back of whoever brings them, one file a table at the end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from tasks.errors import BrokenContract
from warehouse.gather import Gatherer
from warehouse.store import Store
from warehouse.tables import APIS, PROBES, TOOLS

TABLES = (TOOLS, APIS, PROBES)
BATCH = 64


@pytest.fixture
def writer() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def _parts(root: Path) -> list[Path]:
    return [path for path in (root / "parts").rglob("*") if path.is_file()]


def test_what_was_added_is_one_file_a_table(
    tmp_path: Path, build: ModuleType, writer: ThreadPoolExecutor
) -> None:
    store, names = Store(tmp_path), [f"Weather/skies {n:03}" for n in range(2 * BATCH + 10)]
    with Gatherer(store, TABLES, writer) as gathered:
        for name in reversed(names):
            gathered.add({TOOLS: [build.tool(tool_id=name)], APIS: [build.api(f"{name}/a")]})
        tools, apis, probes = gathered.finish()
    assert store.read(TOOLS, [tools]) == [build.tool(tool_id=name) for name in names]
    assert store.read(APIS, [apis]) == [build.api(f"{name}/a") for name in names]
    assert store.read(PROBES, [probes]) == []
    assert tools == store.write_shard(TOOLS, [build.tool(tool_id=name) for name in names])
    assert _parts(tmp_path) == []


def test_only_who_completes_a_batch_has_something_to_wait_for(
    tmp_path: Path, build: ModuleType, writer: ThreadPoolExecutor
) -> None:
    with Gatherer(Store(tmp_path), TABLES, writer) as gathered:
        behind = [gathered.add({TOOLS: [build.tool(tool_id=f"Weather/{n}")]}) for n in range(2 * BATCH)]
        assert [n for n, future in enumerate(behind, 1) if future is not None] == [BATCH, 2 * BATCH]


def test_what_was_not_finished_leaves_nothing_behind(
    tmp_path: Path, build: ModuleType, writer: ThreadPoolExecutor
) -> None:
    with Gatherer(Store(tmp_path), TABLES, writer) as gathered:
        for n in range(2 * BATCH):
            gathered.add({TOOLS: [build.tool(tool_id=f"Weather/{n}")]})
    assert _parts(tmp_path) == []


def test_a_failed_write_is_told_at_the_end_and_leaves_nothing_behind(
    tmp_path: Path, build: ModuleType, writer: ThreadPoolExecutor
) -> None:
    with Gatherer(Store(tmp_path), TABLES, writer) as gathered:
        for n in range(BATCH):
            gathered.add({TOOLS: [build.tool(tool_id=f"Weather/{n}")], APIS: [build.api("Weather/a")]})
        with pytest.raises(BrokenContract, match="two rows have the key"):
            gathered.finish()
    assert _parts(tmp_path) == []
