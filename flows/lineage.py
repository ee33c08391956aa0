"""Lineage: which stage reads and writes which table, as the stages declare it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tasks import annotate, commit, compress, crawl, probe, propose, sample, select
from tasks.stage import Stage
from warehouse.table import Table

DECLARED: tuple[Stage, ...] = tuple(
    verb.STAGE for verb in (crawl, probe, compress, sample, propose, select, annotate, commit)
)
"""In the order of a refresh, the commit last."""


def lineage_table(stages: Sequence[Stage] = DECLARED) -> Iterator[str]:
    """A Markdown table; what is read is named behind the stages that write it."""
    yield "| stage | reads | writes |"
    yield "|---|---|---|"
    for stage in stages:
        yield f"| {stage.name} | {_sources(stage)} | {_listed(stage.writes)} |"


def _sources(stage: Stage) -> str:
    writers: dict[tuple[Table[Any], ...], list[str]] = {}
    for writer, tables in stage.reads.items():
        writers.setdefault(tables, []).append(writer)
    sources = [f"{', '.join(names)}: {_listed(tables)}" for tables, names in writers.items()]
    if not sources:
        sources.append("the world")
    if stage.carries:
        sources.append(f"itself in the run before: {_listed(stage.carries)}")
    if stage.again:
        again = [table for tables in stage.again.values() for table in tables]
        sources.append(f"in further rounds: {_listed(again)}")
    return "; ".join(sources)


def _listed(tables: Sequence[Table[Any]]) -> str:
    return ", ".join(f"`{table.name}`" for table in tables)
