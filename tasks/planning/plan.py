"""What a refresh would ask of the model: rows are run against the stores alone, and the missing counted."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from tasks.calling.recording import RecordingCaller
from tasks.documents.params import CompressParams
from tasks.documents.shorten import Compressor
from tasks.exporting.searches import level_of_instruction
from tasks.instructions.names import names_of
from tasks.instructions.params import InstructParams
from tasks.instructions.propose import propose_for
from tasks.instructions.verify import verify
from tasks.judging.params import EvaluateParams
from tasks.llm.chat import ReplyStore
from tasks.llm.params import Capabilities, LlmParams
from tasks.planning.estimate import (
    ACCEPTED_SHARE,
    FURTHER_ROUND,
    KEPT_SHARE,
    NEEDED_APIS,
    OVER_BUDGET_SHARE,
    PASSED_SHARE,
    Estimate,
    Figures,
    StageEstimate,
    estimated,
)
from tasks.planning.judging import (
    Asked,
    CountingModel,
    answers_there_are,
    answers_to_come,
    judging_stages,
)
from tasks.planning.known import Known
from tasks.planning.looking import Ask, Deferred, DeferringModel, Look, look
from tasks.probing.params import ProbeParams
from tasks.sampling.alike import partners_of, with_distractors
from tasks.sampling.coverage import forced_draws
from tasks.sampling.draw import draw_samples
from tasks.sampling.params import SampleParams
from tasks.search.annotate import Budgets, annotate_instruction, choose_instructions
from tasks.search.params import BUDGET_METHOD, AnnotateParams
from warehouse.tables.annotations import Annotation
from warehouse.tables.catalogue import Tool
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Instruction, Sample


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


R = TypeVar("R")

ROWS_LOOKED_AT = 2_000
SEARCHES_LOOKED_AT = 500


@dataclass(frozen=True)
class Settings:
    """Of a refresh, as far as they decide what is asked.

    documents: digest of what they are made with.  held_out: of `[export]`.  budgets: of react@budget.
    """

    llm: LlmParams
    probe: ProbeParams
    compress: CompressParams
    sample: SampleParams
    instruct: InstructParams
    annotate: AnnotateParams
    evaluate: EvaluateParams
    documents: str
    held_out: float
    budgets: Budgets | None = None


@dataclass(frozen=True)
class _Chosen:
    """Instructions that will be accepted: how many, how that is known, and which stay from before.

    share_new: of the samples, those that will have new instructions.
    """

    n: int
    words: str
    staying: Sequence[Instruction]
    share_new: float

    @property
    def n_new(self) -> float:
        return self.n - len(self.staying) * (1 - self.share_new)


@dataclass
class Planner:
    """figures: by stage.  replies, calls: the stores, which are only read.  capabilities: of the endpoint."""

    known: Known
    settings: Settings
    figures: Mapping[str, Figures]
    replies: ReplyStore
    calls: RecordingCaller
    capabilities: Capabilities
    judge_capabilities: Capabilities
    most: int = ROWS_LOOKED_AT
    _documents: dict[str, Document] = field(default_factory=dict)
    _answers: dict[str, Annotation] = field(default_factory=dict)

    async def estimate(self) -> Estimate:
        samples = await self._samples()
        compress = await self._compress()
        further, words = self._further(samples)
        propose, share_new = await self._propose(samples, further, words)
        chosen = self._chosen(samples, further, share_new)
        select = await self._select(chosen)
        searched = self._searched(chosen)
        annotate = await self._annotate(searched)
        judging = await self._judging(chosen, searched) if self.settings.evaluate.in_refresh else ()
        stages = (self._probe(), compress, propose, select, annotate, *judging)
        return Estimate(stages=stages, assumptions=self._assumptions())

    async def judging(self) -> Estimate:
        """Of the answers there are."""
        return Estimate(stages=await self._votes(answers_there_are(self.known)))

    async def _judging(self, chosen: _Chosen, searched: _Chosen) -> tuple[StageEstimate, ...]:
        """Of the answers that stay, of those that the stores hold, and of those that are yet to be found."""
        asked = answers_to_come(
            self.known,
            {row.instruction_id: 1.0 - chosen.share_new for row in chosen.staying},
            {row.instruction_id: self._answers.get(row.instruction_id) for row in searched.staying},
            self.settings.annotate,
            self.settings.llm.model,
        )
        # The draw is by the same hash as that of the searches, so that each of it was looked at.
        return await self._votes(asked, most=SEARCHES_LOOKED_AT, n_new=searched.n_new)

    async def _votes(
        self, asked: Mapping[str, Asked], *, most: int = ROWS_LOOKED_AT, n_new: float = 0.0
    ) -> tuple[StageEstimate, ...]:
        judge = self.settings.evaluate.judge or self.settings.llm
        return await judging_stages(
            asked,
            {api_id: verdict.works for api_id, verdict in self.known.verdicts.items()},
            self.settings.evaluate,
            judge,
            self.figures,
            model_of_row=lambda: CountingModel(self.replies, judge, self.judge_capabilities),
            most=min(self.most, most),
            n_new=n_new,
        )

    async def _samples(self) -> list[Sample]:
        """The first draws as they will be, and the further ones as they were, where their APIs still work."""
        kept = self._documented()
        tools, params = self.known.tools.values(), self.settings.sample
        documents = [await self._document(api_id) for api_id in kept] if params.partners else []
        first = draw_samples(tools, kept, params, partners_of(documents, tools, params)).samples
        there, working = {sample.sample_id for sample in first}, frozenset(kept)
        further = [sample for sample in self.known.further if sample.sample_id not in there]
        return [*first, *(sample for sample in further if working.issuperset(sample.api_ids))]

    def _offers(self, samples: Iterable[Sample]) -> dict[str, tuple[str, ...]]:
        """What will be on offer, by sample; of those whose APIs have documents."""
        known, n = self.known, self.settings.sample.distractors
        kept = set(self._documented())
        shown = {api_id: row for api_id, row in known.documents.items() if api_id in kept}
        there = [sample for sample in samples if shown.keys() >= set(sample.api_ids)]
        offers = with_distractors(there, shown.values(), known.tools.values(), n) if n else there
        return {sample.sample_id: sample.offered for sample in offers}

    def _model(self) -> DeferringModel:
        return DeferringModel(self.replies, self.settings.llm, self.capabilities)

    def _assumptions(self) -> tuple[str, ...]:
        known = self.known
        words = [f"the catalogue is the one that was crawled last: {len(known.apis):,} APIs"]
        if not known.verdicts:
            words.append(
                f"no API was called yet: {KEPT_SHARE:.0%} of them are taken to work; "
                "`toolloom refresh --until probe` finds out, and asks no model"
            )
        return tuple(words)

    def _documented(self) -> list[str]:
        return self.known.kept if self.known.verdicts else list(self.known.apis)

    def _stage(
        self,
        stage: str,
        requests: float,
        *,
        at_once: int | None = None,
        found: Look | None = None,
        words: str = "",
    ) -> StageEstimate:
        figures = self.figures[stage]
        return estimated(
            stage,
            requests,
            figures,
            self.settings.llm,
            tokens_in_each=None if found is None or figures.measured else found.tokens_in_each,
            at_once=at_once,
            in_batches=self.settings.llm.batch and stage not in {"annotate", "probe"},
            assumptions=[*(() if found is None else found.words), *([words] if words else [])],
        )

    def _probe(self) -> StageEstimate:
        """Requests for arguments cannot be counted: they depend on what the APIs answer."""
        if not self.settings.probe.model_arguments:
            return self._stage("probe", 0)
        new = self.known.apis.keys() - self.known.verdicts.keys()
        return self._stage("probe", len(new), words="one request for each API that was not called yet")

    async def _compress(self) -> StageEstimate:
        if not self.known.verdicts:
            requests = len(self.known.apis) * KEPT_SHARE * OVER_BUDGET_SHARE
            words = f"{OVER_BUDGET_SHARE:.0%} of the documents are taken to be over [compress] max_tokens"
            return self._stage("compress", requests, words=words)

        async def ask(api_id: str, model: DeferringModel) -> object:
            return await self._compressed(api_id, model)

        found = await self._look(self.known.kept, str, ask)
        return self._stage("compress", found.requests(), found=found)

    async def _compressed(self, api_id: str, model: DeferringModel, *, whole: bool = False) -> Document:
        """whole: whatever its size, and not as it was."""
        params, before = self.settings.compress, self.known.documents.get(api_id)
        if whole:
            params, before = params.model_copy(update={"max_tokens": 10**9}), None
        api = self.known.apis[api_id]
        compressor = Compressor(model, params, settings=self.settings.documents)
        return await compressor.document(
            self.known.tools[api.tool_id], api, self.known.verdicts[api_id], before
        )

    def _further(self, samples: Sequence[Sample]) -> tuple[int, str]:
        """How many sets further rounds will draw, and why."""
        params = self.settings.instruct
        if not params.rounds:
            return 0, ""
        fit_each = params.per_sample * self._fit_share
        missing = (params.accepted or 0) - len(samples) * fit_each
        n = max(0, math.ceil(missing / fit_each))
        why = "what is wanting to [instruct] accepted"
        if not n and not self.known.n_samples:
            why = "APIs that no instruction will need"
            n = draws_for_coverage(
                self.known.tools.values(),
                self._documented(),
                samples,
                fit_each=fit_each,
                accepted=params.accepted,
                rounds=params.rounds,
                params=self.settings.sample,
            )
        return n, f"{n:,} further sets are taken to be drawn for {why}" if n else ""

    async def _propose(
        self, samples: Sequence[Sample], further: int, further_words: str
    ) -> tuple[StageEstimate, float]:
        """Also the share of the samples that will have new instructions."""
        if not self.known.verdicts:
            return self._stage("propose", len(samples) + further, words=further_words), 1.0
        names = names_of(self.known.tools.values(), self.known.apis.values())

        async def ask(sample: Sample, model: DeferringModel) -> object:
            documents = {api_id: await self._document(api_id) for api_id in sample.api_ids}
            return await propose_for(sample, documents, names, model, self.settings.instruct)

        found = await self._look(samples, lambda sample: sample.sample_id, ask)
        requests = found.requests() + further
        again = "a reply that cannot be read is asked for once more, which is not counted"
        words = "; ".join(filter(None, [further_words, again if requests else ""]))
        stage = self._stage("propose", requests, found=found, words=words)
        return stage, (found.share * len(samples) + further) / max(1, len(samples) + further)

    async def _document(self, api_id: str) -> Document:
        """As compress makes it of stored replies; else as it was; else whole."""
        if api_id not in self._documents:
            try:
                made = await self._compressed(api_id, self._model())
            except Deferred:
                was = self.known.documents.get(api_id)
                made = was or await self._compressed(api_id, self._model(), whole=True)
            self._documents[api_id] = made
        return self._documents[api_id]

    def _chosen(self, samples: Sequence[Sample], further: int, share_new: float) -> _Chosen:
        n, words = self._instructions(len(samples) + further, share_new)
        sample_ids, offers = {sample.sample_id for sample in samples}, self._offers(samples)
        staying = [
            replace(row, api_ids=offers.get(row.sample_id, row.api_ids))
            for row in self.known.instructions
            if row.sample_id in sample_ids
        ]
        return _Chosen(n, words, sorted(staying, key=lambda row: row.instruction_id)[:n], share_new)

    async def _select(self, chosen: _Chosen) -> StageEstimate:
        """The judge sees what would be accepted, and another for each that fails."""
        if not self.settings.instruct.verify:
            return self._stage("select", 0)

        async def ask(instruction: Instruction, model: DeferringModel) -> object:
            needed = [api.api_id for api in instruction.relevant_apis]
            return await verify(instruction, {one: await self._document(one) for one in needed}, model)

        found = await self._look(chosen.staying, lambda row: row.instruction_id, ask)
        requests = (found.requests() * (1 - chosen.share_new) + chosen.n_new) / self._passed_share
        words = f"the judge is taken to pass {self._passed_share:.0%} of what it sees" if requests else ""
        return self._stage("select", requests, found=found, words=words)

    def _searched(self, chosen: _Chosen) -> _Chosen:
        """Of the instructions those that annotate searches.  No new one has a budget yet."""
        params, limit = self.settings.annotate, self.settings.annotate.limit
        level_of = partial(level_of_instruction, held_out=self.settings.held_out)
        budgets = self.settings.budgets or {}
        staying, rejects = choose_instructions(chosen.staying, params, budgets, level_of=level_of)
        n_others = sum(reject.reason == "other_level" for reject in rejects)
        if n_others:
            n = round(chosen.n * (1 - n_others / len(chosen.staying)))
            chosen = replace(chosen, n=n, words=f"{n:,} searches, of [annotate] levels", staying=staying)
        if params.method == BUDGET_METHOD:
            words = f"{len(staying):,} instructions have a budget for {BUDGET_METHOD}"
            return replace(chosen, n=len(staying), words=words, staying=staying, share_new=0.0)
        if limit is not None and limit < chosen.n:
            words = f"{limit:,} searches, as [annotate] limit says"
            return replace(chosen, n=limit, words=words, staying=staying)
        return chosen

    async def _annotate(self, searched: _Chosen) -> StageEstimate:
        """Instructions that stay are searched on from the stores; new ones from the start."""
        figures = self.figures["annotate"]
        found, words = await self._look_at_searches(searched.staying), searched.words
        requests = (
            found.requests(figures.per_row) * (1 - searched.share_new) + searched.n_new * figures.per_row
        )
        if round(requests):
            words = f"{words}; {figures.per_row:g} requests for a search"
        at_once = self.settings.annotate.concurrency
        return self._stage("annotate", requests, at_once=at_once, found=found, words=words)

    async def _look_at_searches(self, instructions: Sequence[Instruction]) -> Look:
        budgets = self.settings.budgets or {}

        async def ask(instruction: Instruction, model: DeferringModel) -> object:
            offered = [self.known.apis[api_id] for api_id in instruction.api_ids]
            documents = {api_id: await self._document(api_id) for api_id in instruction.api_ids}
            rows = await annotate_instruction(
                instruction,
                offered,
                documents,
                model=model,
                caller=self.calls,
                params=self.settings.annotate,
                budget=budgets.get(instruction.instruction_id),
                capabilities=self.capabilities,
            )
            if self.settings.evaluate.in_refresh:
                self._answers[instruction.instruction_id] = rows.annotation
            return rows

        return await self._look(instructions, lambda row: row.instruction_id, ask, most=SEARCHES_LOOKED_AT)

    def _instructions(self, n_samples: int, share_new: float) -> tuple[int, str]:
        """How many will be accepted, and how that is known."""
        known, params = self.known, self.settings.instruct
        n_old_samples = min(n_samples * (1 - share_new), known.n_samples)
        n_old = known.n_fit * n_old_samples / known.n_samples if known.n_samples else 0.0
        n_new = (n_samples - n_old_samples) * params.per_sample * self._fit_share
        passed = self._passed_share if params.verify and not known.n_judged else 1.0
        n = round((n_old + n_new) * passed)
        words = f"{n:,} instructions are taken to be accepted"
        if params.accepted is not None and params.accepted < n:
            n, words = params.accepted, f"{params.accepted:,} instructions, as [instruct] accepted says"
        return n, words

    @property
    def _fit_share(self) -> float:
        known = self.known
        return max(known.n_fit, 1) / known.n_written if known.n_written else ACCEPTED_SHARE

    @property
    def _passed_share(self) -> float:
        known = self.known
        return max(1 - known.n_failed / known.n_judged, 0.01) if known.n_judged else PASSED_SHARE

    async def _look(
        self, rows: Sequence[R], key: Callable[[R], str], ask: Ask[R], *, most: int | None = None
    ) -> Look:
        most = self.most if most is None else min(most, self.most)
        return await look(rows, key, ask, model_of_row=self._model, most=most)
