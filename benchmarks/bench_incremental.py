"""What a refresh of the paper's size asks again when one tool in a hundred has changed.

    python benchmarks/bench_incremental.py [--scale 1.0] [--share 0.01]

3,451 tools with 16,464 APIs in 49 categories and 500 collections are drawn from, by the code a refresh uses,
as often as gives the paper's mix of scenarios (87,413, 84,815 and 25,251 instructions of G1, G2 and G3, ten
a draw), before and after a share of the tools has changed.  A draw that is new, or that shows a document
which differs, is asked for again, with its instructions and their searches; all others are in the reply
store.  Requests are in proportion to draws: one for the draw, and those of its instructions.

What of that selection adds, tests/flows/test_incremental.py counts in whole refreshes.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from tasks.sampling.draw import draw_samples
from tasks.sampling.params import SampleParams
from tasks.sampling.ranking import fraction_of, key_of, number_between
from warehouse.tables.catalogue import Tool
from warehouse.tables.instructions import Sample

TOOLS, APIS, CATEGORIES, COLLECTIONS = 3451, 16464, 49, 500
DRAWS = {"G1": 8741, "G2": 8482, "G3": 2525}
TOOLS_PER_COLLECTION = 14
GREATEST_SHARE = 0.035


@dataclass(frozen=True)
class Catalogue:
    """Tools with their APIs; changed: tools whose documents differ from those there were."""

    tools: dict[str, Tool]
    apis: dict[str, tuple[str, ...]]
    changed: frozenset[str] = frozenset()

    @property
    def api_ids(self) -> Iterable[str]:
        return (api for tool_id in self.tools for api in self.apis[tool_id])


def catalogue(scale: float) -> Catalogue:
    """Categories and collections of every size, as a marketplace has them."""
    tools = {tool.tool_id: tool for tool in (_tool(number) for number in range(int(TOOLS * scale)))}
    numbers = dict(enumerate(tools))
    apis = {
        numbers[at]: tuple(f"{numbers[at]}/api_{api}" for api in range(at, int(APIS * scale), len(tools)))
        for at in numbers
    }
    return Catalogue(tools, apis)


def _tool(number: int) -> Tool:
    # The square of an even number in [0, 1) puts many tools into few categories.
    category = f"Category {int(CATEGORIES * fraction_of(key_of('category', number)) ** 2)}"
    n_collections = number_between(0, 2 * COLLECTIONS * TOOLS_PER_COLLECTION // TOOLS, key_of("n", number))
    collections = {number_between(1, COLLECTIONS, key_of("in", number, at)) for at in range(n_collections)}
    return Tool(
        tool_id=f"{category}/tool_{number}",
        category=category,
        tool_name=f"Tool {number}",
        standardized_name=f"tool_{number}",
        description="",
        host="http://paper.test",
        collections=tuple(f"Collection {each}" for each in sorted(collections)),
        source="hub",
        source_url="http://hub.test",
        licence=None,
        n_apis=APIS // TOOLS,
        split="train",
        fingerprint="",
    )


def drawn(world: Catalogue, params: SampleParams) -> dict[str, Sample]:
    found = draw_samples(world.tools.values(), world.api_ids, params)
    return {sample.sample_id: sample for sample in found.samples}


def paper_mix(world: Catalogue, scale: float) -> SampleParams:
    n_tools, n_members = len(world.tools), sum(len(tool.collections) for tool in world.tools.values())
    return SampleParams(
        draws_per_tool=DRAWS["G1"] * scale / n_tools,
        draws_per_tool_in_category=DRAWS["G2"] * scale / n_tools,
        draws_per_tool_in_collection=DRAWS["G3"] * scale / n_members,
    )


def some(world: Catalogue, share: float) -> list[str]:
    """The tools that something becomes of, by chance."""
    ranked = sorted(world.tools, key=lambda tool_id: key_of("changes", tool_id))
    return ranked[: max(1, round(share * len(ranked)))]


def described(world: Catalogue, chosen: list[str]) -> Catalogue:
    return replace(world, changed=world.changed | frozenset(chosen))


def dead(world: Catalogue, chosen: list[str]) -> Catalogue:
    return replace(world, tools={key: tool for key, tool in world.tools.items() if key not in chosen})


def joined(world: Catalogue, chosen: list[str]) -> Catalogue:
    """As many new tools, in the groups of the chosen."""
    new = [replace(world.tools[key], tool_id=f"{key}_new", tool_name=f"{key} new") for key in chosen]
    apis = {tool.tool_id: tuple(f"{tool.tool_id}/api_{at}" for at in range(5)) for tool in new}
    return replace(world, tools=world.tools | {tool.tool_id: tool for tool in new}, apis=world.apis | apis)


def of_each(world: Catalogue, chosen: list[str]) -> Catalogue:
    third = max(1, len(chosen) // 3)
    changed = described(world, chosen[: -2 * third])
    return joined(dead(changed, chosen[-2 * third : -third]), chosen[-third:])


KINDS: dict[str, Callable[[Catalogue, list[str]], Catalogue]] = {
    "documented anew": described,
    "dead": dead,
    "new": joined,
    "a third of each": of_each,
}


def asked_again(before: dict[str, Sample], after: dict[str, Sample], changed: frozenset[str]) -> list[Sample]:
    return [
        sample
        for sample_id, sample in after.items()
        if sample_id not in before or not changed.isdisjoint(sample.tool_ids)
    ]


def line(kind: str, again: list[Sample], before: dict[str, Sample]) -> tuple[str, bool]:
    whole, parts = Counter(sample.scenario for sample in before.values()), Counter(s.scenario for s in again)
    share = len(again) / len(before)
    passed = share <= GREATEST_SHARE
    by_scenario = "  ".join(f"{name} {parts[name] / whole[name]:6.2%}" for name in sorted(whole))
    verdict = "PASS" if passed else "FAIL"
    return f"{kind:<18} {share:6.2%}   {by_scenario}   at most {GREATEST_SHARE:.1%}   {verdict}", passed


def main() -> int:
    parser = argparse.ArgumentParser(description="Requests of a refresh after a few tools have changed.")
    parser.add_argument("--scale", type=float, default=1.0, help="of the paper's size")
    parser.add_argument("--share", type=float, default=0.01, help="of the tools that changes")
    options = parser.parse_args()
    world = catalogue(options.scale)
    params = paper_mix(world, options.scale)
    before = drawn(world, params)
    size = f"{len(world.tools):,} tools, {len(list(world.api_ids)):,} APIs, {len(before):,} draws"
    print(f"{size}; of the tools {options.share:.1%}:")
    unchanged = asked_again(before, drawn(world, params), world.changed)
    verdict = "FAIL" if unchanged else "PASS"
    print(f"nothing changed: {len(unchanged)} draws asked again   at most 0   {verdict}")
    results = [not unchanged]
    for kind, become in KINDS.items():
        changed = become(world, some(world, options.share))
        text, passed = line(kind, asked_again(before, drawn(changed, params), changed.changed), before)
        print(text)
        results.append(passed)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
