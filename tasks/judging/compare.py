"""Comparing methods, models or runs on the instructions that all of them answered.

Rates come with 95 % intervals by a paired bootstrap that is stratified by scenario and split: every draw
takes whole instructions, so that what makes one hard is hard for all.  Two sides are tested exactly: of the
instructions on which they differ, a fair coin decides how often one of them would be ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt

import numpy as np
import numpy.typing as npt

DRAWS = 10_000
_AT_ONCE = 500
_BOUNDS = (2.5, 97.5)
_DETECTED = 1.96 + 0.84
"""Standard errors of a difference that is found in four of five samples, at the 5 % level."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rate:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Between two sides on the same instructions.

    p: of the exact sign test, two-sided.  ahead, behind: instructions on which the first side is.  smallest:
    the difference that so many instructions, varying as these do, would show in four of five samples.
    """

    rate: Rate
    ahead: int
    behind: int
    p: float
    smallest: float


def rates(values: Values, strata: Sequence[str], *, seed: int = 0, draws: int = DRAWS) -> list[Rate]:
    """The mean of each column, with its interval.  values: a row an instruction, a column a side."""
    means = values.mean(axis=0)
    low, high = np.percentile(resampled(values, strata, seed=seed, draws=draws), _BOUNDS, axis=0)
    return [Rate(*map(float, each)) for each in zip(means, low, high, strict=True)]


def resampled(values: Values, strata: Sequence[str], *, seed: int, draws: int) -> Values:
    """The means of the columns in each draw: a row a draw.

    Strata keep their sizes; within one, as many instructions are drawn as there are, with replacement.
    """
    generator = np.random.default_rng(seed)
    kinds = np.asarray(strata)
    sums = np.zeros((draws, values.shape[1]))
    for kind in sorted(set(strata)):
        rows = values[kinds == kind]
        n = len(rows)
        for start in range(0, draws, _AT_ONCE):
            some = min(_AT_ONCE, draws - start)
            drawn = generator.integers(0, n, size=(some, n)) + np.arange(some)[:, None] * n
            times = np.bincount(drawn.ravel(), minlength=some * n).reshape(some, n)
            sums[start : start + some] += times.astype(np.float64) @ rows
    return sums / len(values)


def difference(ours: Values, theirs: Values, strata: Sequence[str], *, seed: int = 0) -> Difference:
    """ours, theirs: a value an instruction, in the same order."""
    apart = ours - theirs
    ahead, behind = int((apart > 0).sum()), int((apart < 0).sum())
    spread = float(apart.std(ddof=1)) if len(apart) > 1 else 0.0
    return Difference(
        rate=rates(apart[:, None], strata, seed=seed)[0],
        ahead=ahead,
        behind=behind,
        p=sign_test(ahead, behind),
        smallest=_DETECTED * spread / sqrt(len(apart)),
    )


def sign_test(ahead: int, behind: int) -> float:
    """The chance that a fair coin is at least as uneven, either way; ties say nothing (McNemar, exact)."""
    n, fewer = ahead + behind, min(ahead, behind)
    tail = sum(comb(n, k) for k in range(fewer + 1))
    return float(min(1.0, 2 * tail / 2**n))
