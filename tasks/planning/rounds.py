"""How many sets the further rounds of a refresh that was never made will draw.  Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from tasks.planning.params import FURTHER_ROUND, NEEDED_APIS
from tasks.sampling.coverage import forced_draws
from tasks.sampling.params import SampleParams
from warehouse.tables.catalogue import Tool
from warehouse.tables.instructions import Sample


def draws_for_coverage(
    tools: Iterable[Tool],
    kept: Collection[str],
    samples: Sequence[Sample],
    *,
    fit_each: float,
    accepted: int | None,
    rounds: int,
    params: SampleParams,
) -> int:
    """Draws forced on as many APIs as chance will leave without an instruction.

    fit_each: instructions of a sample that will be fit.  accepted: how many are wanted; where all of them
    are needed for the APIs they reach, none can give way to another.
    """
    expected = _expected_needs(kept, samples, fit_each)
    n_left = round(sum(math.exp(-needs) for needs in expected.values()))
    if accepted is not None:
        n_left = min(n_left, max(0, accepted - round(len(kept) / NEEDED_APIS)))
    left = sorted(expected, key=lambda api_id: (expected[api_id], api_id))[:n_left]
    drawn = forced_draws(tools, kept, left, samples, round_no=1, params=params)
    return round(len(drawn.samples) * sum(FURTHER_ROUND**number for number in range(rounds)))


def _expected_needs(kept: Iterable[str], samples: Iterable[Sample], fit_each: float) -> dict[str, float]:
    """By API, how many instructions will need it."""
    expected = defaultdict(float, dict.fromkeys(kept, 0.0))
    for sample in samples:
        for api_id in sample.api_ids:
            expected[api_id] += fit_each * min(1.0, NEEDED_APIS / len(sample.api_ids))
    return expected
