"""Questions people ask in SQL: one SELECT, the name of a question kept in `queries/`, or EXPLAIN of either.

Three fences keep a query from doing anything but read.  The connection reaches only the table files and
cannot be told otherwise (`connect.open_database`); table files are not writable; and since DuckDB would
open even those for `WITH x AS (COPY ...)`, and runs SQL hidden in the text arguments of some table
functions, the syntax tree may hold only the kinds of nodes and table functions that read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

import duckdb
import pandas as pd

from tasks import exact_json
from tasks.errors import UsageError
from warehouse.sql import SqlFile, sql_files, statement

_READING_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_READING_FUNCTIONS = frozenset(
    {
        "duckdb_columns",
        "duckdb_functions",
        "duckdb_settings",
        "duckdb_tables",
        "duckdb_types",
        "duckdb_views",
        "generate_series",
        "json_each",
        "json_tree",
        "range",
        "unnest",
    }
)
_TABLE_FILE = re.compile(r"[\"']?(/[^\"'\n]+?\.parquet)")
# What is told of a plan is in our words; what is planned is looked at like any other SELECT.
_EXPLAIN = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*EXPLAIN\s+(ANALYZE\s+)?", re.IGNORECASE | re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")
_VALUES = frozenset(
    {duckdb.token_type.identifier, duckdb.token_type.string_const, duckdb.token_type.numeric_const}
)
_NO_VALUE = re.compile(r"not provided for the following parameters: (\w+)")
EXACT_FLOATS = 2**53
_AS_TEXT = re.compile(r"INTERVAL|TIMESTAMP_NS|\bTIME WITH TIME ZONE")
_HELP = "`SHOW TABLES` lists tables and views, `DESCRIBE <name>` its columns, `@tables` what a row is"


def list_queries() -> Mapping[str, SqlFile]:
    """The named questions; `title` says what each answers."""
    return sql_files("queries")


def query(
    connection: duckdb.DuckDBPyConnection, sql: str, params: Mapping[str, object] | None = None
) -> pd.DataFrame:
    """The rows of one SELECT, or of the named query when the text is `@name`.

    params: the values of `:name` (or `$name`) in it.  Raises UsageError, with what DuckDB says, for anything
    that is not one sound SELECT, or EXPLAIN of one.
    """
    text = _sound(connection, sql)
    try:
        rows, wide = _whole_sums(connection.execute(text, params or None))
        if wide:  # a data frame has no such numbers, and would round them
            exact = connection.execute(text, params or None).fetchall()
            for position in wide:
                rows.isetitem(position, pd.Series([row[position] for row in exact], dtype=object).array)
    except duckdb.Error as error:
        raise _failed(error) from error
    return rows


def _failed(error: duckdb.Error) -> UsageError:
    lacking = _NO_VALUE.search(str(error))
    fix = _HELP if lacking is None else f"give it one: --param {lacking[1]}=VALUE"
    return file_gone(error) or UsageError(f"the query failed: {error}", fix=fix)


def file_gone(error: duckdb.Error) -> UsageError | None:
    """A file that was whole when the folder was opened, and is not any more; None for any other error.

    DuckDB takes the path of a file that is gone for a folder's, which it may not look into.
    """
    found = _TABLE_FILE.search(str(error))
    of_files = duckdb.IOException | duckdb.PermissionException | duckdb.InvalidInputException
    if found is None or not isinstance(error, of_files):
        return None
    return UsageError(
        f"{found[1]} was there a moment ago and cannot be read now",
        fix="run the same command again: a prune or a move of the folder may have taken the file away "
        "meanwhile; if that does not help, run `toolloom refresh`",
    )


def exact_rows(
    connection: duckdb.DuckDBPyConnection, sql: str, params: Mapping[str, object] | None = None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Names of the columns and the rows, in Python's values: no number is rounded, and NULL is None.

    What Python has no value for (intervals of months, nanoseconds) is text as DuckDB writes it.  Takes and
    raises what `query` does.
    """
    text = _sound(connection, sql)
    try:
        if _EXPLAIN.match(text):
            plan = connection.execute(text, params or None)
            return [column[0] for column in plan.description], plan.fetchall()
        found = connection.sql(text, params=params or None)
        kept = [
            f"CAST(#{at} AS VARCHAR)" if _AS_TEXT.search(str(type_)) else f"#{at}"
            for at, type_ in enumerate(found.types, 1)
        ]
        return list(found.columns), found.project(", ".join(kept)).fetchall()
    except duckdb.Error as error:
        raise _failed(error) from error


def _sound(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """The text of the one SELECT that may be run, or of EXPLAIN and that."""
    explain = _EXPLAIN.match(sql)
    if explain:
        plan = "EXPLAIN ANALYZE" if explain[1] else "EXPLAIN"
        return f"{plan} {_sound(connection, sql[explain.end() :])}"
    words = sql.strip()
    if words in list_queries():
        raise UsageError(f"{words!r} is no SELECT", fix=f"write @{words} for the question of that name")
    try:
        text = _named(words) if words.startswith("@") else _with_parameters(sql)
        _refuse_all_but_reading(connection, text)
    except duckdb.Error as error:
        raise _failed(error) from error
    return text


def _with_parameters(sql: str) -> str:
    """`:name` as DuckDB writes it, `$name`; the colon after a key of a structure or in a slice stays."""
    raw = sql.encode()  # DuckDB counts bytes
    starts = [*duckdb.tokenize(sql), (len(raw), None)]
    tokens = [(raw[at:end].decode().strip(), kind) for (at, kind), (end, _) in pairwise(starts)]
    marks = []
    for number, (mark, kind) in enumerate(tokens[:-1]):
        name = starts[number + 1][0]
        is_mark = kind == duckdb.token_type.operator and mark.endswith(":") and not mark.endswith("::")
        if not is_mark or raw[name - 1 : name] != b":" or not _NAME.match(tokens[number + 1][0]):
            continue
        before = [*tokens[:number], (mark[:-1], kind)] if mark[:-1] else tokens[:number]
        if before[-1:] and before[-1][0].endswith("["):  # of a list, or of a slice of something
            before = before[:-1]
        if not _is_value(*before[-1:]):
            marks.append(name - 1)
    for at in marks:
        raw = raw[:at] + b"$" + raw[at + 1 :]
    return raw.decode()


def _is_value(token: tuple[str, object] = ("", None)) -> bool:
    text, kind = token
    return kind in _VALUES or text[-1:] in (")", "]", "}")


def _whole_sums(result: duckdb.DuckDBPyConnection) -> tuple[pd.DataFrame, list[int]]:
    """The rows; sums of integers, which are HUGEINT in SQL, as integers and not as floats.

    With the positions of the columns whose numbers a float does not hold.
    """
    types = [str(column[1]) for column in result.description]
    rows, wide = result.df(), []
    for position, type_ in enumerate(types):
        if not type_.startswith(("HUGEINT", "UHUGEINT", "DECIMAL")) or type_.endswith("]"):
            continue
        numbers = rows.iloc[:, position]
        if not (numbers.abs().dropna() < EXACT_FLOATS).all():
            wide.append(position)
        elif type_ == "HUGEINT":
            rows.isetitem(position, numbers.astype("Int64").array)
    return rows, wide


def _named(sql: str) -> str:
    name = sql.removeprefix("@")
    queries = list_queries()
    if name in queries:
        return queries[name].text
    first, second, third = (f"@{near}" for near in get_close_matches(name, queries, n=3, cutoff=0.0))
    raise UsageError(
        f"there is no query @{name}",
        fix=f"did you mean {first}, {second} or {third}? `toolloom sql` lists all {len(queries)}",
    )


def _refuse_all_but_reading(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if [found.type for found in statements] != [duckdb.StatementType.SELECT]:
        kinds = ", ".join(found.type.name for found in statements) or "nothing"
        raise UsageError(
            f"only one SELECT can be run, and this is: {kinds}",
            fix="write a SELECT; to PIVOT, give the values: ON column IN (...)",
        )
    (row,) = connection.execute(statement("parse"), [sql]).fetchall()
    tree = exact_json.loads(row[0])
    if tree["error"]:
        raise UsageError(f"the query failed: {tree['error_message']}", fix=_HELP)
    forbidden = sorted(set(_forbidden(tree)))
    if forbidden:
        raise UsageError(f"a query may only read, and this one uses {', '.join(forbidden)}", fix=_HELP)


def _forbidden(tree: Any) -> Iterator[str]:
    if isinstance(tree, list):
        for item in tree:
            yield from _forbidden(item)
    elif isinstance(tree, dict):
        kind = tree.get("type")
        if isinstance(kind, str) and kind.endswith("_NODE") and kind not in _READING_NODES:
            yield kind.removesuffix("_NODE").removesuffix("_QUERY")
        if kind == "TABLE_FUNCTION" and tree["function"]["function_name"] not in _READING_FUNCTIONS:
            yield f"{tree['function']['function_name']}()"
        yield from _forbidden(list(tree.values()))
