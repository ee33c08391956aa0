"""A model that asks in batches, at the sandbox's teacher."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import requests
from llm_server import ApplicationThread

from sandbox.teacher import TeacherFaults, build_teacher
from tasks.llm.adapt import FunctionWatch
from tasks.llm.batching.api import BatchApi
from tasks.llm.batching.batcher import Batcher
from tasks.llm.batching.batches import BatchRunner, Records
from tasks.llm.budget import Ledger
from tasks.llm.chat import ChatRequest, Message, Reply, ReplyStore, Transcript
from tasks.llm.endpoint import Endpoint, StoredModel
from tasks.llm.params import BudgetParams, LlmParams
from tasks.llm.spending import SpendingLog, UsageLog, spending_file
from tasks.transport.kvstore import DurableMap

T = TypeVar("T")
MODEL = "toolloom-teacher"


class Teacher:
    """The teacher in a thread, and what becomes of its next batches."""

    def __init__(self, **faults: Any) -> None:
        self._serving = ApplicationThread(build_teacher(TeacherFaults.none(), **faults))

    def __enter__(self) -> Teacher:
        self.root = self._serving.__enter__()
        self.url = f"{self.root}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        self._serving.__exit__()

    def script(self, *fates: str, delay_s: float = 0.0) -> None:
        order = {"fates": fates, "delay_s": delay_s}
        requests.post(f"{self.root}/batches/script", json=order, timeout=10).raise_for_status()

    @property
    def stats(self) -> dict[str, Any]:
        return dict(requests.get(f"{self.root}/stats", timeout=10).json())

    @property
    def batches(self) -> list[dict[str, Any]]:
        """Oldest first."""
        found = requests.get(f"{self.url}/batches?limit=100", timeout=10).json()["data"]
        return list(reversed(found))


@dataclass
class Desk:
    """A model over one data folder."""

    model: StoredModel
    ledger: Ledger
    log: UsageLog
    batcher: Batcher
    runner: BatchRunner

    async def ask_all(self, row_ids: str) -> dict[str, Reply | BaseException]:
        """What each row gets for a question of its own."""
        asked = (self.model.ask(question(row_id), row_id=row_id) for row_id in row_ids)
        replies = await asyncio.gather(*asked, return_exceptions=True)
        return dict(zip(row_ids, replies, strict=True))


def question(row_id: str) -> ChatRequest:
    return ChatRequest(transcript=Transcript.of(Message("user", f"What of {row_id}?")))


@dataclass
class Folder:
    """A data folder, worked on by one process after the other."""

    root: Path
    url: str
    llm: Mapping[str, Any] = field(default_factory=dict)
    budget: BudgetParams = field(default_factory=BudgetParams)
    batch: bool = True
    run_id: str = "run"

    def work(self, work: Callable[[Desk], Awaitable[T]]) -> T:
        settings = {"batch_poll_s": 0.05, "outage_s": 2, "price_in": 1.0, "price_out": 2.0, "max_tokens": 100}
        params = LlmParams(base_url=self.url, model=MODEL, batch=self.batch, **{**settings, **self.llm})

        async def run() -> T:
            with (
                SpendingLog(spending_file(self.root, self.run_id)) as log,
                DurableMap(self.root / "replies.sqlite") as entries,
            ):
                async with Endpoint(params, first_pause_s=0.02) as endpoint:
                    return await work(_desk(endpoint, ReplyStore(entries), log, self))

        return asyncio.run(run())


def _desk(endpoint: Endpoint, store: ReplyStore, log: SpendingLog, folder: Folder) -> Desk:
    params = endpoint.params
    records = Records(folder.root / "batches")
    runner = BatchRunner(BatchApi(endpoint.client), records, store, params, first_pause_s=0.02)
    usage = UsageLog(log)
    ledger = Ledger(folder.budget, params, log, recorder=usage, run_id=folder.run_id)
    batcher = Batcher(endpoint, runner, records, ledger)
    model = StoredModel(
        endpoint=endpoint,
        store=store,
        ledger=ledger,
        functions=FunctionWatch(model=params.model, where=params.base_url),
        stage="propose",
        batcher=batcher if params.batch else None,
    )
    return Desk(model, ledger, usage, batcher, runner)
