"""`toolloom.duckdb` in a client that knows nothing of us."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from warehouse import manifest
from warehouse.connect import build_database

CLIENT = """
import duckdb, json, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
ask = lambda sql: connection.execute(sql).fetchall()
print(json.dumps([
    ask("SELECT instruction_id, final_answer FROM answers"),
    ask("SELECT comment FROM duckdb_views() WHERE view_name = 'answers'"),
    ask("SELECT comment FROM duckdb_columns() WHERE (table_name, column_name) = ('answers', 'n_calls')"),
    [name for name in sys.modules if name.split(".")[0] in ("warehouse", "flows", "tasks")],
]))
"""


def test_it_opens_elsewhere_without_the_project(tmp_path: Path, build: ModuleType) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    elsewhere.mkdir()
    committed = build.snapshot(data, *build.small_world())
    manifest.commit(data, committed)
    done = subprocess.run(
        [sys.executable, "-I", "-c", CLIENT, str(build_database(data, committed))],
        cwd=elsewhere,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [
        [["instruction-1", "It will rain."]],
        [["a search that was won"]],
        [["Calls of APIs"]],
        [],
    ]
