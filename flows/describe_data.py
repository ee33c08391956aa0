"""docs/data.md: what tables and views hold, as the database itself says it."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from warehouse.connect import connect_snapshot
from warehouse.query import list_queries
from warehouse.sql import sql_files
from warehouse.table import Table
from warehouse.tables import TABLES

# Column, type in SQL, comment.
Column: TypeAlias = tuple[str, str, str | None]
EXAMPLE = "; e.g. "


def data_lines() -> Iterator[str]:
    """The page without its head: tables, views, and the questions that have a name."""
    columns = _columns()
    for table in TABLES.values():
        yield from _table(table, columns[table.name])
    yield "# Views"
    yield ""
    yield "Made from the tables, in SQL ([warehouse/views](../warehouse/views))."
    yield ""
    for view in sql_files("views").values():
        yield f"## {view.name}"
        yield ""
        yield f"A row is {view.title.removeprefix('Grain: ')}."
        yield ""
        yield from _table_of_columns(columns[view.name], {})
    yield "# Questions"
    yield ""
    yield "`toolloom sql @name` asks them ([warehouse/queries](../warehouse/queries))."
    yield ""
    yield "| name | what it answers |"
    yield "|---|---|"
    yield from (f"| `@{query.name}` | {query.title} |" for query in list_queries().values())


def _columns() -> dict[str, list[Column]]:
    """The columns of every table and view, in their order."""
    with TemporaryDirectory() as folder, connect_snapshot(Path(folder), None, described=True) as connection:
        rows = connection.execute(list_queries()["columns"].text).fetchall()
    found: dict[str, list[Column]] = {}
    for table, column, type_, comment in rows:
        found.setdefault(table, []).append((column, type_, comment))
    return found


def _table(table: Table[Any], columns: Sequence[Column]) -> Iterator[str]:
    yield f"## {table.name}"
    yield ""
    history = " A history table." if table.history else ""
    yield f"A row is {table.grain}; the key is `{', '.join(table.key)}`.{history}"
    yield ""
    yield _docstring(table.row_type)
    yield ""
    notes = {
        field.name: ["volatile"] * (field.name in table.volatile) + ["may be null"] * field.nullable
        for field in table.schema
    }
    yield from _table_of_columns(columns, notes)


def _table_of_columns(columns: Sequence[Column], notes: dict[str, list[str]]) -> Iterator[str]:
    yield "| column | type | meaning | example | |"
    yield "|---|---|---|---|---|"
    for name, type_, comment in columns:
        meaning, _, example = (comment or "").partition(EXAMPLE)
        shown = f"`{example}`" if example else ""
        remark = ", ".join(notes.get(name, ()))
        yield f"| `{name}` | `{type_.replace('|', '/')}` | {meaning} | {shown} | {remark} |"
    yield ""


def _docstring(documented: type) -> str:
    """With its lines joined; dataclasses without one have only their signature."""
    text = inspect.cleandoc(documented.__doc__ or "")
    if dataclasses.is_dataclass(documented) and text.startswith(f"{documented.__name__}("):
        return ""
    return " ".join(text.split())
