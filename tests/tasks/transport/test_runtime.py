import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager

import pytest

from tasks.errors import OverBudget, StopRun
from tasks.transport.runtime import Mapped, Runtime


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime() as runtime:
        yield runtime


async def doubled_backwards(row: int) -> int:
    """Later rows finish first."""
    await asyncio.sleep((20 - row) / 1000)
    return 2 * row


def test_a_coroutine_runs_in_the_loops_own_thread(runtime: Runtime) -> None:
    async def where() -> str:
        return threading.current_thread().name

    assert runtime.run(where()) == "toolloom-runtime"


def test_an_exception_reaches_the_caller(runtime: Runtime) -> None:
    async def fail() -> None:
        raise ValueError("as it was")

    with pytest.raises(ValueError, match="as it was"):
        runtime.run(fail())


def test_rows_come_back_in_their_own_order(runtime: Runtime) -> None:
    finished: list[int] = []
    mapped = runtime.map(doubled_backwards, range(20), on_done=lambda row, _: finished.append(row))
    assert mapped == Mapped(done=[(row, 2 * row) for row in range(20)])
    assert finished != sorted(finished)


def test_no_rows_are_no_work(runtime: Runtime) -> None:
    assert runtime.map(doubled_backwards, []) == Mapped()


def test_only_a_window_of_rows_is_in_flight(runtime: Runtime) -> None:
    in_flight: list[int] = []
    most: list[int] = []

    async def observe(row: int) -> int:
        in_flight.append(row)
        most.append(len(in_flight))
        await asyncio.sleep(0.001)
        in_flight.remove(row)
        return row

    mapped = runtime.map(observe, range(100), window=7)
    assert (max(most), len(mapped.done)) == (7, 100)


def test_many_rows_need_few_tasks(runtime: Runtime) -> None:
    tasks: list[int] = []

    async def count(row: int) -> None:
        if row % 1000 == 0:
            tasks.append(len(asyncio.all_tasks()))

    runtime.map(count, range(20_000), window=16)
    assert max(tasks) <= 17


def test_after_a_stop_no_row_is_started_and_those_in_flight_finish(runtime: Runtime) -> None:
    stop = OverBudget("the cap of 3 requests")
    started: list[int] = []

    async def spend(row: int) -> int:
        started.append(row)
        await asyncio.sleep(0.001 if row == 2 else 0.02)
        if row >= 2:
            raise stop if row == 2 else OverBudget("later")
        return row

    mapped = runtime.map(spend, list(range(50)), window=4)
    assert started == [0, 1, 2, 3]
    assert mapped == Mapped(done=[(0, 0), (1, 1)], pending=list(range(2, 50)), stop=stop)


def test_any_other_exception_cancels_the_rest(runtime: Runtime) -> None:
    cancelled: list[int] = []

    async def fail_at_three(row: int) -> None:
        if row == 3:
            raise KeyError(row)
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(row)
            raise

    with pytest.raises(KeyError):
        runtime.map(fail_at_three, range(5))
    assert sorted(cancelled) == [0, 1, 2, 4]


def test_rows_that_never_wait_leave_room_for_other_callers(runtime: Runtime) -> None:
    progress: list[int] = []
    seen_by_other: list[int] = []

    async def stored(row: int) -> int:
        return row

    def long_map() -> None:
        runtime.map(stored, range(200_000), on_done=lambda row, _: progress.append(row))

    thread = threading.Thread(target=long_map)
    thread.start()
    while not progress:
        time.sleep(0.0005)
    runtime.run(asyncio.sleep(0))
    seen_by_other.append(len(progress))
    thread.join()
    assert seen_by_other[0] < len(progress) == 200_000


def test_several_threads_share_the_loop(runtime: Runtime) -> None:
    async def loop_id(_: int) -> int:
        await asyncio.sleep(0.01)
        return id(asyncio.get_running_loop())

    loops: set[int] = set()
    threads = [
        threading.Thread(target=lambda: loops.update(i for _, i in runtime.map(loop_id, range(5)).done))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loops) == 1


def test_an_interrupt_cancels_the_coroutine_and_waits_for_its_cleanup(runtime: Runtime) -> None:
    events: list[str] = []

    async def wait_long() -> None:
        events.append("started")
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.01)
            events.append("cleaned up")

    with pytest.raises(KeyboardInterrupt):
        runtime.run(wait_long())
    assert events == ["started", "cleaned up"]


def test_what_was_entered_is_closed_in_reverse_order() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def resource(name: str) -> AsyncIterator[str]:
        yield name
        events.append(f"{name} closed")

    with Runtime() as runtime:
        assert [runtime.enter(resource("client")), runtime.enter(resource("store"))] == ["client", "store"]
    assert events == ["store closed", "client closed"]


def test_closing_cancels_what_still_runs_and_may_be_repeated() -> None:
    runtime = Runtime()
    cancelled: list[bool] = []

    def wait_long() -> None:
        with pytest.raises(CancelledError):
            runtime.run(asyncio.sleep(30))
        cancelled.append(True)

    thread = threading.Thread(target=wait_long)
    thread.start()
    time.sleep(0.05)
    runtime.close()
    runtime.close()
    thread.join()
    assert cancelled == [True]


def test_a_closed_runtime_says_so() -> None:
    runtime = Runtime()
    runtime.close()
    with pytest.raises(RuntimeError, match="the runtime is closed"):
        runtime.run(asyncio.sleep(0))


def test_the_loops_own_thread_cannot_wait_for_itself(runtime: Runtime) -> None:
    async def wait_inside() -> None:
        runtime.run(asyncio.sleep(0))

    with pytest.raises(RuntimeError, match="wait for itself"):
        runtime.run(wait_inside())


def test_a_stop_outside_map_is_an_ordinary_exception(runtime: Runtime) -> None:
    async def stop() -> None:
        raise StopRun("enough", fix="raise the cap")

    with pytest.raises(StopRun, match="raise the cap"):
        runtime.run(stop())
