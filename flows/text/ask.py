"""Answering a question in SQL, as text for a terminal or a pipe."""

from __future__ import annotations

import io
import json
import math
import shutil
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from tasks import exact_json
from warehouse.connect import open_database
from warehouse.query import exact_rows, list_queries, query

WIDTH_OF_A_PIPE = 200


def answer(data: Path, sql: str, *, output: str, run: str | None, all_runs: bool = False) -> str:
    """The rows of the query as a table for people, as CSV, or as JSON (one array of objects)."""
    with open_database(data, run, all_runs=all_runs, described=True) as connection:
        if output == "table":
            return as_table(query(connection, sql))
        return for_a_pipe(*exact_rows(connection, sql), output)


def named_questions(output: str) -> str:
    """The questions that `@name` asks, and what each answers."""
    questions = [(f"@{query.name}", query.title) for query in list_queries().values()]
    return printed(pd.DataFrame(questions, columns=["name", "answers"]), output)


def printed(rows: pd.DataFrame, output: str) -> str:
    """Rows as a table for people, as CSV, or as JSON (one array of objects)."""
    if output == "table":
        return as_table(rows)
    values = rows.astype(object).where(rows.notna(), None)
    return for_a_pipe([str(name) for name in rows], values.itertuples(index=False), output)


def for_a_pipe(names: Sequence[str], rows: Iterable[Sequence[Any]], output: str) -> str:
    """CSV or JSON in which every number has all its digits."""
    if output == "csv":
        return "\n".join(",".join(map(_csv_field, row)) for row in (names, *rows))
    keys = [json.dumps(name) for name in names]
    objects = (
        ",\n".join(f"  {key}:{_json(value)}" for key, value in zip(keys, row, strict=True)) for row in rows
    )
    written = ",\n".join(f" {{\n{fields}\n }}" for fields in objects)
    return f"[\n{written}\n]" if written else "[\n\n]"


def _json(value: Any) -> str:
    return exact_json.text_of(_plain(value), ascii_only=True)


def _csv_field(value: Any) -> str:
    """NULL is nothing, empty text a pair of quotes; lists and structures are JSON."""
    if value is None:
        return ""
    if isinstance(value, dict | list | tuple):
        text = _json(value)
    else:
        plain = str(value) if isinstance(value, datetime) else _plain(value)
        text = plain if isinstance(plain, str) else str(plain)
    quoted = not text or any(mark in text for mark in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if quoted else text


def _plain(value: Any) -> Any:
    """A value of DuckDB's as JSON has it; what JSON has no value for as text."""
    plain: Any = value
    match value:
        case dict():
            plain = {str(_plain(key)): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            plain = [_plain(element) for element in value]
        case float() if not math.isfinite(value):
            plain = str(value)
        case Decimal():
            plain = exact_json.WrittenFloat(f"{value:f}")
        case datetime():
            fraction = "microseconds" if value.microsecond % 1000 else "milliseconds"
            plain = value.isoformat(timespec=fraction).replace("+00:00", "Z")
        case bytes():
            plain = value.hex()
        case date() | time() | UUID():
            plain = str(value)
    return plain


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
