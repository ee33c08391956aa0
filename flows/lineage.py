"""Lineage: which stage reads and writes which table, drawn from what the stages declare.

A stage that reads a table it writes carries rows over from its own output in the run before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from flows.stages import STAGES
from warehouse.table import Table


@dataclass(frozen=True)
class StageTables:
    """READS and WRITES of `tasks/<stage>.py`, by table name.

    again: its ROUND_READS, which it reads when it is run again for a further round of draws.
    """

    stage: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    again: tuple[str, ...] = ()


def lineage() -> list[StageTables]:
    """Every stage in the order of a refresh, the commit last."""
    return [_declared(stage) for stage in (*STAGES, "commit")]


def _declared(stage: str) -> StageTables:
    module = import_module(f"tasks.{stage}")
    again = _names(getattr(module, "ROUND_READS", ()))
    return StageTables(stage, reads=_names(module.READS), writes=_names(module.WRITES), again=again)


def _names(tables: Sequence[Table[Any]]) -> tuple[str, ...]:
    return tuple(table.name for table in tables)


def lineage_table(stages: Sequence[StageTables]) -> Iterator[str]:
    """A Markdown table; what is read is named behind the stages that write it."""
    yield "| stage | reads | writes |"
    yield "|---|---|---|"
    for at, tables in enumerate(stages):
        yield f"| {tables.stage} | {_sources(tables, stages[:at])} | {_listed(tables.writes)} |"


def _sources(tables: StageTables, before: Sequence[StageTables]) -> str:
    by_writers: dict[str, list[str]] = {}
    for name in tables.reads:
        writers = ", ".join(earlier.stage for earlier in before if name in earlier.writes)
        carried = "itself in the run before" if name in tables.writes else ""
        by_writers.setdefault(writers or carried, []).append(name)
    if tables.again:
        by_writers["in further rounds"] = list(tables.again)
    from_world = [] if before else ["the world"]
    return "; ".join(
        [*from_world, *(f"{writers}: {_listed(names)}" for writers, names in by_writers.items())]
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
