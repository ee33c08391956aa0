"""Files from before a column came are still read: the column is null there."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import BrokenContract
from warehouse.connect import build_database, open_database
from warehouse.files import digest_of
from warehouse.manifest import commit
from warehouse.ref import TableRef
from warehouse.store import Store
from warehouse.table import Table, to_columns
from warehouse.tables import PROBES, TOOLS, VERDICTS

OLD_ALL = "SELECT run_id, shape FROM probes ORDER BY run_id"


def without(root: Path, table: Table[Any], columns: set[str], *rows: object) -> TableRef:
    """A file of the table as an earlier version wrote it."""
    kept = pa.schema([field for field in table.schema if field.name not in columns])
    sink = pa.BufferOutputStream()
    pq.write_table(to_columns(rows, kept), sink)
    content = sink.getvalue().to_pybytes()
    name = digest_of(content)
    path = root / "shards" / table.name / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return TableRef(
        table=table.name,
        path=str(path.relative_to(root)),
        rows=len(rows),
        content_digest="1-0",
        file_digest=name,
    )


def test_rows_are_read_with_nothing_in_the_new_column(tmp_path: Path, build: ModuleType) -> None:
    verdict, probe = build.verdict(), build.probe()
    store = Store(tmp_path)
    refs = [without(tmp_path, VERDICTS, {"conditions"}, verdict), without(tmp_path, PROBES, {"shape"}, probe)]
    assert store.read(VERDICTS, refs[:1]) == [verdict]
    assert store.read(PROBES, refs[1:]) == [probe]


def test_old_and_new_shards_are_compacted_together(tmp_path: Path, build: ModuleType) -> None:
    old, new = build.verdict("a"), build.verdict("b", conditions="c")
    store = Store(tmp_path)
    refs = [without(tmp_path, VERDICTS, {"conditions"}, old), store.write_shard(VERDICTS, [new])]
    assert store.read(VERDICTS, [store.compact(VERDICTS, refs)]) == [old, new]


@pytest.mark.parametrize("columns", [{"host"}, {"licence", "host"}])
def test_a_file_without_a_column_that_must_be_filled_is_refused(
    tmp_path: Path, build: ModuleType, columns: set[str]
) -> None:
    ref = without(tmp_path, TOOLS, columns, build.tool())
    with pytest.raises(BrokenContract, match="has other columns than table tools has now"):
        Store(tmp_path).read(TOOLS, [ref])


def test_views_show_old_and_new_files_of_a_history(tmp_path: Path, build: ModuleType) -> None:
    shape = build.shape({"a": "string"})
    old = without(tmp_path, PROBES, {"shape"}, build.probe(run_id="1"))
    new = Store(tmp_path).write_shard(PROBES, [build.probe(run_id="2", shape=shape)])
    commit(tmp_path, build.manifest(tables={"probes": (old, new)}))
    with open_database(tmp_path) as connection:
        assert connection.execute(OLD_ALL).fetchall() == [
            ("1", None),
            ("2", [{"path": "a", "type": "string"}]),
        ]
        assert connection.execute("SELECT n_probes FROM api_health").fetchall() == [(2,)]


def test_views_show_a_run_that_has_only_old_files(tmp_path: Path, build: ModuleType) -> None:
    old = without(tmp_path, PROBES, {"shape"}, build.probe(run_id="1"))
    build_database(tmp_path, build.manifest(tables={"probes": (old,)}))
    commit(tmp_path, build.manifest(tables={"probes": (old,)}))
    with open_database(tmp_path) as connection:
        assert connection.execute(OLD_ALL).fetchall() == [("1", None)]
        assert connection.execute("SELECT * FROM api_drift").fetchall() == []


def test_some_columns_are_read_without_the_others(tmp_path: Path, build: ModuleType) -> None:
    store = Store(tmp_path)
    refs = [store.write_shard(VERDICTS, [build.verdict(name, kept=name == "a")]) for name in ("a", "b")]
    assert store.select(refs, "kept", "api_id") == [(True, "a"), (False, "b")]
    assert store.select([], "kept") == []


def test_a_column_of_a_file_that_is_gone_is_a_broken_contract(tmp_path: Path, build: ModuleType) -> None:
    ref = Store(tmp_path).write_shard(VERDICTS, [build.verdict()])
    (tmp_path / ref.path).unlink()
    with pytest.raises(BrokenContract, match="cannot read kept of "):
        Store(tmp_path).select([ref], "kept")
