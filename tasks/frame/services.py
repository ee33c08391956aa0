"""What the shard tasks of a process share: one event loop, what asks the model and calls APIs, the tables.

Opened by the first task that needs them, so that a worker process of another task runner has its own.
"""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from tasks.catalogue.crawl_state import Reading
from tasks.frame.calls import CallServices
from tasks.frame.model import ModelServices
from tasks.frame.progress import Progress
from tasks.frame.run import RunContext
from tasks.retrieval.encoding import SentenceEncoder
from tasks.retrieval.in_use import CountingEncoder, EndpointEncoder, ModelInUse, OneAtATime
from tasks.transport.redactor import Redactor, secrets_named
from tasks.transport.runtime import WINDOW, Mapped, Runtime
from warehouse.ref import TableRef
from warehouse.store import Store
from warehouse.table import Table

R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True)
class Services:
    """reading: what a crawl has read so far."""

    run: RunContext
    runtime: Runtime
    store: Store
    model: ModelServices
    calls: CallServices
    reading: Reading
    _progress: dict[str, Progress] = field(default_factory=dict)
    _limits: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    _read: dict[tuple[TableRef, ...], Sequence[Any]] = field(default_factory=dict)
    _reading: threading.Lock = field(default_factory=threading.Lock)
    _encoders: dict[str, CountingEncoder] = field(default_factory=dict)

    def encoder(self, model: ModelInUse) -> CountingEncoder:
        """What turns texts into vectors; one for all shards."""
        with self._reading:
            if model.digest not in self._encoders:
                self._encoders[model.digest] = self._opened(model)
            return self._encoders[model.digest]

    def _opened(self, model: ModelInUse) -> CountingEncoder:
        if model.endpoint is not None:
            return EndpointEncoder(self.model.embedder(model.endpoint), self.runtime.run)
        assert model.folder is not None, "a model is an endpoint's, or has weights"
        return OneAtATime(SentenceEncoder(model.folder))

    def rows(self, table: Table[R], refs: Sequence[TableRef]) -> Sequence[R]:
        """Rows of a whole table that every shard of a stage looks things up in: read once."""
        with self._reading:
            if tuple(refs) not in self._read:
                self._read[tuple(refs)] = self.store.read(table, refs)
            return self._read[tuple(refs)]

    def progress(self, stage: str) -> Progress:
        """How far the stage is in this process."""
        model = self.model
        return self._progress.setdefault(stage, Progress(lambda: model.ledger.used, lambda: model.standing))

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
        if self.model.batcher_of(stage) is not None:
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
        self.runtime.close()
        self.calls.close()
        self.model.close()


_open: dict[tuple[Path, str], Services] = {}
_opening = threading.Lock()


def services_of(run: RunContext) -> Services:
    """The services of this run in this process; what they do is done as the run given says.

    A run learns what its endpoint can do after its services were opened.
    """
    key = (run.data, run.run_id)
    with _opening:
        if key not in _open:
            _open[key] = _start(run)
        found = _open[key]
    return found if found.run == run else replace(found, run=run)


def close_services() -> None:
    """Closes what this process opened."""
    with _opening:
        while _open:
            _open.popitem()[1].close()


# Many rows are alive at once, and few of the objects are ever in cycles: as often as Python looks for such by
# itself, the looking takes more CPU than the probing does.
_OBJECTS_BETWEEN_COLLECTIONS = (50_000, 20, 50)


def _start(run: RunContext) -> Services:
    gc.set_threshold(*_OBJECTS_BETWEEN_COLLECTIONS)
    # Arrow's own allocators keep what they freed for a while: as much again as some hundred searches need.
    pa.set_memory_pool(pa.system_memory_pool())
    redactor = Redactor(secrets_named(run.key_variables)[0])
    as_of = run.as_of["crawl"].isoformat()
    with ExitStack() as opened:  # what was opened is closed where the rest cannot be
        runtime = Runtime()
        opened.callback(runtime.close)
        model = ModelServices.open(run, runtime, redactor)
        opened.callback(model.close)
        calls = CallServices.open(run, runtime, redactor)
        opened.callback(calls.close)
        services = Services(
            run=run,
            runtime=runtime,
            store=Store(run.data),
            model=model,
            calls=calls,
            reading=Reading(run.data / "store", as_of, runtime, mcp=calls.mcp, redactor=redactor),
        )
        opened.pop_all()
        return services
