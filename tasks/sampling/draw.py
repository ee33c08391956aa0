"""Sets of APIs, drawn so that a changed catalogue changes only the draws it must (paper section 2.2).

Within a draw, tools and APIs are ranked by a hash of (seed, scenario, group, split, draw) and their own
id, and the first ones are taken.  Which others exist has no part in an item's rank, so a new tool changes
only the draws it ranks high enough to enter, and a dead one only those it was in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from tasks.sampling.hierarchy import (
    SAME_CATEGORY,
    SAME_COLLECTION,
    SINGLE_TOOL,
    Group,
    Hierarchy,
    fraction_of,
    hierarchy_of,
    key_of,
    number_between,
    ranked,
    tool_of,
)
from tasks.sampling.params import SampleParams
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Tool
from warehouse.tables.instructions import Sample

STAGE = "sample"
TOO_FEW_TOOLS = "too_few_tools"


@dataclass(frozen=True, slots=True)
class Drawn:
    """The account of some draws: n_draws = len(samples) + len(rejects).

    Samples and rejects are in the order of the draws.  Reasons of rejects: too_few_tools (the group
    has fewer tools than a set needs), duplicate_draw (an earlier draw gave the same set).
    """

    samples: tuple[Sample, ...]
    rejects: tuple[Reject, ...]
    n_draws: int


@dataclass(frozen=True, slots=True)
class Draw:
    """The `number`-th draw of a group; `forced_api` is in it whatever its rank.

    narrow: not all APIs of a tool, even in a forced draw.
    """

    group: Group
    number: int
    forced_api: str | None = None
    narrow: bool = False

    @property
    def row_id(self) -> str:
        forced = "" if self.forced_api is None else f":{self.forced_api}"
        return f"{self.group.label}#{self.number}{forced}"

    def key(self, seed: int, *more: str) -> bytes:
        group = self.group
        return key_of(
            seed, group.scenario, group.name, group.split, self.number, self.forced_api or "", *more
        )


def draw_samples(
    tools: Iterable[Tool],
    kept_api_ids: Iterable[str],
    params: SampleParams,
    partners: Mapping[str, tuple[str, ...]] | None = None,
) -> Drawn:
    """Draw the sets of APIs that instructions are written for.

    partners: see `hierarchy_of`.  Equal sets are one sample, that of the lowest (scenario, group, draw).
    Raises BrokenContract when a kept API has no tool.
    """
    hierarchy = hierarchy_of(tools, kept_api_ids, partners)
    ledger = Ledger(hierarchy, params)
    for group in hierarchy.groups:
        for number in range(number_of_draws(group, params)):
            ledger.make(Draw(group, number))
    return ledger.drawn()


def number_of_draws(group: Group, params: SampleParams) -> int:
    """The draws of a group: rate * members, a fraction rounded up or down by the hash of the group.

    Where the members are gathered around one, it brings the draws; the others have groups of their own.

    The chance of rounding up is the fraction itself, so that 0.1 draws per tool over 1,000 tools are
    about 100 draws.  A further member never makes them fewer.
    """
    expected = rate_of(group.scenario, params) * (1 if group.centre else len(group.tool_ids))
    chance = fraction_of(key_of(params.seed, group.scenario, group.name, group.split))
    return math.ceil(expected - chance)


def rate_of(scenario: str, params: SampleParams) -> float:
    """How many draws a tool brings to a group of this scenario."""
    return {
        SINGLE_TOOL: params.draws_per_tool,
        SAME_CATEGORY: params.draws_per_tool_in_category,
        SAME_COLLECTION: params.draws_per_tool_in_collection,
    }[scenario]


def has_enough_tools(group: Group, params: SampleParams) -> bool:
    return group.scenario == SINGLE_TOOL or len(group.tool_ids) >= params.tools[0]


class Ledger:
    """Makes draws, each of which ends as a sample or as a reject.

    `known`: samples of earlier draws; their sets are not given again.
    """

    def __init__(self, hierarchy: Hierarchy, params: SampleParams, known: Iterable[Sample] = ()) -> None:
        self._apis_of_tool = hierarchy.apis_of_tool
        self._params = params
        self._sample_of_set = {sample.api_ids: sample for sample in known}
        self._samples: list[Sample] = []
        self._rejects: list[Reject] = []
        self.covered: set[str] = set()
        """The APIs of the samples made here."""

    def make(self, draw: Draw) -> None:
        if not has_enough_tools(draw.group, self._params):
            n_tools, needed = len(draw.group.tool_ids), self._params.tools[0]
            self._reject(draw, TOO_FEW_TOOLS, f"tools with a kept API: {n_tools}, needed: {needed}")
            return
        sample = self._sample(draw)
        first = self._sample_of_set.setdefault(sample.api_ids, sample)
        if first is sample:
            self._samples.append(sample)
            self.covered.update(sample.api_ids)
        else:
            self._reject(draw, "duplicate_draw", f"the set of {first.group}#{first.draw}, {first.sample_id}")

    def gives_new_set(self, draw: Draw) -> bool:
        """Whether the draw would be a sample."""
        return has_enough_tools(draw.group, self._params) and (
            self._sample(draw).api_ids not in self._sample_of_set
        )

    def drawn(self) -> Drawn:
        n_draws = len(self._samples) + len(self._rejects)
        return Drawn(tuple(self._samples), tuple(self._rejects), n_draws)

    def _reject(self, draw: Draw, reason: str, detail: str) -> None:
        self._rejects.append(Reject(stage=STAGE, row_id=draw.row_id, reason=reason, detail=detail))

    def _sample(self, draw: Draw) -> Sample:
        tool_ids = self._tools(draw)
        api_ids = tuple(sorted(api_id for tool_id in tool_ids for api_id in self._apis(draw, tool_id)))
        return Sample(
            sample_id=key_of(draw.group.scenario, *api_ids)[:16].hex(),
            scenario=draw.group.scenario,
            group=draw.group.name,
            draw=draw.number,
            api_ids=api_ids,
            tool_ids=tuple(sorted(tool_ids)),
            split=draw.group.split,
        )

    def _tools(self, draw: Draw) -> list[str]:
        seed, wanted = self._params.seed, self._params.tools
        n_tools = number_between(*wanted, draw.key(seed, "number of tools"))
        wished = (draw.group.centre, "" if draw.forced_api is None else tool_of(draw.forced_api))
        forced = tuple(dict.fromkeys(tool_id for tool_id in wished if tool_id))
        return list(_first(ranked(draw.group.tool_ids, draw.key(seed)), n_tools, forced))

    def _apis(self, draw: Draw, tool_id: str) -> Iterator[str]:
        n_apis = self._number_of_apis(draw, tool_id)
        forced = () if draw.forced_api is None or tool_of(draw.forced_api) != tool_id else (draw.forced_api,)
        return _first(ranked(self._apis_of_tool[tool_id], draw.key(self._params.seed)), n_apis, forced)

    def _number_of_apis(self, draw: Draw, tool_id: str) -> int:
        """How many APIs a tool gives to a draw, if it has as many."""
        single = draw.group.scenario == SINGLE_TOOL
        most = self._params.apis_single_tool if single else self._params.apis_per_tool
        # The first draw of a tool offers all it may.  Further ones would only repeat it, for every tool
        # that has no more, if their number were not left to chance.
        if draw.narrow:
            most = min(most, max(1, len(self._apis_of_tool[tool_id]) - 1))
        elif single and draw.number <= 0:
            return most
        return number_between(1, most, draw.key(self._params.seed, "number of APIs", tool_id))


def _first(ranking: Iterable[str], number: int, forced: tuple[str, ...]) -> Iterator[str]:
    yield from forced
    others = (item for item in ranking if item not in forced)
    yield from islice(others, number - len(forced))
