"""What a refresh would ask of the model: rows are run against the stores alone, and the missing counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tasks.calling.store import RecordingCaller
from tasks.documents.params import CompressParams
from tasks.documents.shorten import compress_api
from tasks.instructions.names import names_of
from tasks.instructions.params import InstructParams
from tasks.instructions.propose import propose_for
from tasks.llm.abilities import Abilities
from tasks.llm.deferring import Deferred, DeferringModel
from tasks.llm.params import LlmParams
from tasks.llm.store import ReplyStore
from tasks.planning.estimate import Estimate, StageEstimate, estimated
from tasks.planning.known import Known
from tasks.planning.looking import Ask, Look, look
from tasks.planning.measured import Figures
from tasks.planning.params import ACCEPTED_SHARE, KEPT_SHARE, OVER_BUDGET_SHARE
from tasks.probing.params import ProbeParams
from tasks.sampling.draw import draw_samples
from tasks.sampling.params import SampleParams
from tasks.search.annotate import annotate_instruction
from tasks.search.params import AnnotateParams
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Instruction, Sample

R = TypeVar("R")

ROWS_LOOKED_AT = 2_000
SEARCHES_LOOKED_AT = 500


@dataclass(frozen=True)
class Settings:
    """Of a refresh, as far as they decide what is asked."""

    llm: LlmParams
    probe: ProbeParams
    compress: CompressParams
    sample: SampleParams
    instruct: InstructParams
    annotate: AnnotateParams


@dataclass
class Planner:
    """figures: by stage.  replies, calls: the stores, which are only read.  abilities: of the endpoint."""

    known: Known
    settings: Settings
    figures: Mapping[str, Figures]
    replies: ReplyStore
    calls: RecordingCaller
    abilities: Abilities
    most: int = ROWS_LOOKED_AT
    _documents: dict[str, Document] = field(default_factory=dict)

    async def estimate(self) -> Estimate:
        samples = self._samples()
        compress = await self._compress()
        propose, share_new = await self._propose(samples)
        annotate = await self._annotate(samples, share_new)
        return Estimate(stages=(self._probe(), compress, propose, annotate), assumptions=self._assumptions())

    def _samples(self) -> list[Sample]:
        """The first draws as they will be, and the further ones as they were, where their APIs still work."""
        kept = self._documented()
        first = draw_samples(self.known.tools.values(), kept, self.settings.sample).samples
        there, working = {sample.sample_id for sample in first}, frozenset(kept)
        further = [sample for sample in self.known.further if sample.sample_id not in there]
        return [*first, *(sample for sample in further if working.issuperset(sample.api_ids))]

    def _model(self) -> DeferringModel:
        return DeferringModel(self.replies, self.settings.llm, self.abilities)

    def _assumptions(self) -> tuple[str, ...]:
        known = self.known
        words = [f"the catalogue is the one of the last run: {len(known.apis):,} APIs"]
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

    async def _compressed(self, api_id: str, model: DeferringModel) -> Document:
        api = self.known.apis[api_id]
        tool = self.known.tools[api.tool_id]
        return await compress_api(tool, api, self.known.verdicts[api_id], model, self.settings.compress)

    async def _propose(self, samples: Sequence[Sample]) -> tuple[StageEstimate, float]:
        """Also the share of the samples that will have new instructions."""
        if not self.known.verdicts:
            return self._stage("propose", len(samples)), 1.0
        names = names_of(self.known.tools.values(), self.known.apis.values())

        async def ask(sample: Sample, model: DeferringModel) -> object:
            documents = {api_id: await self._document(api_id) for api_id in sample.api_ids}
            return await propose_for(sample, documents, names, model, self.settings.instruct)

        found = await self._look(samples, lambda sample: sample.sample_id, ask)
        words = "a reply that cannot be read is asked for once more, which is not counted"
        return self._stage(
            "propose", found.requests(), found=found, words=words if found.stored else ""
        ), found.share

    async def _document(self, api_id: str) -> Document:
        """As compress makes it of stored replies; else as it was; else whole."""
        if api_id not in self._documents:
            try:
                made = await self._compressed(api_id, self._model())
            except Deferred:
                whole = self.settings.compress.model_copy(update={"max_tokens": 10**9})
                api = self.known.apis[api_id]
                made = self.known.documents.get(api_id) or await compress_api(
                    self.known.tools[api.tool_id],
                    api,
                    self.known.verdicts[api_id],
                    self._model(),
                    whole,
                )
            self._documents[api_id] = made
        return self._documents[api_id]

    async def _annotate(self, samples: Sequence[Sample], share_new: float) -> StageEstimate:
        """Instructions that stay are searched on from the stores; new ones from the start."""
        figures = self.figures["annotate"]
        n_wanted, words = self._instructions(len(samples), share_new)
        sample_ids = {sample.sample_id for sample in samples}
        staying = [row for row in self.known.instructions if row.sample_id in sample_ids]
        staying = sorted(staying, key=lambda row: row.instruction_id)[:n_wanted]
        found = await self._look_at_searches(staying)
        n_old = len(staying) * (1 - share_new)
        requests = found.requests(figures.per_row) * (1 - share_new) + (n_wanted - n_old) * figures.per_row
        if round(requests):
            words = f"{words}; {figures.per_row:g} requests for a search"
        at_once = self.settings.annotate.concurrency
        return self._stage("annotate", requests, at_once=at_once, found=found, words=words)

    async def _look_at_searches(self, instructions: Sequence[Instruction]) -> Look:
        async def ask(instruction: Instruction, model: DeferringModel) -> object:
            offered = [self.known.apis[api_id] for api_id in instruction.api_ids]
            documents = {api_id: await self._document(api_id) for api_id in instruction.api_ids}
            return await annotate_instruction(
                instruction, offered, documents, model=model, caller=self.calls, params=self.settings.annotate
            )

        return await self._look(instructions, lambda row: row.instruction_id, ask, most=SEARCHES_LOOKED_AT)

    def _instructions(self, n_samples: int, share_new: float) -> tuple[int, str]:
        """How many will be searched for, and how that is known."""
        known, params, limit = self.known, self.settings.instruct, self.settings.annotate.limit
        fit_share = known.n_fit / known.n_written if known.n_written else ACCEPTED_SHARE
        n_old_samples = min(n_samples * (1 - share_new), known.n_samples)
        n_old = known.n_fit * n_old_samples / known.n_samples if known.n_samples else 0.0
        n_new = (n_samples - n_old_samples) * params.per_sample * fit_share
        n = round(n_old + n_new)
        words = f"{n:,} instructions are taken to be accepted"
        if params.accepted is not None and params.accepted < n:
            n, words = params.accepted, f"{params.accepted:,} instructions, as [instruct] accepted says"
        if limit is not None and limit < n:
            n, words = limit, f"{limit:,} searches, as [annotate] limit says"
        return n, words

    async def _look(
        self, rows: Sequence[R], key: Callable[[R], str], ask: Ask[R], *, most: int | None = None
    ) -> Look:
        most = self.most if most is None else min(most, self.most)
        return await look(rows, key, ask, model_of_row=self._model, most=most)
