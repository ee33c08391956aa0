"""What requests were like in the earlier runs of a folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tasks.planning.params import ENOUGH_MEASURED, LATENCY_S, OTHER, USUAL
from warehouse import manifest
from warehouse.connect import lost_files, open_database
from warehouse.query import query
from warehouse.seen import Seen


@dataclass(frozen=True, slots=True)
class Figures:
    """Of a stage's requests, on the average.  per_row: of a finished row; words: where they are from."""

    per_row: float
    tokens_in: float
    tokens_out: float
    latency_s: float
    words: str
    measured: bool


@dataclass(frozen=True, slots=True)
class _Measured:
    stage: str
    model: str
    n_requests: int
    per_row: float
    tokens_in: float
    tokens_out: float
    latency_s: float


def figures_of(data: Path, model: str) -> dict[str, Figures]:
    """By stage, of every stage that asks; measured ones of this model where there are enough."""
    found = _measured(data)
    stages = USUAL.keys() | {one.stage for one in found}
    return {stage: _figures(stage, [one for one in found if one.stage == stage], model) for stage in stages}


def _measured(data: Path) -> list[_Measured]:
    newest = manifest.newest(data)
    if newest is None or lost_files(data, newest, seen=Seen(data)):
        return []  # a refresh makes anew what is lost, and must not need it for that
    with open_database(data) as connection:
        rows = query(connection, "@request_sizes").to_dict(orient="records")
    return [
        _Measured(
            stage=row["stage"],
            model=row["model"],
            n_requests=int(row["n_requests"]),
            per_row=float(row["requests_per_row"]),
            tokens_in=_number(row["tokens_in"]),
            tokens_out=_number(row["tokens_out"]),
            latency_s=_number(row["latency_s"]),
        )
        for row in rows
    ]


def _number(value: float | None) -> float:
    """NaN and null are nothing measured."""
    return float(value) if value is not None and value == value else 0.0  # noqa: PLR0124 - NaN


def _figures(stage: str, found: Iterable[_Measured], model: str) -> Figures:
    usual = USUAL.get(stage, OTHER)
    enough = [one for one in found if one.n_requests >= ENOUGH_MEASURED]
    if not enough:
        words = (
            f"nothing was measured yet: {usual.per_row:g} requests a row, {usual.tokens_in:,} tokens in and "
            f"{usual.tokens_out:,} out a request, {LATENCY_S:g} s each, are assumed"
        )
        return Figures(usual.per_row, usual.tokens_in, usual.tokens_out, LATENCY_S, words, measured=False)
    best = max(enough, key=lambda one: (one.model == model, one.n_requests))
    whose = "" if best.model == model else f" of {best.model}"
    return Figures(
        per_row=max(1.0, best.per_row),
        tokens_in=best.tokens_in or usual.tokens_in,
        tokens_out=best.tokens_out or usual.tokens_out,
        latency_s=best.latency_s or LATENCY_S,
        words=f"sizes and times are averages of {best.n_requests:,} requests{whose} in earlier runs",
        measured=True,
    )
