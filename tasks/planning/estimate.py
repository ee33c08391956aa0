"""An estimate, as values, made of what requests were like in earlier runs; and how far it was off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tasks.llm.params import LlmParams
from warehouse import manifest
from warehouse.connect import lost_files, open_database
from warehouse.query import query
from warehouse.seen import Seen

# What is assumed where nothing was measured yet; docs/costs.md says so too.
LATENCY_S = 4.0
KEPT_SHARE = 0.7
ACCEPTED_SHARE = 0.6
OVER_BUDGET_SHARE = 0.1
PASSED_SHARE = 0.8  # of what is judged
NEEDED_APIS = 2.0  # of an instruction
FURTHER_ROUND = 0.5  # draws of a round of further draws for each of the round before
ENOUGH_MEASURED = 10


@dataclass(frozen=True, slots=True)
class Usual:
    """Tokens of a usual request and reply of a stage, and requests per row (of a search, say)."""

    tokens_in: int
    tokens_out: int
    per_row: float = 1.0


USUAL = {
    "probe": Usual(1_500, 80),
    "compress": Usual(6_000, 400),
    "propose": Usual(5_000, 800),
    "select": Usual(2_000, 60),
    "annotate": Usual(3_000, 150, per_row=6.0),
    "evaluate": Usual(1_500, 60),
    "prefer": Usual(3_000, 100),
}
OTHER = Usual(2_000, 200)


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


_HOUR_S = 3600.0
_BATCH_WINDOW_H = 24.0


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Amount(_Frozen):
    """What a stage asks for or took.  usd: None while prices are unknown."""

    stage: str
    requests: int
    tokens_in: int
    tokens_out: int
    usd: float | None
    hours: float


class StageEstimate(Amount):
    """assumptions: in words."""

    assumptions: tuple[str, ...] = ()


class Estimate(_Frozen):
    """Of a refresh: the stages that ask the model.  assumptions: what holds for all of them."""

    stages: tuple[StageEstimate, ...]
    assumptions: tuple[str, ...] = ()


def total(amounts: Iterable[Amount]) -> Amount:
    """All together; its price is unknown when one of theirs is."""
    each = list(amounts)
    prices = [one.usd for one in each]
    return Amount(
        stage="all",
        requests=sum(one.requests for one in each),
        tokens_in=sum(one.tokens_in for one in each),
        tokens_out=sum(one.tokens_out for one in each),
        usd=None if None in prices else sum(price for price in prices if price is not None),
        hours=sum(one.hours for one in each),
    )


def estimated(
    stage: str,
    requests: float,
    figures: Figures,
    llm: LlmParams,
    *,
    tokens_in_each: float | None = None,
    at_once: int | None = None,
    in_batches: bool = False,
    assumptions: Iterable[str] = (),
) -> StageEstimate:
    """tokens_in_each: of the very requests, where they are known.  at_once: rows under way, at most."""
    n = round(requests)
    tokens_in = round(n * (figures.tokens_in if tokens_in_each is None else tokens_in_each))
    tokens_out = round(n * figures.tokens_out)
    usd = llm.cost_usd(tokens_in, tokens_out) if n else 0.0
    if usd is not None and in_batches:
        usd *= 1 - llm.batch_discount
    together = min(llm.concurrency, at_once or llm.concurrency)
    hours = _hours(n, tokens_in + tokens_out, figures.latency_s / together, llm)
    words = [*assumptions]
    if n:
        words.append(figures.words)
        if tokens_in_each is not None:
            words.append("tokens in are those of the very requests, at four bytes a token")
        words.append(
            "each round of batches may take its whole window of 24 hours"
            if in_batches
            else f"{together} requests at once"
        )
    return StageEstimate(
        stage=stage,
        requests=n,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        usd=usd,
        hours=(_BATCH_WINDOW_H if n else 0.0) if in_batches else hours,
        assumptions=tuple(words),
    )


def _hours(requests: int, tokens: int, seconds_each: float, llm: LlmParams) -> float:
    """Whichever is slowest: the endpoint, or a rate that it or we are held to."""
    hours = requests * seconds_each / _HOUR_S
    if llm.requests_per_minute is not None:
        hours = max(hours, requests / llm.requests_per_minute / 60)
    if llm.tokens_per_minute is not None:
        hours = max(hours, tokens / llm.tokens_per_minute / 60)
    return hours
