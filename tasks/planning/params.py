"""What is assumed where nothing was measured yet.  docs/costs.md says so too."""

from __future__ import annotations

from dataclasses import dataclass

LATENCY_S = 4.0
KEPT_SHARE = 0.7
ACCEPTED_SHARE = 0.6
OVER_BUDGET_SHARE = 0.1
PASSED_SHARE = 0.8
NEEDED_APIS = 2.0
FURTHER_ROUND = 0.5
ENOUGH_MEASURED = 10


@dataclass(frozen=True, slots=True)
class Usual:
    """Tokens of a usual request and reply of a stage, and requests per row (of a search, say)."""

    tokens_in: int
    tokens_out: int
    per_row: float = 1.0


"""PASSED_SHARE: of what is judged.  NEEDED_APIS: of an instruction.  FURTHER_ROUND: draws of a round of
further draws for each of the round before."""

USUAL = {
    "probe": Usual(1_500, 80),
    "compress": Usual(6_000, 400),
    "propose": Usual(5_000, 800),
    "select": Usual(2_000, 60),
    "annotate": Usual(3_000, 150, per_row=6.0),
}
OTHER = Usual(2_000, 200)
