"""Rows as a table for people."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import duckdb
import pandas as pd
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.text.ask import answer, as_table, for_a_pipe
from warehouse.manifest import commit
from warehouse.query import exact_rows, list_queries, query


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\x1b[31mred\x07", "a [31mred"),
        ("tab\there", "tab here"),
        (1.5, "1.50"),
        (None, ""),
        (float("nan"), ""),
        ("[bold]", "[bold]"),
    ],
)
def test_a_value_is_text_and_nothing_more(value: object, shown: str) -> None:
    lines = as_table(pd.DataFrame({"n": [1], "value": pd.Series([value], dtype=object)})).splitlines()
    assert lines[2].split(maxsplit=1)[1:] == ([shown] if shown else [])


def test_rows_are_counted() -> None:
    assert as_table(pd.DataFrame({"n": [1, 2]})).splitlines()[-1] == "2 rows"


VALUES = """SELECT 0.1::DOUBLE + 0.2 AS sum, 4e-300::DOUBLE AS tiny,
    98765432109876543210::HUGEINT + 1 AS huge,
    3.00000000000000000001::DECIMAL(30, 20) AS fine, NULL AS missing, '' AS empty, 'NaN'::DOUBLE AS nan,
    {'at': [98765432109876543210::HUGEINT, NULL]} AS nested, MAP {7: 1.5::DOUBLE} AS map,
    INTERVAL 14 MONTH AS time_left, TIMESTAMP '2026-05-04 03:02:01.000009' AS moment,
    DATE '2026-05-04' AS day, 'a "b", c' AS text, 'ø' AS letter, true AS yes, '\\xAB'::BLOB AS bytes"""


def answered(sql: str, output: str) -> str:
    connection = duckdb.connect()
    if output == "table":
        return as_table(query(connection, sql))
    return for_a_pipe(*exact_rows(connection, sql), output)


def test_json_has_all_digits_and_tells_null_from_nothing() -> None:
    printed = answered(VALUES, "json")
    assert [line.strip().rstrip(",") for line in printed.splitlines()[2:-2]] == [
        '"sum":0.30000000000000004',
        '"tiny":4e-300',
        '"huge":98765432109876543211',
        '"fine":3.00000000000000000001',
        '"missing":null',
        '"empty":""',
        '"nan":"nan"',
        '"nested":{"at":[98765432109876543210,null]}',
        '"map":{"7":1.5}',
        '"time_left":"1 year 2 months"',
        '"moment":"2026-05-04T03:02:01.000009"',
        '"day":"2026-05-04"',
        '"text":"a \\"b\\", c"',
        '"letter":"\\u00f8"',
        '"yes":true',
        '"bytes":"ab"',
    ]
    assert len(json.loads(printed)) == 1


def test_csv_has_all_digits_and_tells_null_from_nothing() -> None:
    assert answered(VALUES, "csv").splitlines()[1] == (
        '0.30000000000000004,4e-300,98765432109876543211,3.00000000000000000001,,"",nan,'
        '"{""at"":[98765432109876543210,null]}","{""7"":1.5}",1 year 2 months,2026-05-04 03:02:01.000009,'
        '2026-05-04,"a ""b"", c",ø,True,ab'
    )


@pytest.mark.parametrize("output", ["json", "csv", "table"])
def test_no_rows_are_no_rows(output: str) -> None:
    printed = answered("SELECT 1 AS n WHERE false", output)
    assert printed.split() == {"json": ["[", "]"], "csv": ["n"], "table": ["n", "─", "0", "rows"]}[output]


def test_a_table_shows_integers_that_no_float_holds() -> None:
    sql = "SELECT sum(n) AS n FROM (VALUES (9007199254740993::BIGINT), (NULL)) AS x (n)"
    assert "9007199254740993" in answered(sql, "table")


def test_questions_that_have_a_name_are_listed() -> None:
    listed = CliRunner().invoke(app, ["sql", "--format", "json"])

    questions = {row["name"]: row["answers"] for row in json.loads(listed.output)}
    assert questions["@funnel"] == "What each stage took in, gave out and refused, the last time it was run"
    assert questions.keys() == {f"@{name}" for name in list_queries()}


def test_columns_say_what_they_mean(tmp_path: Path, build: ModuleType) -> None:
    commit(tmp_path, build.snapshot(tmp_path, build.tool()))
    rows = json.loads(answer(tmp_path, "@columns", output="json", run=None))
    found = {(row["name"], row["column_name"]): row["meaning"] for row in rows}
    assert found["documents", "tokens_after"] == "Tokens of the documentation as it is; e.g. 1950"


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_terminal_that_cannot_show_a_character_ends_no_command(
    tmp_path: Path, build: ModuleType, encoding: str
) -> None:
    tool = build.tool(tool_id="Wetter \u2600 \u5929\u6c14")
    commit(tmp_path, build.snapshot(tmp_path, tool))
    done = subprocess.run(
        [sys.executable, "-m", "flows", "sql", "SELECT tool_id FROM tools", "--data", str(tmp_path)],
        env={**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": "C"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    escaped = tool.tool_id.encode("ascii", "backslashreplace").decode()
    assert (tool.tool_id if encoding == "utf-16" else escaped) in done.stdout.decode(encoding)
