"""The database file: views over a snapshot for any DuckDB client, and our own connections beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest

from tasks.errors import UsageError
from warehouse.connect import DATABASE, build_database, open_database
from warehouse.lock import require_free
from warehouse.manifest import commit
from warehouse.query import query
from warehouse.sql import sql_files
from warehouse.tables import TABLES


def _commit(root: Path, build: ModuleType, *rows: Any, **given: Any) -> Any:
    manifest = build.snapshot(root, *rows, **given)
    commit(root, manifest)
    return manifest


def _ask(database: Path, sql: str) -> list[tuple[Any, ...]]:
    """What another client sees: it opens the file itself."""
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{database}' AS theirs (READ_ONLY); USE theirs")
        return connection.execute(sql).fetchall()


def test_any_client_finds_tables_and_views_and_no_rows_of_its_own(tmp_path: Path, build: ModuleType) -> None:
    database = build_database(tmp_path, _commit(tmp_path, build, *build.small_world()))
    assert database == tmp_path / DATABASE
    views = _ask(
        database,
        "SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main' ORDER BY 1",
    )
    assert [name for (name,) in views] == sorted([*TABLES, *sql_files("views"), "snapshot"])
    assert _ask(database, "SELECT count(*) FROM duckdb_tables()") == [(0,)]
    assert _ask(database, "SELECT query, final_answer FROM answers") == [
        ("Will it rain in Oslo?", "It will rain.")
    ]


def test_older_clients_can_open_the_file(tmp_path: Path) -> None:
    database = build_database(tmp_path, None)
    (row,) = _ask(database, "SELECT tags FROM duckdb_databases() WHERE database_name = 'theirs'")
    assert row[0]["storage_version"].startswith("v1.0.0")


def test_without_a_run_every_table_is_there_and_empty(tmp_path: Path) -> None:
    database = build_database(tmp_path, None)
    names = [name for name in (*TABLES, *sql_files("views"), "snapshot") if name != "rules"]
    with duckdb.connect(str(database), read_only=True) as connection:
        assert {name: connection.table(name).fetchall() for name in names} == {name: [] for name in names}


def test_every_view_and_table_says_what_a_row_is(tmp_path: Path) -> None:
    database = build_database(tmp_path, None)
    found = dict(_ask(database, "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"))
    assert found["apis"] == "an API of a tool"
    assert found["api_coverage"] == "a kept API"
    assert [name for name, comment in found.items() if not comment] == []


def test_every_column_says_what_it_means(tmp_path: Path) -> None:
    """In warehouse/comments/<table>.sql, or at the end of the view's own file."""
    database = build_database(tmp_path, None)
    columns = "SELECT concat_ws('.', schema_name, table_name, column_name), comment FROM duckdb_columns()"
    found = dict(_ask(database, f"{columns} WHERE NOT internal"))

    assert found["main.apis.method"] == found["before.apis.method"]
    assert [name for name, comment in found.items() if not comment] == []


def test_a_history_table_shows_all_its_files_each_once(tmp_path: Path, build: ModuleType) -> None:
    refs = [build.write(tmp_path, build.probe(attempt=attempt))["probes"][0] for attempt in (1, 2)]
    database = build_database(tmp_path, build.manifest(tables={"probes": (*refs, refs[0])}))
    assert _ask(database, "SELECT attempt FROM probes ORDER BY 1") == [(1,), (2,)]


READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
rows = connection.execute("SELECT count(*) FROM tools").fetchall()
print(rows, flush=True)
sys.stdin.readline()
print(connection.execute("SELECT count(*) FROM tools").fetchall(), flush=True)
"""


def test_an_open_reader_neither_blocks_a_rebuild_nor_sees_it(tmp_path: Path, build: ModuleType) -> None:
    database = build_database(tmp_path, _commit(tmp_path, build, build.tool()))
    command = [sys.executable, "-c", READER, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "[(1,)]\n"
        two = _commit(tmp_path, build, build.tool(), build.tool(tool_id="Weather/b"), run_id="run-2")
        build_database(tmp_path, two)
        assert _ask(database, "SELECT count(*) FROM tools") == [(2,)]
        assert reader.communicate("go on\n")[0] == "[(1,)]\n"


def test_a_reader_in_our_own_process_is_no_obstacle_either(tmp_path: Path, build: ModuleType) -> None:
    database = build_database(tmp_path, _commit(tmp_path, build, build.tool()))
    with duckdb.connect(str(database), read_only=True) as reader:
        _commit(
            tmp_path, build, build.tool(), build.tool(tool_id="b"), run_id="run-2", finished_at=build.LATER
        )
        with open_database(tmp_path) as connection:
            assert connection.execute("SELECT count(*) FROM tools").fetchall() == [(2,)]
        assert reader.execute("SELECT count(*) FROM tools").fetchall() == [(1,)]
    assert _ask(database, "SELECT count(*) FROM tools") == [(2,)]


def test_another_run_is_shown_when_named(tmp_path: Path, build: ModuleType) -> None:
    _commit(tmp_path, build, build.tool(), run_id="run-1")
    _commit(tmp_path, build, run_id="run-2", finished_at=build.LATER)
    shown = "SELECT run_id, (SELECT count(*) FROM tools) FROM snapshot"
    with open_database(tmp_path) as newest, open_database(tmp_path, run="run-1") as named:
        assert newest.execute(shown).fetchall() == [("run-2", 0)]
        assert named.execute(shown).fetchall() == [("run-1", 1)]
    assert _ask(tmp_path / DATABASE, shown) == [("run-2", 0)]


def test_a_moved_folder_is_read_where_it_is_and_its_file_mended(tmp_path: Path, build: ModuleType) -> None:
    build_database(tmp_path / "here", _commit(tmp_path / "here", build, build.tool()))
    shutil.move(tmp_path / "here", tmp_path / "there")
    with open_database(tmp_path / "there") as connection:
        assert connection.execute("SELECT tool_id FROM tools").fetchall() == [("Weather/skies",)]
    assert _ask(tmp_path / "there" / DATABASE, "SELECT tool_id FROM tools") == [("Weather/skies",)]


@pytest.mark.parametrize("content", [None, b"", b"no database at all" * 1000])
def test_a_missing_or_broken_file_is_built_anew(
    tmp_path: Path, build: ModuleType, content: bytes | None
) -> None:
    _commit(tmp_path, build, build.tool())
    if content is not None:
        (tmp_path / DATABASE).write_bytes(content)
    open_database(tmp_path).close()
    assert _ask(tmp_path / DATABASE, "SELECT tool_id FROM tools") == [("Weather/skies",)]


def test_a_file_of_the_shown_run_is_left_alone(tmp_path: Path, build: ModuleType) -> None:
    database = build_database(tmp_path, _commit(tmp_path, build, build.tool()))
    built_at = database.stat().st_mtime_ns
    open_database(tmp_path).close()
    assert database.stat().st_mtime_ns == built_at


def test_a_file_that_cannot_be_mended_is_no_obstacle_to_reading(tmp_path: Path, build: ModuleType) -> None:
    _commit(tmp_path, build, build.tool())
    (tmp_path / DATABASE).mkdir()
    with open_database(tmp_path) as connection:
        assert connection.execute("SELECT tool_id FROM tools").fetchall() == [("Weather/skies",)]


def test_a_folder_may_have_any_name(tmp_path: Path, build: ModuleType) -> None:
    root = tmp_path / 'it\'s an [odd] "$name*" é'
    database = build_database(root, _commit(root, build, build.tool()))
    with open_database(root) as connection:
        assert connection.execute("SELECT tool_id FROM tools").fetchall() == [("Weather/skies",)]
        assert connection.execute("SELECT data_folder FROM snapshot").fetchall() == [(str(root),)]
    with duckdb.connect(str(database), read_only=True) as theirs:
        assert theirs.execute("SELECT tool_id FROM tools").fetchall() == [("Weather/skies",)]


def test_a_relative_folder_is_as_good(
    tmp_path: Path, build: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    build_database(Path("data"), _commit(Path("data"), build, build.tool()))
    monkeypatch.chdir("/")
    assert _ask(tmp_path / "data" / DATABASE, "SELECT tool_id FROM tools") == [("Weather/skies",)]


@pytest.mark.parametrize(("folder", "what"), [("none", "no data folder "), (".", "no run in ")])
def test_before_the_first_run_there_is_nothing_to_open(tmp_path: Path, folder: str, what: str) -> None:
    with pytest.raises(UsageError) as error:
        open_database(tmp_path / folder)
    assert error.value.message == f"there is {what}{(tmp_path / folder).resolve()}"
    assert error.value.fix == "run `toolloom refresh`, or name a folder with --data"
    assert list(tmp_path.iterdir()) == []


def test_a_run_whose_files_are_gone_says_which(tmp_path: Path, build: ModuleType) -> None:
    manifest = _commit(tmp_path, build, build.tool())
    path = tmp_path / manifest.tables["tools"][0].path
    path.unlink()
    with pytest.raises(UsageError) as error:
        open_database(tmp_path)
    assert error.value.message == f"run run-1 needs {path}, which is gone"


def test_building_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    build_database(tmp_path, None)
    build_database(tmp_path, None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".seen.json", "tables", DATABASE]


def _replaced(path: Path, content: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_database_that_somebody_else_made_is_never_asked(tmp_path: Path, build: ModuleType) -> None:
    """Its views would read what they like, or never end."""
    database = build_database(tmp_path, _commit(tmp_path, build, build.tool()))
    database.unlink()
    with duckdb.connect(str(database)) as theirs:
        theirs.execute(
            "CREATE VIEW snapshot AS SELECT max(a.range)::VARCHAR AS run_id, '' AS data_folder, "
            "'' AS definitions FROM range(100000000000) a, range(1000) b"
        )
    with open_database(tmp_path) as connection:
        assert connection.execute("SELECT tool_id FROM tools").fetchall() == [("Weather/skies",)]
    assert _ask(database, "SELECT run_id FROM snapshot") == [("run-1",)]


def _truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes) -> bytes:
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


DAMAGE = [_truncated, _flipped, lambda _: b"", lambda content: content + b"x"]


@pytest.mark.parametrize("damage", DAMAGE, ids=["truncated", "a bit", "empty", "longer"])
@pytest.mark.parametrize("looked_before", [True, False])
def test_a_file_with_other_bytes_than_written_is_told(
    tmp_path: Path, build: ModuleType, damage: Any, looked_before: bool
) -> None:
    path = tmp_path / _commit(tmp_path, build, build.tool()).tables["tools"][0].path
    if looked_before:
        open_database(tmp_path).close()
    _replaced(path, damage(path.read_bytes()))
    with pytest.raises(UsageError) as error:
        open_database(tmp_path)
    matter = "is damaged: its bytes are not those that were written"
    assert error.value.message == f"run run-1 needs {path}, which {matter}"
    assert error.value.fix == (
        "run `toolloom refresh`, which makes anew what is lost, or name an earlier one with --run"
    )


def test_a_file_of_another_table_in_its_place_is_told(tmp_path: Path, build: ModuleType) -> None:
    manifest = _commit(tmp_path, build, build.tool(), build.api())
    tools, apis = (tmp_path / manifest.tables[name][0].path for name in ("tools", "apis"))
    _replaced(tools, apis.read_bytes())
    with pytest.raises(UsageError, match=rf"needs {tools}, which is damaged"):
        open_database(tmp_path)


def test_a_table_of_another_shape_is_told_though_its_digest_is_right(
    tmp_path: Path, build: ModuleType
) -> None:
    """As somebody can make a folder that agrees with itself; a second look is told the same."""
    ref = build.write(tmp_path, build.api())["apis"][0]
    content = (tmp_path / ref.path).read_bytes()
    (tmp_path / "shards" / "tools").mkdir(parents=True)
    path = f"shards/tools/{ref.file_digest}.parquet"
    (tmp_path / path).write_bytes(content)
    commit(
        tmp_path, build.manifest(tables={"tools": (ref.model_copy(update={"table": "tools", "path": path}),)})
    )
    for _ in range(2):
        with pytest.raises(UsageError) as error:
            open_database(tmp_path)
        assert (
            error.value.message
            == f"run run-1 needs {tmp_path / path}, which has other columns than table tools"
        )


def test_what_is_known_of_files_does_not_go_with_a_copy(tmp_path: Path, build: ModuleType) -> None:
    """The list of a folder from somebody else may say anything: the files have other stamps here."""
    here, there = tmp_path / "here", tmp_path / "there"
    path = _commit(here, build, build.tool()).tables["tools"][0].path
    open_database(here).close()
    shutil.copytree(here, there)
    _replaced(there / path, _flipped((there / path).read_bytes()))
    stamp = (here / path).stat()
    os.utime(there / path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    with pytest.raises(UsageError, match="which is damaged"):
        open_database(there)
    open_database(here).close()


def test_a_damaged_run_before_is_as_good_as_pruned(tmp_path: Path, build: ModuleType) -> None:
    first = _commit(tmp_path, build, build.tool())
    _commit(tmp_path, build, build.tool(tool_id="b"), run_id="run-2", parent="run-1", finished_at=build.LATER)
    path = tmp_path / first.tables["tools"][0].path
    _replaced(path, _flipped(path.read_bytes()))
    with open_database(tmp_path) as connection:
        assert connection.execute("SELECT compared_with FROM snapshot").fetchall() == [(None,)]
    with pytest.raises(UsageError, match=r"run run-1 needs .* which is damaged"):
        open_database(tmp_path, None, "run-1")


@pytest.mark.parametrize("place", ["tables/tools", "runs/run-0.json", "store", "report.html", ".lock"])
def test_nothing_in_a_folder_may_lead_out_of_it(tmp_path: Path, build: ModuleType, place: str) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    _commit(data, build, build.tool())
    outside.write_text("mine")
    link = data / place
    if link.is_dir():
        link.rename(tmp_path / "moved")
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(outside)
    for use in (lambda: open_database(data), lambda: require_free(data)):
        with pytest.raises(UsageError) as error:
            use()
        assert error.value.message == (
            f"{link} is a link to {outside}, and a data folder has only files of its own"
        )
    assert outside.read_text() == "mine"


def test_the_folder_itself_may_be_a_link(tmp_path: Path, build: ModuleType) -> None:
    _commit(tmp_path / "data", build, build.tool())
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with open_database(tmp_path / "link") as connection:
        assert connection.execute("SELECT tool_id FROM tools").fetchall() == [("Weather/skies",)]


@pytest.mark.parametrize("what", ["moved", "gone", "cut"])
def test_a_reader_whose_files_go_away_says_so(tmp_path: Path, build: ModuleType, what: str) -> None:
    data = tmp_path / "data"
    path = data / _commit(data, build, build.tool()).tables["tools"][0].path
    with open_database(data) as connection:
        if what == "moved":
            data.rename(tmp_path / "elsewhere")
        else:
            path.unlink()
        if what == "cut":
            path.write_bytes(b"PAR1")
        with pytest.raises(UsageError) as error:
            query(connection, "SELECT * FROM tools")
    assert error.value.message == f"{path} was there a moment ago and cannot be read now"
    assert error.value.fix is not None
    assert error.value.fix.startswith("run the same command again: a prune or a move")
