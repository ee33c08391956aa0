"""The card of a data set: what is in it, how it was made, under which licences, and what it cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from tasks.exporting.levels import LEVELS
from tasks.exporting.searches import Source

Json: TypeAlias = dict[str, Any]

CONFIGURATIONS = {
    "conversations": "the path to each result, as messages with tool calls, and the tools offered",
    "instructions": "what was asked, the APIs offered and those needed",
    "searches": "every search with its whole tree: thoughts, calls, observations, dead ends",
    "apis": "the APIs that were called and kept, with their documentation",
}
_TEMPLATE = Path(__file__).with_name("card.jinja")
_STAND_IN = "toolloom-teacher"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """A licence that a source states."""

    source: str
    licence: str
    n_tools: int
    n_apis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """made: instructions or searches.  how: a prompt's digest, or method, rules and offer."""

    made: str
    model: str
    how: str
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a stage took in and let through."""

    stage: str
    unit: str
    n_in: int
    n_out: int
    n_rejected: int
    n_pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRun:
    """The run that is exported.  as_of: how old what it knows of the world may be."""

    run_id: str
    kind: str
    status: str
    as_of: datetime


def card_of(source: Source, written: Mapping[str, int]) -> str:
    """The card as Markdown with its YAML head.  written: rows by file."""
    (run,) = source.rows(ExportedRun, "export_run")
    makers = source.rows(Maker, "export_makers")
    environment = SandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["cell"] = _cell
    counts = _counts(written)
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        run=run,
        counts=counts,
        levels=LEVELS,
        what=CONFIGURATIONS,
        size=_size(sum(counts["searches"].values())),
        funnel=source.rows(Account, "export_funnel"),
        makers=makers,
        licences=source.rows(Licence, "export_licences"),
        held_out=source.params.held_out,
        give_ups=source.params.give_ups,
        left_out=source.left_out,
        stand_in=any(maker.model == _STAND_IN for maker in makers),
    )


def _counts(written: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Rows by configuration and split, in their order; without files that have none."""
    found: dict[str, dict[str, int]] = {}
    for configuration in CONFIGURATIONS:
        names = {level: f"data/{configuration}/{level}.parquet" for level in LEVELS}
        splits = {level: written[name] for level, name in names.items() if name in written}
        if splits:
            found[configuration] = splits
    return found


def _size(n: int) -> str:
    return next((word for limit, word in _SIZES if n < limit), "1M<n<10M")


def _cell(value: object) -> str:
    """Text within a cell of a table, whatever a catalogue wrote."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
