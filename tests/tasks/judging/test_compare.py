"""Intervals and tests of comparisons."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.judging.compare import Difference, Rate, difference, rates, resampled, sign_test


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
    ours, theirs = np.array([1.0, 1.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])
    found = difference(ours, theirs, ["G1"] * 4)
    assert (found.ahead, found.behind, found.p) == (2, 1, 1.0)
    assert (found.rate.mean, found.smallest) == pytest.approx((0.25, 2.8 * 0.957427 / 2))


def test_equal_sides_have_no_difference() -> None:
    same = np.array([1.0, 0.5, 0.0])
    assert difference(same, same, ["G1"] * 3) == Difference(
        Rate(0, 0, 0), ahead=0, behind=0, p=1.0, smallest=0.0
    )
