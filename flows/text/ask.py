"""Answering a question in SQL, as text for a terminal or a pipe."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from numbers import Number
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd

from flows.text.layout import Column, laid_out, one_by_one
from flows.text.progress_text import duration
from tasks import exact_json
from tasks.errors import UsageError
from warehouse.connect import open_database
from warehouse.query import exact_rows, list_queries

WIDTH_OF_A_PIPE = 200
LARGE = 1e15
PLAN = ["explain_key", "explain_value"]


def answer(
    data: Path, sql: str, *, output: str, run: str | None, params: Mapping[str, object] | None = None
) -> str:
    """The rows of the query, in the format `output` (see `written`); of EXPLAIN the plan as it is drawn.

    params: values of `:name` in it.
    """
    with open_database(data, run, described=True) as connection:
        names, rows = exact_rows(connection, sql, params)
    if output == "table" and names == PLAN:
        return "\n".join(text.rstrip("\n") for _, text in rows)
    return written(names, rows, output)


def asked(query: str) -> str:
    """The statement that somebody gives: itself, or `-` for standard input, or the file that holds it."""
    if query == "-":
        return _decoded(sys.stdin.buffer.read(), "standard input")
    path = Path(query)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # too long for a name, or with a character that none can have
        return query
    if is_file:
        return _decoded(path.read_bytes(), query)
    if path.suffix == ".sql" and len(query.split()) == 1:
        raise UsageError(f"there is no file {query}", fix="name one that holds a SELECT")
    return query


def _decoded(text: bytes, where: str) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{where} is no text in UTF-8: {error.reason}", fix="save it as UTF-8") from None


def runs_text(data: Path, output: str) -> str:
    """The runs, newest first; for people in columns that a terminal has room for."""
    with open_database(data, all_runs=True) as connection:
        names, rows = exact_rows(connection, "@runs")
    if output != "table":
        return written(names, rows, output)
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
    """Rows of a data frame, as `written` has them."""
    values = rows if output == "table" else rows.astype(object).where(rows.notna(), None)
    return written([str(name) for name in rows], list(values.itertuples(index=False, name=None)), output)


def written(names: Sequence[str], rows: Sequence[Sequence[Any]], output: str) -> str:
    """Rows for people: as a `table` within the terminal's width (columns, or a line for each value where they
    do not fit), as `line`s in any case, in `markdown`; or for programs, in which every number has all its
    digits: `csv`, `json` (one array of objects), `jsonl` (an object in each line).
    """
    match output:
        case "table" | "line":
            return _for_a_terminal(names, rows, laid_out if output == "table" else one_by_one)
        case "markdown":
            return _markdown(names, rows)
        case "csv":
            return "\n".join(",".join(map(_csv_field, row)) for row in (names, *rows))
        case "jsonl":
            return "\n".join(_object(names, row, "{", ",", "}") for row in rows)
        case _:
            objects = ",\n".join(_object(names, row, " {\n  ", ",\n  ", "\n }") for row in rows)
            return f"[\n{objects}\n]" if objects else "[\n\n]"


def _object(names: Sequence[str], row: Sequence[Any], opened: str, comma: str, closed: str) -> str:
    fields = (f"{json.dumps(name)}:{_json(value)}" for name, value in zip(names, row, strict=True))
    return opened + comma.join(fields) + closed


def _markdown(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    rights = [_are_numbers(row[at] for row in rows) for at in range(len(names))]
    heads = [list(map(_markdown_cell, names)), ["--:" if right else "---" for right in rights]]
    cells = [[_markdown_cell(_shown(value)) for value in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in (*heads, *cells))


def _markdown_cell(text: str) -> str:
    """Nothing in a cell ends it, or is taken for HTML."""
    for mark, written in (("\\", "\\\\"), ("|", "\\|"), ("&", "&amp;"), ("<", "&lt;"), ("\n", "<br>")):
        text = text.replace(mark, written)
    return text


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
    """Rows of a data frame as a table for people."""
    return printed(rows, "table")


def _for_a_terminal(
    names: Sequence[str], rows: Sequence[Sequence[Any]], laid: Callable[[Sequence[Column], int], str]
) -> str:
    columns = [
        Column(name, [_shown(row[at]) for row in rows], right=_are_numbers(row[at] for row in rows))
        for at, name in enumerate(names)
    ]
    count = f"{len(rows):,} row" + ("" if len(rows) == 1 else "s")
    return "\n".join([text for text in (laid(columns, _width()),) if text] + [count])


def _width() -> int:
    return shutil.get_terminal_size((WIDTH_OF_A_PIPE, 24)).columns


def _are_numbers(values: Iterable[Any]) -> bool:
    there = [value for value in values if not _is_missing(value)]
    return bool(there) and all(isinstance(value, Number | bool) for value in there)


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)  # noqa: PLR0124 - NaN


def _shown(value: object) -> str:
    """A value for people: NULL is nothing, empty text a pair of quotes, what is nested JSON."""
    if _is_missing(value):
        return ""
    if isinstance(value, float):
        # So many digits as people read; what would be all zeros, or a line of them, by its exponent.
        plain = value == 0 or 0.005 <= abs(value) < LARGE
        return f"{value:,.2f}" if plain else f"{value:.3g}"
    if isinstance(value, Decimal):
        return f"{value:,f}"
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict | list | tuple):
        value = exact_json.text_of(_plain(value), ", ", ": ")
    # Whatever a catalogue or an API said, nothing in it controls the terminal.
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in str(value))
    return text or "''"
