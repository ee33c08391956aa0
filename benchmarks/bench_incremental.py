"""What a refresh of the paper's size asks the model when one tool in a hundred has changed.

    python benchmarks/bench_incremental.py [--scale 1.0] [--share 0.01] [--accepted N] [--near-duplicates]
                                           [--every-kind] [--no-sandbox]

3,451 tools with 16,464 APIs in 49 categories and 500 collections, and the paper's mix of scenarios (87,413,
84,815 and 25,251 instructions of G1, G2 and G3, ten a draw), before and after a share of the tools has
changed.

Measured, with the functions that the stages call: the draws, the requests for instructions (each is rendered,
and one whose text was asked before is answered from the store), the selection, the rounds of further draws,
and which instructions are searched for anew: new ones, and those with an API whose fingerprint or document
has changed.  The model is a function in this process: its replies are made of the request's digest, so that
a request that differs at all is answered quite differently.

Derived: the requests of a search, which are taken to be SEARCH_REQUESTS each, in the full run as in the
refresh; whatever they are, the share of requests is between those of draws and of searches.
Left out: probes and documents, which concern the changed APIs alone.  Unless --near-duplicates is given, the
screen for near duplicates is off, which takes minutes at this size.

Beside it, unless --no-sandbox is given, everything is done in earnest at the sandbox's size: `toolloom
refresh` before and after one tool's description has changed, with all requests counted by the endpoint, a
process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
from bench_refresh import Figure, pointing_at, refresh, requests_at, sandbox

from tasks.instructions.fitting import fit_candidates
from tasks.instructions.names import facts_of, names_of
from tasks.instructions.params import InstructParams
from tasks.instructions.propose import propose_for
from tasks.instructions.select import Selection
from tasks.llm.chat import ChatRequest, Reply, digest_of
from tasks.sampling.coverage import forced_draws, wanted_apis
from tasks.sampling.draw import draw_samples
from tasks.sampling.params import SampleParams
from tasks.sampling.ranking import fraction_of, key_of, number_between
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Candidate, Instruction, Sample

TOOLS, APIS, CATEGORIES, COLLECTIONS = 3451, 16464, 49, 500
DRAWS = {"G1": 8741, "G2": 8482, "G3": 2525}
TOOLS_PER_COLLECTION = 14
PER_SAMPLE = 10
SEARCH_REQUESTS = 5  # about those of a search of the sandbox's instructions
GREATEST_SHARE = 0.035
MOST_BEYOND_NEED = 1.2
UNFIT = 0.1  # of what the model writes
WORDS = (
    *("what", "is", "the", "a", "of", "and", "for", "in", "my", "to", "it", "with", "you", "can", "please"),
    *("this", "city", "day", "price", "road", "song", "train", "team", "letter", "number", "name", "colour"),
    *("river", "match", "market", "flight", "recipe", "film", "plant", "code", "light", "bridge", "garden"),
)


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


def _api(tool_id: str, number: int, edition: int = 0) -> Api:
    return Api(
        api_id=f"{tool_id}/api_{number}",
        tool_id=tool_id,
        api_name=f"Api {number}",
        function_name=f"api_{number}",
        description=f"Edition {edition}.",
        protocol="http",
        method="GET",
        url=f"http://paper.test/{number}",
        parameters=(),
        content_type=None,
        body_schema=None,
        security=(),
        read_only=True,
        response_schema=None,
        code_snippet=None,
        example_response=None,
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


@dataclass
class Writer:
    """The model: the same reply to the same request, quite another to any other; counts what it is asked.

    offered: the names of the APIs of each sample.
    """

    name: str = "writer"
    offered: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    asked: int = 0

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:
        digest = digest_of([row_id, ordinal, request.digest(self.name)])
        if digest not in self.stored:
            self.stored.add(digest)
            self.asked += 1
        items = [self._item(digest, number, self.offered[row_id]) for number in range(PER_SAMPLE)]
        return Reply(content=json.dumps(items), finish_reason="stop")

    def copy(self) -> Writer:
        return replace(self, offered=dict(self.offered), stored=set(self.stored))

    def _item(self, digest: str, number: int, names: Sequence[tuple[str, str]]) -> dict[str, object]:
        key = key_of(digest, number)
        words = " ".join(WORDS[byte % len(WORDS)] for byte in (key * 2)[:36])
        if fraction_of(key_of("unfit", digest, number)) < UNFIT:
            return {"query": words[:40], "relevant_apis": []}
        n_needed = number_between(2, 3, key_of("needed", digest, number))
        needed = sorted(names, key=lambda name: key_of(digest, number, *name))[:n_needed]
        # A word of its own, so that no two are alike.
        return {"query": f"I would like to know {words} {key.hex()[:6]}.", "relevant_apis": needed}


@dataclass(frozen=True)
class Refreshed:
    """What a refresh comes to.  asked: requests for instructions; searches: what each rests on."""

    samples: tuple[Sample, ...]
    instructions: tuple[Instruction, ...]
    asked: int
    rounds: int
    searches: Mapping[str, str]

    @property
    def requests(self) -> int:
        return self.asked + SEARCH_REQUESTS * len(self.instructions)


@dataclass(frozen=True)
class Pipeline:
    """sample, propose and select, with rounds, as flows/build_instructions.py runs them."""

    sampling: SampleParams
    writing: InstructParams
    model: Writer

    def refresh(self, world: Catalogue, before: Refreshed | None = None) -> Refreshed:
        asked_before = self.model.asked
        api_ids = [api.api_id for api in world.every_api]
        tools = list(world.tools.values())
        samples = list(draw_samples(tools, api_ids, self.sampling).samples)
        candidates = self._written(world, samples)
        selected = self._selected(world, samples, candidates, before)
        rounds = 0
        for number in range(1, self.writing.rounds + 1):
            wanted = wanted_apis(
                api_ids,
                samples,
                selected,
                accepted=self.writing.accepted,
                round_no=number,
                params=self.sampling,
            )
            more = forced_draws(tools, api_ids, wanted, samples, round_no=number, params=self.sampling)
            if not more.samples:
                break
            rounds = number
            samples += more.samples
            candidates += self._written(world, more.samples)
            selected = self._selected(world, samples, candidates, before)
        return Refreshed(
            samples=tuple(samples),
            instructions=tuple(selected),
            asked=self.model.asked - asked_before,
            rounds=rounds,
            searches=_searches(world, selected),
        )

    def _written(self, world: Catalogue, samples: Sequence[Sample]) -> list[Candidate]:
        names, documents = names_of(world.tools.values(), world.every_api), world.documents()
        for sample in samples:
            named = [names[api_id] for api_id in sample.api_ids]
            self.model.offered[sample.sample_id] = [(name.tool_name, name.api_name) for name in named]

        async def write() -> list[Candidate]:
            proposed = [
                await propose_for(sample, documents, names, self.model, self.writing) for sample in samples
            ]
            return [candidate for each in proposed for candidate in each.candidates]

        return asyncio.run(write())

    def _selected(
        self,
        world: Catalogue,
        samples: Sequence[Sample],
        candidates: Sequence[Candidate],
        before: Refreshed | None,
    ) -> list[Instruction]:
        facts = facts_of(world.tools.values(), world.every_api)
        kept = frozenset(
            row.instruction_id
            for row in (() if before is None else before.instructions)
            if row.api_fingerprints == tuple(facts.fingerprints.get(api_id) for api_id in row.api_ids)
        )
        fitted = fit_candidates(candidates, samples, facts, self.writing, kept)
        return list(Selection(fitted, self.writing, kept).selected({}).instructions)


def _searches(world: Catalogue, instructions: Iterable[Instruction]) -> dict[str, str]:
    documents = world.documents()
    return {
        row.instruction_id: digest_of(
            [row.query, row.api_fingerprints, [documents[api_id].document for api_id in row.api_ids]]
        )
        for row in instructions
    }


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


@dataclass(frozen=True)
class Touched:
    """What a change concerns, and what was asked for it: draws, and searches of instructions."""

    draws: int
    draws_asked: int
    instructions: int
    searches: int


def touched(world: Catalogue, full: Refreshed, now: Catalogue, again: Refreshed) -> Touched:
    """Of draws: those there were with an API that changed or died, and those there are with a new one.

    Of instructions: those that cannot stay, since an API changed or died or a new one came into their draw;
    or those of draws with a new API, when they are more.  What changes only because rounds of further draws
    or the selection turn out differently is not touched.
    """
    was = {api.api_id: api.fingerprint for api in world.every_api}
    now_is = {api.api_id: api.fingerprint for api in now.every_api}
    gone = {api_id for api_id, fingerprint in was.items() if now_is.get(api_id) != fingerprint}
    new = now_is.keys() - was.keys()
    drawn_still = {sample.sample_id for sample in again.samples}
    displaced = {
        sample.sample_id
        for sample in full.samples
        if sample.round_no == 0 and sample.sample_id not in drawn_still
    }
    n_gone = sum(row.sample_id in displaced or not gone.isdisjoint(row.api_ids) for row in full.instructions)
    return Touched(
        draws=_with_any(gone, full.samples) + _with_any(new, again.samples),
        draws_asked=again.asked,
        instructions=max(n_gone, _with_any(new, again.instructions)),
        searches=sum(full.searches.get(key) != rests_on for key, rests_on in again.searches.items()),
    )


def _with_any(api_ids: Set[str], rows: Iterable[Sample | Instruction]) -> int:
    return sum(not api_ids.isdisjoint(row.api_ids) for row in rows)


def figures_of(name: str, full: Refreshed, found: Touched) -> list[Figure]:
    requests = found.draws_asked + SEARCH_REQUESTS * found.searches
    print(
        f"{name}: {found.draws:,} draws touched, {found.draws_asked:,} asked "
        f"({found.draws_asked / full.asked:.2%} of all); {found.instructions:,} instructions touched, "
        f"{found.searches:,} searched ({found.searches / len(full.instructions):.2%}); "
        f"so {requests:,} requests of {full.requests:,}"
    )
    return [
        Figure(f"{name}: share of requests", requests / full.requests, greatest=GREATEST_SHARE),
        *beyond_need(name, found),
    ]


def beyond_need(name: str, found: Touched) -> list[Figure]:
    return [
        Figure(f"{name}: draws asked/touched", found.draws_asked / found.draws, greatest=MOST_BEYOND_NEED),
        Figure(f"{name}: searches/touched", found.searches / found.instructions, greatest=MOST_BEYOND_NEED),
    ]


def at_paper_size(options: argparse.Namespace) -> list[Figure]:
    world = catalogue(options.scale)
    screens = {} if options.near_duplicates else {"near_duplicate": False}
    writing = InstructParams(screens=screens, accepted=options.accepted)
    pipeline = Pipeline(paper_mix(world, options.scale), writing, Writer())
    full = pipeline.refresh(world)
    print(
        f"{len(world.tools):,} tools, {len(world.every_api):,} APIs, {len(full.samples):,} draws, "
        f"{len(full.instructions):,} instructions, {full.rounds} rounds of further draws; "
        f"of the tools {options.share:.1%} change:"
    )
    figures = [Figure("nothing changed: requests", pipeline.refresh(world, full).asked, greatest=0)]
    for name in KINDS if options.every_kind else [next(iter(KINDS))]:
        changed = KINDS[name](world, some(world, options.share))
        again = replace(pipeline, model=pipeline.model.copy()).refresh(changed, full)
        figures += figures_of(name, full, touched(world, full, changed, again))
    return figures


def at_sandbox_size() -> list[Figure]:
    """Everything in earnest: the command, real calls, and an endpoint that counts what reaches it."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        refresh(data)
        changes = Path(folder) / "changes.json"
        changes.write_text(json.dumps(SANDBOX_CHANGES))
        with sandbox(Path(folder), "--changes", str(changes)) as addresses:
            settings = {**pointing_at(addresses), "catalogue.max_age": "PT0S"}
            refresh(data, [part for item in settings.items() for part in ("--set", "=".join(item))])
            arrived = requests_at(addresses)
        query = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
        with duckdb.connect(str(data / "toolloom.duckdb"), read_only=True) as connection:
            (row,) = connection.sql(query).df().to_dict("records")
    first = row.pop("first")
    print(f"sandbox, in earnest: {arrived:,} requests reached the endpoint; {first:,} in the first refresh")
    return beyond_need("sandbox", Touched(**row))


SANDBOX_CHANGES = [{"change": "describe", "tool": "Science/physical-constants"}]


def main() -> int:
    parser = argparse.ArgumentParser(description="Requests of a refresh after a few tools have changed.")
    parser.add_argument("--scale", type=float, default=1.0, help="of the paper's size")
    parser.add_argument("--share", type=float, default=0.01, help="of the tools that changes")
    parser.add_argument("--accepted", type=int, help="[instruct] accepted; without it all fit ones are taken")
    parser.add_argument("--near-duplicates", action="store_true", help="with that screen, which takes longer")
    parser.add_argument("--every-kind", action="store_true", help="of change by itself, too")
    parser.add_argument("--no-sandbox", action="store_true", help="without the refreshes of the sandbox")
    options = parser.parse_args()
    figures = at_paper_size(options) + ([] if options.no_sandbox else at_sandbox_size())
    print("", *figures, sep="\n")
    return 0 if all(figure.passed for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
