from __future__ import annotations

from typing import Any

import pytest

from tasks.llm.params import LlmParams
from tasks.planning.estimate import Amount, Figures, StageEstimate, estimated, total

FIGURES = Figures(
    per_row=4, tokens_in=1_000, tokens_out=100, latency_s=2.0, words="averages of 50 requests", measured=True
)


def llm(**settings: Any) -> LlmParams:
    return LlmParams(base_url="http://127.0.0.1/v1", model="m", concurrency=10, **settings)


def test_an_estimate_is_requests_times_averages() -> None:
    priced = llm(price_in=1.0, price_out=10.0)
    assert estimated("propose", 1_800, FIGURES, priced) == StageEstimate(
        stage="propose",
        requests=1_800,
        tokens_in=1_800_000,
        tokens_out=180_000,
        usd=1.8 + 1.8,
        hours=0.1,
        assumptions=("averages of 50 requests", "10 requests at once"),
    )


def test_nothing_costs_nothing_at_any_price() -> None:
    assert estimated("propose", 0, FIGURES, llm(), assumptions=["so"]) == StageEstimate(
        stage="propose", requests=0, tokens_in=0, tokens_out=0, usd=0.0, hours=0.0, assumptions=("so",)
    )


def test_an_unknown_price_is_not_guessed() -> None:
    assert estimated("propose", 1, FIGURES, llm(price_in=1.0)).usd is None


@pytest.mark.parametrize(
    ("settings", "at_once", "hours"),
    [
        ({}, None, 3_600 * 2 / 10 / 3_600),
        ({}, 5, 3_600 * 2 / 5 / 3_600),
        ({}, 50, 3_600 * 2 / 10 / 3_600),
        ({"requests_per_minute": 6}, None, 10.0),
        ({"tokens_per_minute": 3_600 * 1_100 / 60 / 4}, None, 4.0),
        ({"requests_per_minute": 1e6}, None, 0.2),
    ],
)
def test_time_is_that_of_the_slowest_limit(
    settings: dict[str, Any], at_once: int | None, hours: float
) -> None:
    found = estimated("annotate", 3_600, FIGURES, llm(**settings), at_once=at_once)
    assert found.hours == pytest.approx(hours)


def test_batches_are_cheaper_and_may_take_a_day() -> None:
    priced = llm(price_in=1.0, price_out=10.0, batch_discount=0.25)
    found = estimated("propose", 1_000, FIGURES, priced, in_batches=True)
    assert found.usd == pytest.approx(1.5)
    assert found.hours == 24.0
    assert found.assumptions[-1] == "each round of batches may take its whole window of 24 hours"


def test_the_very_requests_are_better_than_an_average() -> None:
    found = estimated("propose", 10, FIGURES, llm(), tokens_in_each=123.4)
    assert found.tokens_in == 1_234
    assert "tokens in are those of the very requests, at four bytes a token" in found.assumptions


def test_a_total_with_an_unknown_price_has_none() -> None:
    known = Amount(stage="a", requests=1, tokens_in=2, tokens_out=3, usd=0.5, hours=1)
    assert total([known, known]) == Amount(
        stage="all", requests=2, tokens_in=4, tokens_out=6, usd=1.0, hours=2
    )
    assert total([known, known.model_copy(update={"usd": None})]).usd is None
    assert total([]).usd == 0.0
