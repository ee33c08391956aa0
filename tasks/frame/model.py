"""What asks models, for all stages of a process: endpoints, their replies, what they cost, batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tasks.frame.run import JUDGING, RunContext
from tasks.llm.adapt import FunctionWatch
from tasks.llm.batching.api import BatchApi
from tasks.llm.batching.batcher import Batcher
from tasks.llm.batching.batches import BatchRunner, Record, Records, batches_of
from tasks.llm.budget import Ledger
from tasks.llm.chat import NullStore, ReplyStore
from tasks.llm.detect import detect_capabilities
from tasks.llm.embeddings import Embedder, EmbeddingClient
from tasks.llm.endpoint import Endpoint, StoredModel
from tasks.llm.params import Capabilities, EmbeddingParams, LlmParams
from tasks.llm.spending import SpendingLog, UsageLog, forget_other_runs, spending_file
from tasks.transport.kvstore import DurableMap
from tasks.transport.redactor import Redactor
from tasks.transport.runtime import Runtime

# Their next request depends on what an API answers.
ONLINE = frozenset({"annotate", "probe"})
# What is asked of the endpoint before any stage.
ENDPOINT = "endpoint"
_TRIAL_ATTEMPTS = 3


@dataclass(frozen=True)
class Asked:
    """An endpoint, and what belongs to it alone."""

    endpoint: Endpoint
    functions: FunctionWatch
    batcher: Batcher

    @property
    def params(self) -> LlmParams:
        return self.endpoint.params

    @property
    def standing(self) -> str:
        """What is waited for, in words."""
        return self.endpoint.standing or self.batcher.standing


@dataclass(frozen=True)
class ModelServices:
    """writer: what stages ask.  judge: what those ask that judge; the same one unless the run says otherwise.

    They share the budget and the stored replies.
    """

    run: RunContext
    runtime: Runtime
    writer: Asked
    judge: Asked
    replies: ReplyStore
    reply_map: DurableMap
    ledger: Ledger
    usage: UsageLog
    spending: SpendingLog
    redactor: Redactor

    @classmethod
    def open(cls, run: RunContext, runtime: Runtime, redactor: Redactor) -> ModelServices:
        forget_other_runs(run.data, run.run_id)
        spending = SpendingLog(spending_file(run.data, run.run_id))
        usage = UsageLog(spending)
        judges = {} if run.judge is None else dict.fromkeys(JUDGING, run.judge)
        ledger = Ledger(run.budget, run.llm, spending, recorder=usage, run_id=run.run_id, judges=judges)

        def entered(params: LlmParams, capabilities: Capabilities) -> Endpoint:
            return runtime.enter(
                Endpoint(params, capabilities=capabilities, redactor=redactor, ledger=ledger)
            )

        endpoint = entered(run.llm, run.capabilities)
        is_one = run.judge is None or run.judge == run.llm
        judging = endpoint if run.judge is None or is_one else entered(run.judge, run.judge_capabilities)
        reply_map = DurableMap(run.data / "store" / "replies.sqlite")
        replies = ReplyStore(reply_map)
        records = Records(batches_of(run.data))

        def asked(endpoint: Endpoint, asks: Callable[[str], bool]) -> Asked:
            params = endpoint.params
            functions = FunctionWatch(
                model=params.model,
                where=params.base_url,
                in_words=lambda: not endpoint.capabilities.tools,
                must_call=params.must_call,
            )
            runner = BatchRunner(BatchApi(endpoint.client), records, replies, params)
            return Asked(endpoint, functions, Batcher(endpoint, runner, records, ledger, asks=asks))

        writer = asked(endpoint, lambda stage: is_one or stage not in JUDGING)
        judge = writer if is_one else asked(judging, lambda stage: stage in JUDGING)
        return cls(
            run=run,
            runtime=runtime,
            writer=writer,
            judge=judge,
            replies=replies,
            reply_map=reply_map,
            ledger=ledger,
            usage=usage,
            spending=spending,
            redactor=redactor,
        )

    @property
    def asked(self) -> tuple[Asked, ...]:
        return (self.writer,) if self.judge is self.writer else (self.writer, self.judge)

    @property
    def standing(self) -> str:
        """What is waited for, in words."""
        return self.writer.standing or self.judge.standing

    def of(self, stage: str, *, store: ReplyStore | None = None, attempts: int | None = None) -> StoredModel:
        """The model that a stage asks.

        store, attempts: in the place of the replies of the data folder, and of `[llm] attempts`.
        """
        return self._model(self.judge if stage in JUDGING else self.writer, stage, store, attempts)

    def embedder(self, params: EmbeddingParams) -> Embedder:
        """An endpoint's vectors, paid and kept as replies are."""
        endpoint = Endpoint(params, redactor=self.redactor, ledger=self.ledger, client=EmbeddingClient)
        return Embedder(self.runtime.enter(endpoint), self.replies, self.ledger)

    def _model(self, asked: Asked, stage: str, store: ReplyStore | None, attempts: int | None) -> StoredModel:
        return StoredModel(
            endpoint=asked.endpoint,
            store=store or self.replies,
            ledger=self.ledger,
            functions=asked.functions,
            stage=stage,
            batcher=None if store is not None else self.batcher_of(stage),
            attempts=attempts,
        )

    def batcher_of(self, stage: str) -> Batcher | None:
        asked = self.judge if stage in JUDGING else self.writer
        return asked.batcher if asked.params.batch and stage not in ONLINE else None

    async def check_endpoints(self) -> None:
        """Whether requests can work at all.  Raises `UsageError`, `EndpointDown`."""
        for asked in self.asked:
            await asked.endpoint.check()
            if asked.params.batch:
                await BatchApi(asked.endpoint.client).check()

    def batches_left(self) -> list[Record]:
        """Batches of an earlier start that nobody waits for; what finished ones brought is taken first."""
        waited_for = [asked.batcher for asked in self.asked if asked.params.batch]
        if len(waited_for) == len(self.asked):
            return []
        for asked in self.asked:
            if not asked.params.batch:
                left = self.runtime.run(asked.batcher.collect_finished())
        return [record for record in left if not any(batcher.is_own(record) for batcher in waited_for)]

    def detect_capabilities(self, asked: Asked) -> Capabilities:
        """Asks an endpoint what it can do; see `tasks.llm.detect`."""
        model = self._model(asked, ENDPOINT, ReplyStore(NullStore()), _TRIAL_ATTEMPTS)
        return self.runtime.run(detect_capabilities(model, asked.params, asked.endpoint.context))

    def close(self) -> None:
        """Behind the runtime, in which the last requests end."""
        self.reply_map.close()
        self.spending.close()
