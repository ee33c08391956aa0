"""Rows as a table for people."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from flows.ask import as_table
from flows.cli import app
from warehouse.query import list_queries


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


def test_questions_that_have_a_name_are_listed() -> None:
    listed = CliRunner().invoke(app, ["sql", "--format", "json"])

    questions = {row["name"]: row["answers"] for row in json.loads(listed.output)}
    assert questions["@funnel"] == "What each stage took in, gave out and refused, the last time it was run"
    assert questions.keys() == {f"@{name}" for name in list_queries()}
