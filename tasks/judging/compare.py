"""Comparing methods, models or runs on the instructions that all of them answered.

Rates come with 95 % intervals by a paired bootstrap that is stratified by scenario and split: every draw
takes whole instructions, so that what makes one hard is hard for all.  A few equal values say little, though
no draw differs from another: where draws have no spread, the interval is Wilson's (1927).  Two sides are
tested exactly: of the instructions on which they differ, a fair coin decides how often one of them would be
ahead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, nan, sqrt

import numpy as np
import numpy.typing as npt

DRAWS = 10_000
_AT_ONCE = 500
_BOUNDS = (2.5, 97.5)
_SMALLEST_STRATUM = 5
_Z = 1.96
_DETECTED = _Z + 0.84
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
    the difference that so many instructions, varying as these do, would show in four of five samples; NaN
    where they do not vary, or could show none of at most 100 points.
    """

    rate: Rate
    ahead: int
    behind: int
    p: float
    smallest: float


def rates(values: Values, strata: Sequence[str], *, seed: int = 0, draws: int = DRAWS) -> list[Rate]:
    """The mean of each column, with its interval.  values: 0 to 1, a row an instruction, a column a side."""
    return [
        Rate(mean, *(_wilson(mean, len(values)) if low == high else (low, high)))
        for mean, low, high in _drawn(values, strata, seed=seed, draws=draws)
    ]


def _drawn(
    values: Values, strata: Sequence[str], *, seed: int, draws: int
) -> list[tuple[float, float, float]]:
    """Of each column its mean and the bounds of 95 % of the draws, which are equal where no draw differs."""
    low, high = np.percentile(resampled(values, strata, seed=seed, draws=draws), _BOUNDS, axis=0)
    low = np.where(np.isclose(low, high, rtol=0, atol=1e-12), high, low)  # sums are rounded
    columns = zip(values.mean(axis=0), low, high, strict=True)
    return [(float(mean), float(least), float(most)) for mean, least, most in columns]


def _wilson(share: float, n: int) -> tuple[float, float]:
    """The interval of a share of n, which has a width where all or none are counted, too."""
    squared = _Z * _Z
    middle = (share + squared / (2 * n)) / (1 + squared / n)
    half = _Z * sqrt(max(0.0, share * (1 - share) / n) + squared / (4 * n * n)) / (1 + squared / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def resampled(values: Values, strata: Sequence[str], *, seed: int, draws: int) -> Values:
    """The means of the columns in each draw: a row a draw.

    Strata keep their sizes; within one, as many instructions are drawn as there are, with replacement.
    """
    generator = np.random.default_rng(seed)
    kinds = np.asarray(_pooled(strata))
    sums = np.zeros((draws, values.shape[1]))
    for kind in sorted(set(kinds.tolist())):
        rows = values[kinds == kind]
        n = len(rows)
        for start in range(0, draws, _AT_ONCE):
            some = min(_AT_ONCE, draws - start)
            drawn = generator.integers(0, n, size=(some, n)) + np.arange(some)[:, None] * n
            times = np.bincount(drawn.ravel(), minlength=some * n).reshape(some, n)
            sums[start : start + some] += times.astype(np.float64) @ rows
    return sums / len(values)


def _pooled(strata: Sequence[str]) -> list[str]:
    """Strata of a few instructions are one: of one alone each draw is the same, which is no certainty.

    When they are still few together, the smallest of the others joins them.
    """
    sizes = Counter(strata)
    together: list[str] = []
    for kind in sorted(sizes, key=lambda kind: (sizes[kind], kind)):
        n_together = sum(sizes[each] for each in together)
        if sizes[kind] < _SMALLEST_STRATUM or 0 < n_together < _SMALLEST_STRATUM:
            together.append(kind)
    return [together[0] if kind in together else kind for kind in strata]


def difference(ours: Values, theirs: Values, strata: Sequence[str], *, seed: int = 0) -> Difference:
    """ours, theirs: a value an instruction, in the same order."""
    apart = ours - theirs
    ahead, behind = int((apart > 0).sum()), int((apart < 0).sum())
    smallest = _DETECTED * float(apart.std(ddof=1)) / sqrt(len(apart)) if len(apart) > 1 else 0.0
    ((mean, low, high),) = _drawn(apart[:, None], strata, seed=seed, draws=DRAWS)
    if low == high:  # what the shares ahead and behind may be, at worst together
        (least_ahead, most_ahead), (least_behind, most_behind) = (
            _wilson(float(np.clip(each, 0, 1).mean()), len(apart)) for each in (apart, -apart)
        )
        low, high = least_ahead - most_behind, most_ahead - least_behind
    return Difference(
        rate=Rate(mean, low, high),
        ahead=ahead,
        behind=behind,
        p=sign_test(ahead, behind),
        smallest=smallest if 0 < smallest <= 1 else nan,
    )


def sign_test(ahead: int, behind: int) -> float:
    """The chance that a fair coin is at least as uneven, either way; ties say nothing (McNemar, exact)."""
    n, fewer = ahead + behind, min(ahead, behind)
    tail = sum(comb(n, k) for k in range(fewer + 1))
    return float(min(1.0, 2 * tail / 2**n))
