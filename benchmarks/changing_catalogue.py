"""A catalogue of the paper's size and mix, and what may become of its tools between two crawls."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from catalogue import a_tool, an_api

from tasks.sampling.hierarchy import fraction_of, key_of, number_between
from tasks.sampling.params import SampleParams
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.documents import Document

TOOLS, APIS, CATEGORIES, COLLECTIONS = 3451, 16464, 49, 500
DRAWS = {"G1": 8741, "G2": 8482, "G3": 2525}
TOOLS_PER_COLLECTION = 14


@dataclass(frozen=True)
class Catalogue:
    """Tools with their APIs by tool_id."""

    tools: Mapping[str, Tool]
    apis: Mapping[str, tuple[Api, ...]]

    @property
    def every_api(self) -> list[Api]:
        return [api for tool_id in self.tools for api in self.apis[tool_id]]

    def documents(self) -> dict[str, Document]:
        return {api.api_id: _document(api) for api in self.every_api}


def catalogue(scale: float) -> Catalogue:
    """Categories and collections of every size, as a marketplace has them."""
    tools = [_tool(number) for number in range(int(TOOLS * scale))]
    numbers = {tool.tool_id: range(at, int(APIS * scale), len(tools)) for at, tool in enumerate(tools)}
    apis = {tool_id: tuple(_api(tool_id, number) for number in own) for tool_id, own in numbers.items()}
    return Catalogue({tool.tool_id: tool for tool in tools}, apis)


def _tool(number: int) -> Tool:
    # The square of an even number in [0, 1) puts many tools into few categories.
    category = f"Category {int(CATEGORIES * fraction_of(key_of('category', number)) ** 2)}"
    n_collections = number_between(0, 2 * COLLECTIONS * TOOLS_PER_COLLECTION // TOOLS, key_of("n", number))
    collections = {number_between(1, COLLECTIONS, key_of("in", number, at)) for at in range(n_collections)}
    return a_tool(
        f"{category}/tool_{number}",
        tool_name=f"Tool {number}",
        host="http://paper.test",
        collections=tuple(f"Collection {each}" for each in sorted(collections)),
        source_url="http://hub.test",
        n_apis=APIS // TOOLS,
    )


def _api(tool_id: str, number: int, edition: int = 0) -> Api:
    return an_api(
        f"{tool_id}/api_{number}",
        api_name=f"Api {number}",
        description=f"Edition {edition}.",
        url=f"http://paper.test/{number}",
        fingerprint=f"{number} {edition}",
    )


def _document(api: Api) -> Document:
    about = {"tool_name": api.tool_id.rpartition("_")[2], "api_name": api.api_name, "about": api.description}
    return Document(
        api_id=api.api_id,
        document=json.dumps(about),
        response_schema="{}",
        tokens_before=0,
        tokens_after=0,
        method="as-is",
    )


def paper_mix(world: Catalogue, scale: float) -> SampleParams:
    n_tools, n_members = len(world.tools), sum(len(tool.collections) for tool in world.tools.values())
    return SampleParams(
        draws_per_tool=DRAWS["G1"] * scale / n_tools,
        draws_per_tool_in_category=DRAWS["G2"] * scale / n_tools,
        draws_per_tool_in_collection=DRAWS["G3"] * scale / n_members,
    )


Change = Callable[[Catalogue, Sequence[str]], Catalogue]


def described(world: Catalogue, chosen: Sequence[str]) -> Catalogue:
    """The chosen tools are documented anew."""
    anew = {
        tool_id: tuple(
            replace(api, description="Edition 1.", fingerprint=f"{api.fingerprint} anew")
            for api in world.apis[tool_id]
        )
        for tool_id in chosen
    }
    return replace(world, apis={**world.apis, **anew})


def dead(world: Catalogue, chosen: Sequence[str]) -> Catalogue:
    return replace(world, tools={key: tool for key, tool in world.tools.items() if key not in chosen})


def joined(world: Catalogue, chosen: Sequence[str]) -> Catalogue:
    """As many new tools, in the groups of the chosen."""
    new = [replace(world.tools[key], tool_id=f"{key}_new", tool_name=f"{key} new") for key in chosen]
    apis = {tool.tool_id: tuple(_api(tool.tool_id, at) for at in range(5)) for tool in new}
    return Catalogue({**world.tools, **{tool.tool_id: tool for tool in new}}, {**world.apis, **apis})


def of_each(world: Catalogue, chosen: Sequence[str]) -> Catalogue:
    third = max(1, len(chosen) // 3)
    changed = described(world, chosen[: -2 * third])
    return joined(dead(changed, chosen[-2 * third : -third]), chosen[-third:])


KINDS: dict[str, Change] = {
    "a third of each": of_each,
    "documented anew": described,
    "dead": dead,
    "new": joined,
}


def some(world: Catalogue, share: float) -> list[str]:
    """The tools that something becomes of, by chance."""
    ranked = sorted(world.tools, key=lambda tool_id: key_of("changes", tool_id))
    return ranked[: max(1, round(share * len(ranked)))]
