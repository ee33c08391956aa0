"""A refresh from draws to searches, with the functions that the stages call and a model in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from changing_catalogue import Catalogue

from tasks.exact_json import digest_of
from tasks.instructions.fitting import fit_candidates
from tasks.instructions.names import facts_of, names_of
from tasks.instructions.params import InstructParams
from tasks.instructions.propose import propose_for
from tasks.instructions.select import Selection
from tasks.llm.chat import ChatRequest, Reply
from tasks.sampling.coverage import forced_draws, wanted_apis
from tasks.sampling.draw import draw_samples
from tasks.sampling.hierarchy import fraction_of, key_of, number_between
from tasks.sampling.params import SampleParams
from warehouse.tables.instructions import Candidate, Instruction, Sample

PER_SAMPLE = 10
SEARCH_REQUESTS = 5  # about those of a search of the sandbox's instructions
UNFIT = 0.1  # of what the model writes
WORDS = (
    *("what", "is", "the", "a", "of", "and", "for", "in", "my", "to", "it", "with", "you", "can", "please"),
    *("this", "city", "day", "price", "road", "song", "train", "team", "letter", "number", "name", "colour"),
    *("river", "match", "market", "flight", "recipe", "film", "plant", "code", "light", "bridge", "garden"),
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
    """sample, propose and select, with rounds, as flows/build_dataset.py runs them."""

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
