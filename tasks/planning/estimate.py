"""An estimate, as values; and how far it was off."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from tasks.llm.params import LlmParams
from tasks.planning.measured import Figures

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
