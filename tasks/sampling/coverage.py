"""Draws forced on APIs that no sample contains.

What a forced draw contains depends on (seed, API, round) and its group alone, so that a refresh asks the
model again only for sets that really are new.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tasks.sampling.draw import Draw, Drawn, Ledger, has_enough_tools, rate_of
from tasks.sampling.hierarchy import SINGLE_TOOL, Group, hierarchy_of, key_of, tool_of
from tasks.sampling.params import SampleParams
from warehouse.tables.catalogue import Tool
from warehouse.tables.instructions import Instruction, Sample


def wanted_apis(
    kept_api_ids: Iterable[str],
    samples: Sequence[Sample],
    instructions: Sequence[Instruction],
    *,
    accepted: int | None,
    round_no: int,
    params: SampleParams,
) -> tuple[str, ...]:
    """The kept APIs that round `round_no` of draws is to be forced on, sorted.

    Those that no instruction needs; once there are `accepted` instructions, only as many as could give way
    to theirs.  And when instructions are wanting to `accepted`, those that fewest need, as many as their
    samples make up for by what the samples so far have brought.
    """
    needed = Counter(dict.fromkeys(kept_api_ids, 0))
    needed.update(api.api_id for instruction in instructions for api in instruction.relevant_apis)
    n_missing = 0 if accepted is None else accepted - len(instructions)
    fewest_first = sorted(needed, key=lambda api_id: (needed[api_id], key_of(params.seed, api_id, round_no)))
    n_uncovered = sum(n == 0 for n in needed.values())
    if accepted is not None and n_missing <= 0:
        return tuple(sorted(fewest_first[: min(n_uncovered, _n_spare(instructions))]))
    brought = max(len(instructions) / max(1, len(samples)), 1)
    n_further = math.ceil(max(0, n_missing) / brought)
    return tuple(sorted(fewest_first[: max(n_uncovered, n_further)]))


def _n_spare(instructions: Iterable[Instruction]) -> int:
    """How many instructions could give way, and all APIs that are needed would be by the others."""
    covered: set[str] = set()
    n_spare = 0
    for instruction in sorted(instructions, key=lambda each: (-len(each.relevant_apis), each.instruction_id)):
        needed = {api.api_id for api in instruction.relevant_apis}
        n_spare += needed <= covered
        covered |= needed
    return n_spare


def forced_draws(
    tools: Iterable[Tool],
    kept_api_ids: Iterable[str],
    wanted_api_ids: Iterable[str],
    samples: Iterable[Sample],
    *,
    round_no: int,
    params: SampleParams,
    partners: Mapping[str, tuple[str, ...]] | None = None,
) -> Drawn:
    """Round `round_no` (from 1) of draws, each forced on one wanted API (a kept one).

    The wanted APIs are taken in the order of hash(seed, API, round); one that an earlier draw of the
    round happens to contain needs no draw of its own.  A draw is of the API's tool alone where `params`
    has G1 draws, of fewer of its APIs where all of them were drawn before, else of its category, else of a
    collection.  `Sample.draw` is -round_no.  Where every such set is among `samples` already, it is a
    duplicate_draw.
    """
    hierarchy = hierarchy_of(tools, kept_api_ids, partners)
    groups_of_tool = hierarchy.groups_by_tool()
    ledger = Ledger(hierarchy, params, known=samples)
    for api_id in sorted(set(wanted_api_ids), key=lambda api_id: key_of(params.seed, api_id, round_no)):
        groups = [group for group in groups_of_tool[tool_of(api_id)] if rate_of(group.scenario, params) > 0]
        if groups and api_id not in ledger.covered:
            draws = _possible_draws(groups, api_id, round_no, params)
            ledger.make(next(filter(ledger.gives_new_set, draws), draws[0]))
    return ledger.drawn()


def _possible_draws(groups: Iterable[Group], api_id: str, round_no: int, params: SampleParams) -> list[Draw]:
    """The draws that could bring the API, the preferred one first."""

    def preference(draw: Draw) -> tuple[bool, str, bool, bytes]:
        chance = key_of(params.seed, api_id, round_no, draw.group.name)
        return (not has_enough_tools(draw.group, params), draw.group.scenario, draw.narrow, chance)

    draws = [
        Draw(group, -round_no, forced_api=api_id, narrow=narrow)
        for group in groups
        for narrow in ((False, True) if group.scenario == SINGLE_TOOL else (False,))
    ]
    return sorted(draws, key=preference)
