"""`toolloom show`: a search, found by the beginning of its id, as a tree to read."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
from rich.text import Text

from flows.text.tree import Row, drawn, first_steps
from tasks.errors import UsageError
from warehouse.connect import open_database
from warehouse.sql import statement


def show(data: Path, beginning: str, *, run: str | None, width: int, full: bool) -> Text:
    """The search whose id, or whose instruction's id, begins so, drawn within `width` columns.

    An empty beginning takes one that is worth looking at.  full: nothing is shortened.  Raises
    `UsageError` when there is none, or more than one.
    """
    with open_database(data, run) as connection:
        search = _the_search(connection, beginning)
        nodes = _rows(connection, "search_nodes", search["annotation_id"])
    lines = [*_heading(search, width), Text(), *drawn(first_steps(nodes), width, full=full)]
    return Text("\n").join(lines)


def _the_search(connection: duckdb.DuckDBPyConnection, beginning: str) -> Row:
    found = _rows(connection, "find_searches", beginning)
    if not found:
        what = f"no search {beginning!r}" if beginning else "no search yet"
        raise UsageError(
            f"there is {what}",
            fix='`toolloom sql "SELECT annotation_id, query FROM annotations JOIN instructions '
            'USING (instruction_id)"` lists them; the beginning of an id is enough',
        )
    if beginning and len(found) > 1:
        ids = ", ".join(str(search["annotation_id"])[:12] for search in found[:5])
        raise UsageError(f"several searches begin with {beginning!r}: {ids}", fix="give more of the id")
    return found[0]


def _rows(connection: duckdb.DuckDBPyConnection, name: str, argument: str) -> list[dict[str, Any]]:
    result = connection.execute(statement(name), [argument])
    columns = [column[0] for column in result.description]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


def _heading(search: Row, width: int) -> Iterator[Text]:
    yield Text(f"{search['scenario']}  {search['annotation_id']}", style="bold")
    yield Text(
        f"{search['method']}, rules {search['rules']}, model {search['model'] or 'unknown'}", style="dim"
    )
    yield Text(_result(search), style="green" if search["win"] else "red")
    for line in textwrap.wrap(search["query"] or "(its instruction is gone)", width):
        yield Text(line, style="italic")


def _result(search: Row) -> str:
    gave_up = search["finish_type"] == "give_up"
    ended = {"answered": "answered", "exhausted": "gave up" if gave_up else "found no answer"}
    word = ended.get(search["stopped_by"], f"stopped at {search['stopped_by']}")
    calls = f"{search['n_calls']} call{'' if search['n_calls'] == 1 else 's'}"
    requests = f"{search['n_queries']} request{'' if search['n_queries'] == 1 else 's'}"
    return f"{word} after {requests} to the model and {calls}"
