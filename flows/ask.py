"""Answering a question in SQL, as text for a terminal or a pipe."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from warehouse.connect import open_database
from warehouse.query import list_queries, query

WIDTH_OF_A_PIPE = 200


def answer(data: Path, sql: str, *, output: str, run: str | None, all_runs: bool = False) -> str:
    """The rows of the query as a table for people, as CSV, or as JSON (one array of objects)."""
    with open_database(data, run, all_runs=all_runs) as connection:
        return printed(query(connection, sql), output)


def named_questions(output: str) -> str:
    """The questions that `@name` asks, and what each answers."""
    questions = [(f"@{query.name}", query.title) for query in list_queries().values()]
    return printed(pd.DataFrame(questions, columns=["name", "answers"]), output)


def printed(rows: pd.DataFrame, output: str) -> str:
    """Rows as a table for people, as CSV, or as JSON (one array of objects)."""
    if output == "csv":
        return str(rows.to_csv(index=False)).rstrip("\n")
    if output == "json":
        return str(rows.to_json(orient="records", date_format="iso", indent=1))
    return as_table(rows)


def as_table(rows: pd.DataFrame) -> str:
    """Aligned columns within the terminal's width; long values are wrapped, none is left out."""
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, kind in rows.dtypes.items():
        numeric = pd.api.types.is_numeric_dtype(kind)
        table.add_column(str(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows.itertuples(index=False):
        table.add_row(*(Text(_shown(value)) for value in row))
    width = shutil.get_terminal_size((WIDTH_OF_A_PIPE, 24)).columns
    buffer = io.StringIO()
    Console(file=buffer, width=width, color_system=None).print(table)
    lines = [line.rstrip() for line in buffer.getvalue().splitlines()]
    count = f"{len(rows):,} row" + ("" if len(rows) == 1 else "s")
    return "\n".join([*(line for line in lines if line), count])


def _shown(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}"
    # Whatever a catalogue or an API said, nothing in it controls the terminal.
    return "".join(c if c.isprintable() or c == "\n" else " " for c in str(value))
