"""Rows as a table for people."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import duckdb
import pandas as pd
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.text.ask import answer, as_table, asked, written
from tasks.errors import UsageError
from warehouse.manifest import commit
from warehouse.query import exact_rows, list_queries


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\x1b[31mred\x07", "a [31mred"),
        ("tab\there", "tab here"),
        (1.5, "1.50"),
        (None, ""),
        ("", "''"),
        (0.0, "0.00"),
        (0.00004, "4e-05"),
        (1e300, "1e+300"),
        (Decimal("1234.560"), "1,234.560"),
        ({"a": [None, Decimal("1.50")]}, '{"a": [null, 1.50]}'),
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
    return written(*exact_rows(duckdb.connect(), sql), output)


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


@pytest.mark.parametrize("output", ["json", "jsonl", "csv", "table", "line", "markdown"])
def test_no_rows_are_no_rows(output: str) -> None:
    printed = answered("SELECT 1 AS n WHERE false", output)
    assert (
        printed.split()
        == {
            "json": ["[", "]"],
            "jsonl": [],
            "csv": ["n"],
            "table": ["n", "─", "0", "rows"],
            "line": ["0", "rows"],
            "markdown": ["|", "n", "|", "|", "---", "|"],
        }[output]
    )


def test_json_lines_are_the_objects_of_json() -> None:
    sql = f"{VALUES} UNION ALL {VALUES}"
    objects = [json.loads(line) for line in answered(sql, "jsonl").splitlines()]
    assert objects == json.loads(answered(sql, "json"))


def test_nothing_in_markdown_ends_a_cell() -> None:
    sql = (
        "SELECT 1234.5::DOUBLE AS n, 'a|b\\c' AS \"x|y\", 'one' || chr(10) || '<b>&' AS t, NULL AS z, '' AS e"
    )
    assert answered(sql, "markdown").splitlines() == [
        "| n | x\\|y | t | z | e |",
        "| --: | --- | --- | --- | --- |",
        "| 1,234.50 | a\\|b\\\\c | one<br>&lt;b>&amp; |  | '' |",
    ]


def test_rows_too_wide_for_the_terminal_become_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = ", ".join(f"'{letter * 32}' AS {letter}" for letter in "abc")
    lines = ["a", "b", "c"]
    monkeypatch.setenv("COLUMNS", "80")
    assert [line[:1] for line in answered(f"SELECT {ids}", "table").splitlines()] == ["─", *lines, "1"]
    monkeypatch.setenv("COLUMNS", "120")
    assert len(answered(f"SELECT {ids}", "table").splitlines()) == 4
    assert [line[:1] for line in answered(f"SELECT {ids}", "line").splitlines()] == ["─", *lines, "1"]


def test_a_statement_is_typed_or_in_a_file_or_comes_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "question.sql"
    file.write_bytes(b"\xef\xbb\xbf-- \xc3\xa9\nSELECT 1")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"SELECT 2"), "ascii"))
    long = f"SELECT {' + '.join(['1'] * 200)}"  # than a file's name can be
    assert [asked(given) for given in ("SELECT 3", long, "SELECT '\0'", str(file), "-")] == [
        "SELECT 3",
        long,
        "SELECT '\0'",
        "-- é\nSELECT 1",
        "SELECT 2",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [("there.sql", "there.sql is no text in UTF-8"), ("gone.sql", "there is no file gone.sql")],
)
def test_a_file_that_holds_no_statement_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    (tmp_path / "there.sql").write_bytes(b"SELECT '\xff'")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as error:
        asked(name)
    assert error.value.message.startswith(said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["SELECT :a || :b AS x", "--param", "a=1=", "--param", "b="], '{"x":"1="}\n'),
        (["EXPLAIN ANALYZE SELECT 1", "--format", "table"], "Total Time"),
        (["SELECT 1", "--param", "a"], "--param takes NAME=VALUE for each :NAME once, and this is 'a'"),
        (["SELECT :a", "--param", "a=1", "--param", "a=2"], "and this is 'a' twice"),
        (["SELECT :a"], "give it one: --param a=VALUE"),
    ],
)
def test_parameters_and_plans_as_they_are_typed(
    tmp_path: Path, build: ModuleType, arguments: list[str], said: str
) -> None:
    commit(tmp_path, build.snapshot(tmp_path, build.tool()))
    done = CliRunner().invoke(app, ["sql", "--format", "jsonl", *arguments, "--data", str(tmp_path)])
    assert said in done.output


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
    shown = (tool.tool_id, "─" * 5) if encoding == "utf-16" else (escaped, "-" * 5)
    assert all(each in done.stdout.decode(encoding) for each in shown)


def test_what_programs_read_is_whole_in_any_encoding(tmp_path: Path, build: ModuleType) -> None:
    tool = build.tool(tool_id="Wetter \u2600 \u5929\u6c14")
    commit(tmp_path, build.snapshot(tmp_path, tool))
    sql = "SELECT tool_id FROM tools WHERE '\u5929' <> ''"
    done = subprocess.run(
        [sys.executable, "-m", "flows", "sql", sql, "--format", "csv", "--data", str(tmp_path)],
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        check=False,
    )
    assert done.stdout.decode() == f"tool_id\n{tool.tool_id}\n"
    assert b"has no code for some characters; this is UTF-8" in done.stderr
