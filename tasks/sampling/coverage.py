"""Draws forced on APIs that no sample contains.

What a forced draw contains depends on (seed, API, round) and its group alone, so that a refresh asks the
model again only for sets that really are new.
"""

from __future__ import annotations

from collections.abc import Iterable

from tasks.sampling.draw import Draw, Drawn, Ledger, has_enough_tools, rate_of
from tasks.sampling.hierarchy import Group, hierarchy_of, tool_of
from tasks.sampling.params import SampleParams
from tasks.sampling.ranking import key_of
from warehouse.tables.catalogue import Tool
from warehouse.tables.instructions import Sample


def uncovered_apis(kept_api_ids: Iterable[str], samples: Iterable[Sample]) -> tuple[str, ...]:
    """The kept APIs that no sample contains, sorted."""
    covered = {api_id for sample in samples for api_id in sample.api_ids}
    return tuple(sorted(set(kept_api_ids) - covered))


def forced_draws(
    tools: Iterable[Tool],
    kept_api_ids: Iterable[str],
    wanted_api_ids: Iterable[str],
    samples: Iterable[Sample],
    *,
    round_no: int,
    params: SampleParams,
) -> Drawn:
    """Round `round_no` (from 1) of draws, each forced on one wanted API (a kept one).

    The wanted APIs are taken in the order of hash(seed, API, round); one that an earlier draw of the
    round happens to contain needs no draw of its own.  A draw is of the API's tool alone where `params`
    has G1 draws, else of its category, else of a collection.  `Sample.draw` is -round_no.  A set that
    is among `samples` already is a duplicate_draw.
    """
    hierarchy = hierarchy_of(tools, kept_api_ids)
    groups_of_tool = hierarchy.groups_by_tool()
    ledger = Ledger(hierarchy, params, known=samples)
    for api_id in sorted(set(wanted_api_ids), key=lambda api_id: key_of(params.seed, api_id, round_no)):
        groups = [group for group in groups_of_tool[tool_of(api_id)] if rate_of(group.scenario, params) > 0]
        if groups and api_id not in ledger.covered:
            group = min(groups, key=lambda group: _preference(group, api_id, round_no, params))
            ledger.make(Draw(group, -round_no, forced_api=api_id))
    return ledger.drawn()


def _preference(group: Group, api_id: str, round_no: int, params: SampleParams) -> tuple[bool, str, bytes]:
    chance = key_of(params.seed, api_id, round_no, group.name)
    return (not has_enough_tools(group, params), group.scenario, chance)
