"""What a report says, asked in SQL.  Its charts are named queries, so that anyone can ask them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from flows.reporting.evaluation import evaluated, retrieved
from warehouse.query import list_queries
from warehouse.sql import statement

CHARTS = (
    "apis_by_outcome",
    "apis_per_instruction",
    "cost",
    "cost_by_run",
    "coverage_by_category",
    "diff",
    "diff_by_category",
    "diff_examples",
    "funnel",
    "instruction_lengths",
    "instructions_by_scenario",
    "instructions_per_api",
    "latency_by_run",
    "outcomes_by_run",
    "rejects",
    "requests_per_search",
    "retrievers",
    "search_depth",
    "search_effort",
    "search_ends",
    "sizes_by_category",
    "training",
    "verdicts",
)

# All observations together stay within so many characters: what keeps the file small when there are many.
OBSERVED = 20_000_000
SHORTEST, LONGEST = 120, 800

Facts = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Browsed:
    """The instructions of the page, and the trees of their searches.

    rows: a JSON array each, one per search, or one per instruction without any.  trees: the JSON array of
    nodes of each row, `null` without.  n_instructions: how many different ones there are.
    """

    rows: tuple[str, ...]
    trees: tuple[str, ...]
    n_instructions: int


def run_figures(connection: duckdb.DuckDBPyConnection) -> Facts:
    """The run that is shown, and what it came to."""
    (row,) = rows_of(connection.execute(statement("report_figures")))
    return row


def charts(connection: duckdb.DuckDBPyConnection) -> Facts:
    """The rows of every chart, by the name of its query; and what has intervals, which no query can tell."""
    asked = {name: rows_of(connection.execute(list_queries()[name].text)) for name in CHARTS}
    return {**asked, "evaluated": evaluated(connection), "retrieved": retrieved(connection)}


def browsed(connection: duckdb.DuckDBPyConnection, limit: int) -> Browsed:
    """At most `limit` instructions, always the same ones, with all their searches."""
    found = connection.execute(statement("report_instructions"), [limit]).fetchall()
    searches = [annotation for _, annotation, _ in found if annotation is not None]
    trees = _trees(connection, searches)
    return Browsed(
        rows=tuple(row for _, _, row in found),
        trees=tuple(trees.get(annotation, "null") for _, annotation, _ in found),
        n_instructions=len({instruction for instruction, _, _ in found}),
    )


def _trees(connection: duckdb.DuckDBPyConnection, searches: Sequence[str]) -> dict[str, str]:
    (counted,) = connection.execute(statement("report_observations"), [searches]).fetchall()
    longest = max(SHORTEST, min(LONGEST, OBSERVED // max(1, counted[0])))
    return dict(connection.execute(statement("report_trees"), [searches, longest]).fetchall())


def rows_of(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    columns = [column[0] for column in result.description]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
