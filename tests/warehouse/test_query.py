"""Questions in SQL: answers as a data frame, clear complaints, and no way to do anything but read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import duckdb
import pandas as pd
import pytest

from tasks.errors import UsageError
from warehouse.connect import open_database
from warehouse.manifest import commit
from warehouse.query import exact_rows, list_queries, query
from warehouse.ref import TableRef
from warehouse.store import Store


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, build: ModuleType) -> Path:
    folder = tmp_path_factory.mktemp("data")
    world = [*build.small_world(), build.probe(http_status=None), build.llm_call()]
    commit(folder, build.snapshot(folder, *world))
    return folder


@pytest.fixture(scope="module")
def connection(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_database(root) as opened:
        yield opened


@pytest.fixture
def tools_file(root: Path) -> TableRef:
    from warehouse.manifest import load

    return load(root, "run-1").tables["tools"][0]


def _rows(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(frame.itertuples(index=False, name=None))


def test_a_select_gives_a_data_frame(connection: duckdb.DuckDBPyConnection) -> None:
    frame = query(connection, "SELECT api_id, http_status, n_bytes FROM probes -- all of them")
    assert list(frame.columns) == ["api_id", "http_status", "n_bytes"]
    assert _rows(frame) == [("Weather/skies/forecast", pd.NA, 2)]


def test_nested_columns_come_as_lists_of_dictionaries(connection: duckdb.DuckDBPyConnection) -> None:
    frame = query(connection, "SELECT relevant_apis FROM instructions;")
    assert [list(value) for value in frame["relevant_apis"]] == [
        [{"tool_name": "Skies", "api_name": "forecast", "api_id": "Weather/skies/forecast"}]
    ]


def test_sums_of_integers_are_integers(connection: duckdb.DuckDBPyConnection) -> None:
    rows = query(connection, "SELECT sum(n) AS n, sum(n) FILTER (n > 9) AS none FROM range(4) AS t(n)")
    assert rows.to_json(orient="records") == '[{"n":6,"none":null}]'
    assert [str(kind) for kind in rows.dtypes] == ["Int64", "Int64"]


def test_times_are_utc(connection: duckdb.DuckDBPyConnection) -> None:
    frame = query(connection, "SELECT CAST(started_at AS VARCHAR) AS at FROM snapshot")
    assert _rows(frame) == [("2026-03-01 12:00:00+00",)]


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        ("FROM tools SELECT tool_id", ("Weather/skies",)),
        ("WITH t AS (SELECT tool_id FROM tools) SELECT * FROM t", ("Weather/skies",)),
        (
            "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3) FROM n",
            (1,),
        ),
        ("SELECT 1 UNION ALL SELECT 2 ORDER BY 1", (1,)),
        ("VALUES (1, 'a')", (1, "a")),
        ("SELECT unnest(api_ids) FROM samples", ("Weather/skies/forecast",)),
        ("SELECT * FROM range(2)", (0,)),
        ("SELECT 'COPY x TO y; DROP TABLE z'", ("COPY x TO y; DROP TABLE z",)),
        ("PIVOT verdicts ON kept IN (true) USING count(*) GROUP BY works ORDER BY works", (False, 0)),
        ("DESCRIBE tools", ("tool_id", "VARCHAR", "YES", None, None, None)),
    ],
)
def test_every_way_of_reading_is_open(
    connection: duckdb.DuckDBPyConnection, sql: str, first: tuple[object, ...]
) -> None:
    frame = query(connection, sql)
    assert _rows(frame.astype(object).where(frame.notna(), None))[0] == first


def test_show_tables_lists_what_there_is(connection: duckdb.DuckDBPyConnection) -> None:
    assert "answers" in set(query(connection, "SHOW TABLES")["name"])


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("SELEC 1", "the query failed: Parser Error: syntax error at or near"),
        (
            "SELECT nothing FROM tools",
            'the query failed: Binder Error: Referenced column "nothing" not found',
        ),
        ("SELECT * FROM tols", "the query failed: Catalog Error: Table with name tols does not exist!"),
        ("", "only one SELECT can be run, and this is: nothing"),
        ("-- nothing", "only one SELECT can be run, and this is: nothing"),
        ("SELECT 1; SELECT 2", "only one SELECT can be run, and this is: SELECT, SELECT"),
        ("CREATE TABLE t (a INT)", "only one SELECT can be run, and this is: CREATE"),
        ("INSERT INTO tools VALUES (1)", "only one SELECT can be run, and this is: INSERT"),
        ("DROP VIEW tools", "only one SELECT can be run, and this is: DROP"),
        ("SET threads = 1", "only one SELECT can be run, and this is: SET"),
        ("ATTACH 'other.duckdb'", "only one SELECT can be run, and this is: ATTACH"),
        ("INSTALL httpfs", "only one SELECT can be run, and this is: LOAD"),
        ("COPY tools TO 'tools.csv'", "only one SELECT can be run, and this is: COPY"),
        ("EXPLAIN ANALYZE COPY tools TO 'x.csv'", "only one SELECT can be run, and this is: COPY"),
        ("EXPORT DATABASE 'x'", "only one SELECT can be run, and this is: EXPORT"),
        ("WITH x AS (COPY tools TO 'x.csv') SELECT 1", "a query may only read, and this one uses COPY"),
        (
            "WITH x AS (DELETE FROM tools RETURNING *) SELECT * FROM x",
            "a query may only read, and this one uses DELETE",
        ),
        ("SELECT * FROM read_text('/etc/passwd')", "a query may only read, and this one uses read_text()"),
        ("SELECT * FROM glob('/*')", "a query may only read, and this one uses glob()"),
        ("SELECT * FROM query('SELECT 1')", "a query may only read, and this one uses query()"),
        (
            "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
            "a query may only read, and this one uses json_execute_serialized_sql()",
        ),
        (
            "SELECT * FROM (SELECT * FROM Read_CSV('/etc/passwd'))",
            "a query may only read, and this one uses read_csv()",
        ),
        (
            "SELECT * FROM '/etc/passwd'",
            "the query failed: Catalog Error: Table with name /etc/passwd does not exist!",
        ),
        (
            "SELECT * FROM '/etc/hosts.csv'",
            'the query failed: Permission Error: Cannot access file "/etc/hosts.csv"',
        ),
        ("SELECT * FROM build", "the query failed: Catalog Error: Table with name build does not exist!"),
    ],
)
def test_anything_else_is_refused_with_a_reason(
    connection: duckdb.DuckDBPyConnection, sql: str, complaint: str
) -> None:
    build = pd.DataFrame({"a": [1]})  # a variable that a query must not reach
    assert len(build) == 1
    with pytest.raises(UsageError) as error:
        query(connection, sql)
    assert error.value.message[: len(complaint)] == complaint
    assert error.value.fix is not None


@pytest.mark.parametrize(
    "sql",
    [
        "SET enable_external_access = true",
        "SET allowed_paths = ['/etc/passwd']",
        "COPY (SELECT 1) TO '{root}/new.csv'",
        "COPY (SELECT 1) TO '{root}/tables/new.parquet'",
        "COPY (SELECT 1 AS x) TO '{tools}'",
        "SELECT * FROM read_text('{root}/runs/run-1.json')",
        "ATTACH '{root}/toolloom.duckdb' AS other",
        "ATTACH '{root}/new.duckdb' AS other",
        "SELECT * FROM json_execute_serialized_sql(json_serialize_sql("
        "'WITH x AS (COPY tools TO ''{root}/new.csv'') SELECT * FROM x'))",
    ],
)
def test_the_connection_itself_reaches_only_table_files(
    root: Path, connection: duckdb.DuckDBPyConnection, tools_file: TableRef, sql: str
) -> None:
    """The second fence, for whatever the first should let through."""
    before = sorted(root.rglob("*"))
    with pytest.raises(duckdb.Error, match=r"disabled by configuration|has been locked"):
        connection.execute(sql.format(root=root, tools=root / tools_file.path))
    assert sorted(root.rglob("*")) == before
    assert Store(root).verify(tools_file)


OVERWRITE = "WITH x AS (COPY (SELECT 1) TO '{tools}' (USE_TMP_FILE false)) SELECT * FROM x"
HIDDEN = (
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql("
    "'WITH x AS (COPY (SELECT 1) TO ''{tools}'' (USE_TMP_FILE false)) SELECT * FROM x'))"
)


@pytest.mark.parametrize("sql", [OVERWRITE, HIDDEN])
def test_not_even_a_table_file_can_be_overwritten(
    root: Path, connection: duckdb.DuckDBPyConnection, tools_file: TableRef, sql: str
) -> None:
    """DuckDB would open a path that it may read for writing, too."""
    with pytest.raises(UsageError, match="a query may only read"):
        query(connection, sql.format(tools=root / tools_file.path))
    assert Store(root).verify(tools_file)


def test_every_named_query_runs_and_says_what_it_answers(connection: duckdb.DuckDBPyConnection) -> None:
    queries = list_queries()
    frames = {name: query(connection, f"@{name}") for name in queries}
    assert [name for name, frame in frames.items() if not len(frame.columns)] == []
    assert [name for name, found in queries.items() if not found.title] == []


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("funnel", ("crawl", "API", 3, 3, 0, 0, 1.0)),
        ("instructions_by_scenario", ("G1", "train", 1, 5.0, 1.0)),
        ("longest_searches", ("annotation-1", True, "answered", 2, 1, 3, 2, "Will it rain in Oslo?")),
        ("rejects", ("probe", "not_found", 1, "Weather/skies/dead", "404 three times")),
        ("sample_answers", ("annotation-1", "G1", "Will it rain in Oslo?", "It will rain.")),
        ("apis_by_outcome", ("probe", "ok", 1, 1, 20.0)),
        ("cost", ("run-1", "propose", "teacher", 1, 0, 0, 100, 10, 0.25)),
        ("uncovered_apis", ("Weather/skies/storms", "Weather", "train", 1)),
        ("tables", ("account", "a stage that the run shown went through itself")),
    ],
)
def test_named_queries_answer(
    connection: duckdb.DuckDBPyConnection, name: str, first: tuple[object, ...]
) -> None:
    assert _rows(query(connection, f" @{name}\n"))[0] == first


def test_a_name_without_its_sign_says_how_it_is_written(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(UsageError) as error:
        query(connection, "funnel")
    assert error.value.message == "'funnel' is no SELECT"
    assert error.value.fix == "write @funnel for the question of that name"


def test_an_unknown_name_gets_the_nearest_three(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(UsageError) as error:
        query(connection, "@funel")
    assert error.value.message == "there is no query @funel"
    n = len(list_queries())
    assert error.value.fix == f"did you mean @funnel, @runs or @judges? `toolloom sql` lists all {n}"


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT :a", "7"),
        ("SELECT $a", "7"),
        ("SELECT 8>:a", True),
        ("SELECT :a::INT + 1", 8),
        ("SELECT [:a, 'b'][:1]", ["7"]),
        ("SELECT 'é :a' || :a -- :a", "é :a7"),
        ("SELECT list_value(5, 6)[1:a] FROM (SELECT 1 AS a, :a AS b)", [5]),
        ("SELECT {'k':a, 'l': :a} FROM (SELECT 1 AS a)", {"k": 1, "l": "7"}),
        ("SELECT $$ :b $$ || :a", " :b 7"),
    ],
)
def test_a_name_after_a_colon_is_a_value(
    connection: duckdb.DuckDBPyConnection, sql: str, value: object
) -> None:
    assert exact_rows(connection, sql, {"a": "7"})[1] == [(value,)]


def test_a_value_is_no_sql(connection: duckdb.DuckDBPyConnection) -> None:
    hostile = "' OR 1=1; DROP VIEW tools; --"
    assert exact_rows(connection, "SELECT :a", {"a": hostile})[1] == [(hostile,)]


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        ("EXPLAIN SELECT 1", "physical_plan"),
        ("-- why\nexplain /* so */ select 1", "physical_plan"),
        ("EXPLAIN ANALYZE @funnel", "analyzed_plan"),
    ],
)
def test_the_plan_of_a_query_is_told(connection: duckdb.DuckDBPyConnection, sql: str, first: str) -> None:
    names, rows = exact_rows(connection, sql)
    assert (names, [row[0] for row in rows]) == (["explain_key", "explain_value"], [first])
    assert list(query(connection, sql)["explain_key"]) == [first]


@pytest.mark.parametrize(
    "sql",
    [
        "EXPLAIN ANALYZE WITH x AS (COPY (SELECT 1) TO 'x') SELECT 1",
        "EXPLAIN SELECT 1; DROP VIEW tools",
        "EXPLAIN (FORMAT JSON) SELECT 1; SELECT 2",
        "EXPLAIN EXPLAIN SELECT 1; SELECT 2",
        "EXPLAIN ANALYZE SELECT * FROM read_text('/etc/hosts')",
    ],
)
def test_a_plan_is_made_of_nothing_but_reading(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises(UsageError):
        exact_rows(connection, sql)
