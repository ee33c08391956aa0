"""What the shard tasks of a process share: one event loop, its clients, stores and ledger.

Opened by the first task that needs them, so that a worker process of another task runner has its own.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from tasks.calling.call import DirectCaller, RetryingCaller, RoutingCaller, http_client
from tasks.calling.mcp import McpCaller
from tasks.calling.outcome import Caller
from tasks.calling.recording import RecordingCaller
from tasks.calling.toolbench import ToolbenchCaller, service_client
from tasks.catalogue.crawl_state import Reading
from tasks.exact_json import digest_of
from tasks.frame.progress import Progress
from tasks.frame.run import RunContext
from tasks.llm.adapt import FunctionWatch
from tasks.llm.batching.api import BatchApi
from tasks.llm.batching.batcher import Batcher
from tasks.llm.batching.batches import BatchRunner, Record, Records, batches_of
from tasks.llm.budget import Ledger
from tasks.llm.detect import detect_capabilities
from tasks.llm.endpoint import Endpoint
from tasks.llm.model import StoredModel
from tasks.llm.params import Capabilities
from tasks.llm.spending import SpendingLog, UsageLog, forget_other_runs, spending_file
from tasks.llm.store import NullStore, ReplyStore
from tasks.probing.probe import Journal
from tasks.transport.kvstore import DurableMap, Scratch
from tasks.transport.mcp.sessions import McpSessions
from tasks.transport.proxies import Proxies
from tasks.transport.redactor import Redactor, secrets_named
from tasks.transport.runtime import WINDOW, Mapped, Runtime
from warehouse.ref import TableRef
from warehouse.store import Store
from warehouse.table import Table

# Their next request depends on what an API answers.
ONLINE = frozenset({"annotate", "probe"})

R = TypeVar("R")
T = TypeVar("T")

# What is asked of the endpoint before any stage.
ENDPOINT = "endpoint"
_TRIAL_ATTEMPTS = 3


@dataclass(frozen=True)
class Services:
    """probing: calls an API once; searching: retries what may pass, and remembers every answer."""

    run: RunContext
    runtime: Runtime
    store: Store
    endpoint: Endpoint
    replies: ReplyStore
    ledger: Ledger
    usage: UsageLog
    spending: SpendingLog
    functions: FunctionWatch
    probing: Caller
    searching: RecordingCaller
    batcher: Batcher
    call_map: DurableMap
    maps: tuple[DurableMap, ...]
    reading: Reading
    journal: Journal
    trials: Scratch
    _progress: dict[str, Progress] = field(default_factory=dict)
    _limits: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    _read: dict[tuple[TableRef, ...], Sequence[Any]] = field(default_factory=dict)
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def rows(self, table: Table[R], refs: Sequence[TableRef]) -> Sequence[R]:
        """Rows of a whole table that every shard of a stage looks things up in: read once."""
        with self._reading:
            if tuple(refs) not in self._read:
                self._read[tuple(refs)] = self.store.read(table, refs)
            return self._read[tuple(refs)]

    def progress(self, stage: str) -> Progress:
        """How far the stage is in this process."""
        return self._progress.setdefault(
            stage, Progress(lambda: self.ledger.used, lambda: self.endpoint.standing or self.batcher.standing)
        )

    async def check_endpoint(self) -> None:
        """Whether requests can work at all.  Raises `UsageError`, `EndpointDown`."""
        await self.endpoint.check()
        if self.run.llm.batch:
            await BatchApi(self.endpoint.client).check()

    def batches_left(self) -> list[Record]:
        """Batches of an earlier start that nobody waits for; what finished ones brought is taken first."""
        return [] if self.run.llm.batch else self.runtime.run(self.batcher.collect_finished())

    def map(
        self,
        stage: str,
        shard: int,
        function: Callable[[R], Awaitable[T]],
        rows: Sequence[R],
        *,
        size: int = 1,
        rejects: Callable[[T], int] = lambda _: 0,
        at_once: int | None = None,
        window: int = WINDOW,
    ) -> Mapped[R, T]:
        """`Runtime.map` over the rows of a shard, counted in the stage's progress.

        size: of a row, in the stage's unit.  rejects: how much of it a result refuses.  at_once: rows of
        all shards of the stage that are taken up together, at most; window: rows of this shard.
        """
        if self._batcher_of(stage) is not None:
            at_once, window = None, len(rows)  # all of them wait, for the same batches
        counted = (
            self.progress(stage)
            .shard(shard)
            .counted(
                function,
                size=size,
                rejects=rejects,
                gate=None if at_once is None else self.limit(stage, at_once),
            )
        )
        return self.runtime.map(counted, rows, window=max(1, window))

    def limit(self, stage: str, concurrency: int) -> asyncio.Semaphore:
        """One semaphore for all shards of a stage, so that the limit is of the process."""
        return self._limits.setdefault(stage, asyncio.Semaphore(concurrency))

    def model(
        self, stage: str, *, store: ReplyStore | None = None, attempts: int | None = None
    ) -> StoredModel:
        """store, attempts: in the place of the replies of the data folder, and of `[llm] attempts`."""
        return StoredModel(
            endpoint=self.endpoint,
            store=store or self.replies,
            ledger=self.ledger,
            functions=self.functions,
            stage=stage,
            batcher=None if store is not None else self._batcher_of(stage),
            attempts=attempts,
        )

    def detect_capabilities(self) -> Capabilities:
        """Asks the endpoint what it can do; see `tasks.llm.detect`."""
        model = self.model(ENDPOINT, store=ReplyStore(NullStore()), attempts=_TRIAL_ATTEMPTS)
        return self.runtime.run(detect_capabilities(model, self.run.llm, self.endpoint.context))

    def _batcher_of(self, stage: str) -> Batcher | None:
        return self.batcher if self.run.llm.batch and stage not in ONLINE else None

    @contextmanager
    def abandoned_when_interrupted(self) -> Iterator[None]:
        """Cancels what is in flight when Ctrl-C or SIGTERM ends the block.

        The signal reaches the main thread alone; the shards' threads would go on to the end of their rows.
        Prefect's own signals, too, are no `Exception`.
        """
        try:
            yield
        except Exception:
            raise
        except BaseException:
            self.runtime.close()
            raise

    def close(self) -> None:
        self.reading.close()
        self.trials.close()
        self.runtime.close()
        for map_ in self.maps:
            map_.close()
        self.spending.close()


_open: dict[tuple[Path, str], Services] = {}
_opening = threading.Lock()


def services_of(run: RunContext) -> Services:
    """The services of this run in this process."""
    key = (run.data, run.run_id)
    with _opening:
        if key not in _open:
            _open[key] = _start(run)
        return _open[key]


def close_services() -> None:
    """Closes what this process opened."""
    with _opening:
        while _open:
            _open.popitem()[1].close()


def _mcp_sessions(run: RunContext, redactor: Redactor) -> McpSessions:
    """Servers start when first listed or called, and stop with the runtime."""
    calling = run.calling
    return McpSessions(
        run.mcp_servers,
        resolve=calling.resolve,
        max_bytes=calling.max_bytes,
        timeout_s=calling.timeout_s,
        per_host_rps=calling.per_host_rps,
        proxies=Proxies(calling.proxy),
        logs=run.data / "logs",
        redactor=redactor,
    )


def _batcher(run: RunContext, endpoint: Endpoint, replies: ReplyStore, ledger: Ledger) -> Batcher:
    records = Records(batches_of(run.data))
    runner = BatchRunner(BatchApi(endpoint.client), records, replies, run.llm)
    return Batcher(endpoint, runner, records, ledger)


# Many rows are alive at once, and few of the objects are ever in cycles: as often as Python looks for such by
# itself, the looking takes more CPU than the probing does.
_OBJECTS_BETWEEN_COLLECTIONS = (50_000, 20, 50)


def _start(run: RunContext) -> Services:
    gc.set_threshold(*_OBJECTS_BETWEEN_COLLECTIONS)
    # Arrow's own allocators keep what they freed for a while: as much again as some hundred searches need.
    pa.set_memory_pool(pa.system_memory_pool())
    forget_other_runs(run.data, run.run_id)
    spending = SpendingLog(spending_file(run.data, run.run_id))
    usage = UsageLog(spending)
    ledger = Ledger(run.budget, run.llm, spending, recorder=usage, run_id=run.run_id)
    runtime = Runtime()
    reply_map = DurableMap(run.data / "store" / "replies.sqlite")
    call_map = DurableMap(run.data / "store" / "calls.sqlite")
    same_calls = DurableMap(run.data / "store" / "same_calls.sqlite")
    calling = run.calling
    client = runtime.enter(http_client(calling, calling.allow_hosts))
    service = runtime.enter(service_client(calling))
    redactor = Redactor(secrets_named(run.key_variables)[0])
    mcp = runtime.enter(_mcp_sessions(run, redactor))
    caller = RoutingCaller(
        {
            "http": DirectCaller(client, calling),
            "toolbench": ToolbenchCaller(calling, client=client, service=service),
            "mcp": McpCaller(mcp, timeout_s=calling.timeout_s, max_bytes=calling.max_bytes),
        },
        redactor,
    )
    trials = Scratch(run.data / "store", "trials", run.run_id)
    endpoint = runtime.enter(
        Endpoint(run.llm, capabilities=run.capabilities, redactor=redactor, ledger=ledger)
    )
    replies = ReplyStore(reply_map)
    return Services(
        run=run,
        runtime=runtime,
        store=Store(run.data),
        endpoint=endpoint,
        replies=replies,
        ledger=ledger,
        usage=usage,
        spending=spending,
        functions=FunctionWatch(
            model=run.llm.model, where=run.llm.base_url, in_words=lambda: not endpoint.capabilities.tools
        ),
        probing=caller,
        searching=RecordingCaller(
            None if run.replay else RetryingCaller(caller, attempts=calling.attempts),
            call_map,
            settings=digest_of(run.calling_identity()),
            since=run.started_at,
            same_calls=same_calls,
        ),
        batcher=_batcher(run, endpoint, replies, ledger),
        call_map=call_map,
        maps=(reply_map, call_map, same_calls),
        journal=Journal(trials),
        trials=trials,
        reading=Reading(
            run.data / "store", run.as_of["crawl"].isoformat(), runtime, mcp=mcp, redactor=redactor
        ),
    )
