"""Intervals and tests of comparisons."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.judging.compare import difference, rates, resampled, sign_test


def test_a_rate_has_the_interval_of_its_draws() -> None:
    values = np.array([[1.0], [0.0], [1.0], [1.0]] * 50)
    (rate,) = rates(values, ["G1"] * 200)
    assert rate.mean == 0.75
    assert (rate.low, rate.high) == pytest.approx((0.69, 0.81), abs=0.012)


def test_the_same_seed_draws_the_same() -> None:
    values = np.random.default_rng(1).random((40, 2))
    strata = ["G1"] * 25 + ["G2"] * 15
    assert rates(values, strata, seed=7) == rates(values, strata, seed=7)


def test_all_sides_are_drawn_together() -> None:
    values = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert np.allclose(resampled(values, ["G1"] * 3, seed=0, draws=1_200).sum(axis=1), 1)


def test_strata_keep_their_sizes() -> None:
    values = np.array([[1.0]] * 10 + [[0.0]] * 30)
    assert set(resampled(values, ["G1"] * 10 + ["G2"] * 30, seed=0, draws=700).ravel()) == {0.25}


@pytest.mark.parametrize(
    ("ahead", "behind", "p"),
    [(0, 0, 1.0), (1, 1, 1.0), (5, 0, 0.0625), (0, 10, 0.001953125), (9, 1, 0.021484375), (3, 4, 1.0)],
)
def test_two_sides_differ_by_chance_as_a_coin_does(ahead: int, behind: int, p: float) -> None:
    assert sign_test(ahead, behind) == p


def test_a_difference_says_what_so_many_instructions_can_show() -> None:
    ours, theirs = np.array([1.0, 1.0, 1.0, 0.0] * 5), np.array([0.0, 0.0, 1.0, 1.0] * 5)
    found = difference(ours, theirs, ["G1"] * 20)
    assert (found.ahead, found.behind) == (10, 5)
    assert (found.rate.mean, found.smallest) == pytest.approx((0.25, 2.8 * 0.850696 / 20**0.5))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1] * 3, (1, 0.4385, 1)),
        ([0] * 100, (0, 0, 0.0370)),
        ([0.5] * 10, (0.5, 0.2366, 0.7634)),
        ([1], (1, 0.2065, 1)),
        ([0.1] * 30, (0.1, 0.0346, 0.2562)),
    ],
    ids=["three of three", "none of a hundred", "all ties", "one", "rounded sums"],
)
def test_equal_values_have_the_interval_of_wilson(
    values: list[float], expected: tuple[float, float, float]
) -> None:
    (rate,) = rates(np.array(values, float)[:, None], ["G1"] * len(values))
    assert (rate.mean, rate.low, rate.high) == pytest.approx(expected, abs=5e-5)


def test_strata_that_each_say_one_thing_have_an_interval() -> None:
    (rate,) = rates(np.array([[1.0]] * 10 + [[0.0]] * 30), ["G1"] * 10 + ["G2"] * 30)
    assert (rate.mean, rate.low, rate.high) == pytest.approx((0.25, 0.1419, 0.4019), abs=5e-5)


@pytest.mark.parametrize(
    "strata",
    [["a", "b", "c", "d", "e", "f"], ["a"] * 4 + ["b"] * 2, ["a"] * 5 + ["b"]],
    ids=["of one each", "all small", "one small beside a large"],
)
def test_small_strata_are_drawn_as_one(strata: list[str]) -> None:
    values = np.array([[1.0], [0.0], [1.0], [0.0], [1.0], [0.0]])
    assert rates(values, strata) == rates(values, ["all"] * 6)


@pytest.mark.parametrize(
    ("apart", "n", "expected"),
    [(0, 4, (0, -0.4899, 0.4899)), (0, 300, (0, -0.0126, 0.0126)), (1, 4, (1, 0.0202, 1))],
    ids=["four alike", "three hundred alike", "always ahead"],
)
def test_a_difference_without_spread_is_as_uncertain_as_the_shares_it_is_of(
    apart: float, n: int, expected: tuple[float, float, float]
) -> None:
    found = difference(np.full(n, apart, float), np.zeros(n), ["G1"] * n)
    assert (found.rate.mean, found.rate.low, found.rate.high) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    "apart",
    [[1], [0.5] * 9, [1, 1, 0, -1]],
    ids=["one instruction", "no spread", "above a hundred points"],
)
def test_what_so_many_can_show_is_empty_where_there_is_no_such_figure(apart: list[float]) -> None:
    n = len(apart)
    assert np.isnan(difference(np.array(apart, float), np.zeros(n), ["G1"] * n).smallest)
