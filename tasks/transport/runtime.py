"""The one event loop of a process, in a thread of its own, and a way to send rows through it.

Several sync shard tasks submit their rows at once; clients, limiters and stores live in the loop and
are shared, so that the tail of one shard leaves the endpoint busy with another.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, TypeVar

from tasks.errors import StopRun

T = TypeVar("T")
Row = TypeVar("Row")

WINDOW = 512
# Rows that never wait (all replies stored) would otherwise keep the loop from everybody else.
_ROWS_BETWEEN_PAUSES = 32
_HELPER_THREADS = 64


@dataclass
class Mapped(Generic[Row, T]):
    """What became of the rows.

    done: (row, result) in the order of the rows, whatever the order of finishing.  pending: rows not
    started, or stopped, because of `stop`, the first `StopRun` raised.
    """

    done: list[tuple[Row, T]] = field(default_factory=list)
    pending: list[Row] = field(default_factory=list)
    stop: StopRun | None = None


class Runtime:
    """One event-loop thread.  A context manager; `close` may be called more than once."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # Names are resolved in these threads: a few dead name servers must not hold up everybody else.
        self._loop.set_default_executor(
            ThreadPoolExecutor(_HELPER_THREADS, thread_name_prefix="toolloom-helper")
        )
        self._resources = AsyncExitStack()
        self._closing = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="toolloom-runtime", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def __enter__(self) -> Runtime:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Result of `coroutine`, awaited in the loop; from any thread but the loop's own.

        An interrupt of the waiting thread (Ctrl-C) cancels the coroutine, waits until it has cleaned up,
        and goes on; a second one does not wait.
        """
        try:
            self._refuse_dead_ends()
        except RuntimeError:
            coroutine.close()
            raise
        submitted = _Submitted(self._loop, coroutine)
        try:
            submitted.start()
            return submitted.result.result()
        except BaseException:
            submitted.cancel_and_wait()
            raise

    def _refuse_dead_ends(self) -> None:
        if threading.current_thread() is self._thread:
            raise RuntimeError("the runtime's own thread would wait for itself: await the coroutine instead")
        if self._loop.is_closed():
            raise RuntimeError("the runtime is closed")

    def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Opens `resource` in the loop and keeps it open until `close`, which closes in reverse order."""
        return self.run(self._resources.enter_async_context(resource))

    def map(
        self,
        function: Callable[[Row], Awaitable[T]],
        rows: Sequence[Row],
        *,
        on_done: Callable[[Row, T], None] | None = None,
        window: int = WINDOW,
    ) -> Mapped[Row, T]:
        """Awaits `function` of every row, at most `window` of them at a time.

        After the first `StopRun` no row is started; those in flight finish or raise it, too; the rest is
        pending.  Any other exception cancels what is in flight and is raised.  `on_done` is called in the
        loop's thread as soon as a row is done, in order of finishing: it must be quick.
        """
        return self.run(_Mapping(function, rows, on_done).run(window))

    def close(self) -> None:
        """Cancels what still runs, closes what was entered, ends the thread."""
        with self._closing:
            if self._loop.is_closed():
                return
            try:
                self.run(self._wind_up())
            finally:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()
                self._loop.close()

    async def _wind_up(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._resources.aclose()
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()


class _Submitted(Generic[T]):
    """A coroutine handed to the loop by another thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> None:
        self.result: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._loop = loop
        self._coroutine = coroutine
        self._task: asyncio.Task[T] | None = None

    def start(self) -> None:
        def begin() -> None:
            self._task = self._loop.create_task(self._coroutine)
            self._task.add_done_callback(self._hand_over)

        self._loop.call_soon_threadsafe(begin)

    def _hand_over(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self.result.set_exception(concurrent.futures.CancelledError())
        elif (error := task.exception()) is not None:
            self.result.set_exception(error)
        else:
            self.result.set_result(task.result())

    def cancel_and_wait(self) -> None:
        if not self.result.done():
            self._loop.call_soon_threadsafe(self._cancel)
            concurrent.futures.wait([self.result])

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            return
        # Interrupted before `start` had reached the loop.
        self._coroutine.close()
        self.result.set_exception(concurrent.futures.CancelledError())


class _Mapping(Generic[Row, T]):
    """One `map`: workers take the next row as soon as they are free."""

    def __init__(
        self,
        function: Callable[[Row], Awaitable[T]],
        rows: Sequence[Row],
        on_done: Callable[[Row, T], None] | None,
    ) -> None:
        self._function = function
        self._rows = rows
        self._on_done = on_done
        self._next = 0
        self._results: dict[int, T] = {}
        self._stop: StopRun | None = None

    async def run(self, window: int) -> Mapped[Row, T]:
        workers = [asyncio.create_task(self._work()) for _ in range(min(window, len(self._rows)))]
        try:
            await asyncio.gather(*workers)
        except BaseException:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            raise
        return self._mapped()

    async def _work(self) -> None:
        while self._stop is None and self._next < len(self._rows):
            index = self._next
            self._next += 1
            try:
                result = await self._function(self._rows[index])
            except StopRun as stop:
                self._stop = self._stop or stop
                return
            self._results[index] = result
            if self._on_done is not None:
                self._on_done(self._rows[index], result)
            if index % _ROWS_BETWEEN_PAUSES == 0:
                await asyncio.sleep(0)

    def _mapped(self) -> Mapped[Row, T]:
        mapped: Mapped[Row, T] = Mapped(stop=self._stop)
        for index, row in enumerate(self._rows):
            if index in self._results:
                mapped.done.append((row, self._results[index]))
            else:
                mapped.pending.append(row)
        return mapped
