"""Answering a question in SQL, as text for a terminal or a pipe."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from numbers import Number
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd

from flows.text.layout import Column, laid_out
from flows.text.progress_text import duration
from tasks import exact_json
from warehouse.connect import open_database
from warehouse.query import exact_rows, list_queries, query

WIDTH_OF_A_PIPE = 200


def answer(data: Path, sql: str, *, output: str, run: str | None) -> str:
    """The rows of the query as a table for people, as CSV, or as JSON (one array of objects)."""
    with open_database(data, run, described=True) as connection:
        if output == "table":
            return as_table(query(connection, sql))
        return for_a_pipe(*exact_rows(connection, sql), output)


def runs_text(data: Path, output: str) -> str:
    """The runs, newest first; for people in columns that a terminal has room for."""
    with open_database(data, all_runs=True) as connection:
        names, rows = exact_rows(connection, "@runs")
    if output != "table":
        return for_a_pipe(names, rows, output)
    runs = [dict(zip(names, row, strict=True)) for row in rows]
    has_cost = any(run["cost_usd"] for run in runs)
    shown = [
        (
            run["run_id"],
            run["kind"],
            run["status"] if run["kept"] else "pruned",
            run["started_utc"],
            duration(run["seconds"]),
            f"{run['n_requests'] or 0:,}",
            f"{(run['tokens_in'] or 0) + (run['tokens_out'] or 0):,}",
            *([f"{run['cost_usd'] or 0:,.2f}"] if has_cost else []),
        )
        for run in runs
    ]
    heads = ("run_id", "kind", "status", "started_utc", "took", "requests", "tokens", "usd")
    right = ("requests", "tokens", "usd", "took")
    columns = [
        Column(name, [row[at] for row in shown], right=name in right)
        for at, name in enumerate(heads[: None if has_cost else -1])
    ]
    return laid_out(columns, _width())


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
    """Rows for people, within the terminal's width: columns, or a line for each value where they do not fit.

    Long values are wrapped, none is left out, and no id is broken where the terminal has room for it.
    """
    return table_of([str(name) for name in rows], list(rows.itertuples(index=False, name=None)))


def table_of(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Likewise of values as they are; NULL is nothing, and an empty text a pair of quotes."""
    columns = [
        Column(name, [_shown(row[at]) for row in rows], right=_are_numbers(row[at] for row in rows))
        for at, name in enumerate(names)
    ]
    count = f"{len(rows):,} row" + ("" if len(rows) == 1 else "s")
    return "\n".join([laid_out(columns, _width()), count])


def _width() -> int:
    return shutil.get_terminal_size((WIDTH_OF_A_PIPE, 24)).columns


def _are_numbers(values: Iterable[Any]) -> bool:
    there = [value for value in values if not _is_missing(value)]
    return bool(there) and all(isinstance(value, Number | bool) for value in there)


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)  # noqa: PLR0124 - NaN


def _shown(value: object) -> str:
    if _is_missing(value):
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}"
    # Whatever a catalogue or an API said, nothing in it controls the terminal.
    return "".join(c if c.isprintable() or c == "\n" else " " for c in str(value))
