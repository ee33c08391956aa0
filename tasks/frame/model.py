"""What asks the model, for all stages of a process: the endpoint, its replies, what they cost, batches."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.frame.run import RunContext
from tasks.llm.adapt import FunctionWatch
from tasks.llm.batching.api import BatchApi
from tasks.llm.batching.batcher import Batcher
from tasks.llm.batching.batches import BatchRunner, Record, Records, batches_of
from tasks.llm.budget import Ledger, refuse_uncountable
from tasks.llm.chat import NullStore, ReplyStore
from tasks.llm.detect import detect_capabilities
from tasks.llm.endpoint import Endpoint, StoredModel
from tasks.llm.params import Capabilities
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
class ModelServices:
    run: RunContext
    runtime: Runtime
    endpoint: Endpoint
    replies: ReplyStore
    reply_map: DurableMap
    ledger: Ledger
    usage: UsageLog
    spending: SpendingLog
    functions: FunctionWatch
    batcher: Batcher

    @classmethod
    def open(cls, run: RunContext, runtime: Runtime, redactor: Redactor) -> ModelServices:
        refuse_uncountable(run.budget, run.llm)
        forget_other_runs(run.data, run.run_id)
        spending = SpendingLog(spending_file(run.data, run.run_id))
        usage = UsageLog(spending)
        ledger = Ledger(run.budget, run.llm, spending, recorder=usage, run_id=run.run_id)
        endpoint = runtime.enter(
            Endpoint(run.llm, capabilities=run.capabilities, redactor=redactor, ledger=ledger)
        )
        reply_map = DurableMap(run.data / "store" / "replies.sqlite")
        replies = ReplyStore(reply_map)
        records = Records(batches_of(run.data))
        runner = BatchRunner(BatchApi(endpoint.client), records, replies, run.llm)
        functions = FunctionWatch(
            model=run.llm.model, where=run.llm.base_url, in_words=lambda: not endpoint.capabilities.tools
        )
        return cls(
            run=run,
            runtime=runtime,
            endpoint=endpoint,
            replies=replies,
            reply_map=reply_map,
            ledger=ledger,
            usage=usage,
            spending=spending,
            functions=functions,
            batcher=Batcher(endpoint, runner, records, ledger),
        )

    @property
    def standing(self) -> str:
        """What is waited for, in words."""
        return self.endpoint.standing or self.batcher.standing

    def of(self, stage: str, *, store: ReplyStore | None = None, attempts: int | None = None) -> StoredModel:
        """The model that a stage asks.

        store, attempts: in the place of the replies of the data folder, and of `[llm] attempts`.
        """
        return StoredModel(
            endpoint=self.endpoint,
            store=store or self.replies,
            ledger=self.ledger,
            functions=self.functions,
            stage=stage,
            batcher=None if store is not None else self.batcher_of(stage),
            attempts=attempts,
        )

    def batcher_of(self, stage: str) -> Batcher | None:
        return self.batcher if self.run.llm.batch and stage not in ONLINE else None

    async def check_endpoint(self) -> None:
        """Whether requests can work at all.  Raises `UsageError`, `EndpointDown`."""
        await self.endpoint.check()
        if self.run.llm.batch:
            await BatchApi(self.endpoint.client).check()

    def batches_left(self) -> list[Record]:
        """Batches of an earlier start that nobody waits for; what finished ones brought is taken first."""
        return [] if self.run.llm.batch else self.runtime.run(self.batcher.collect_finished())

    def detect_capabilities(self) -> Capabilities:
        """Asks the endpoint what it can do; see `tasks.llm.detect`."""
        model = self.of(ENDPOINT, store=ReplyStore(NullStore()), attempts=_TRIAL_ATTEMPTS)
        return self.runtime.run(detect_capabilities(model, self.run.llm, self.endpoint.context))

    def close(self) -> None:
        """Behind the runtime, in which the last requests end."""
        self.reply_map.close()
        self.spending.close()
