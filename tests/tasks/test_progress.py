from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager

import pytest

from tasks.errors import ConnectionFailed, EndpointDown
from tasks.frame.progress import Progress, ShardProgress, Snapshot
from tasks.llm.spending import Spent
from tasks.transport.runtime import Runtime


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime() as runtime:
        yield runtime


@pytest.fixture
def progress() -> Progress:
    progress = Progress(Spent)
    progress.expect(10, "API")
    return progress


def counted(
    shard: ShardProgress,
    function: Callable[[int], object],
    *,
    size: int = 1,
    gate: AbstractAsyncContextManager[object] | None = None,
) -> Callable[[int], Awaitable[int]]:
    async def run(row: int) -> int:
        function(row)
        await asyncio.sleep(0)
        return row

    return shard.counted(run, size=size, rejects=lambda row: row % 2, gate=gate)


def test_before_its_shards_are_made_a_stage_knows_no_total() -> None:
    assert Progress(Spent).snapshot() == Snapshot()


def test_rows_of_all_shards_are_counted_in_the_stage_s_unit(progress: Progress, runtime: Runtime) -> None:
    for number, rows in enumerate([range(3), range(2)]):
        runtime.map(counted(progress.shard(number), lambda _: None, size=2), rows)

    assert progress.snapshot() == Snapshot(unit="API", total=10, done=10, rejected=2)


def test_a_row_is_in_flight_while_it_is_worked_on(progress: Progress, runtime: Runtime) -> None:
    seen = []

    runtime.map(counted(progress.shard(0), lambda _: seen.append(progress.snapshot().in_flight)), range(3))

    assert (seen, progress.snapshot().in_flight) == ([1, 2, 3], 0)


def test_a_row_that_waits_at_the_gate_is_not_in_flight(progress: Progress, runtime: Runtime) -> None:
    seen: list[int] = []
    one_by_one = asyncio.Semaphore(1)

    runtime.map(
        counted(progress.shard(0), lambda _: seen.append(progress.snapshot().in_flight), gate=one_by_one),
        range(3),
    )

    assert seen == [1, 1, 1]


def test_rows_that_a_stop_leaves_pending_are_neither_done_nor_in_flight(
    progress: Progress, runtime: Runtime
) -> None:
    def stop_at_four(row: int) -> None:
        if row == 4:
            raise EndpointDown("gone")

    mapped = runtime.map(counted(progress.shard(0), stop_at_four), range(10), window=1)

    assert mapped.pending == [4, 5, 6, 7, 8, 9]
    assert progress.snapshot() == Snapshot(unit="API", total=10, done=4, rejected=2)


def test_a_shard_that_is_tried_again_is_not_counted_twice(progress: Progress, runtime: Runtime) -> None:
    def fail_at_three(row: int) -> None:
        if row == 3:
            raise ConnectionFailed("no answer")

    with pytest.raises(ConnectionFailed):
        runtime.map(counted(progress.shard(0), fail_at_three), range(5))
    runtime.map(counted(progress.shard(0), lambda _: None), range(5))

    assert progress.snapshot() == Snapshot(unit="API", total=10, done=5, rejected=2)


def test_a_shard_that_is_tried_again_is_shown_as_far_as_it_was(progress: Progress) -> None:
    first = progress.shard(0)
    first.take_up(5)
    first.finish(3, rejected=3)
    first.give_up(2)

    shown = [progress.snapshot()]
    again = progress.shard(0)
    for _ in range(5):
        again.take_up()
        shown.append(progress.snapshot())
        again.finish()
        shown.append(progress.snapshot())

    assert [each.done for each in shown] == [3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 5]
    assert (shown[0].rejected, shown[-1].rejected) == (3, 0)


@pytest.mark.parametrize(("carried", "worked"), [(True, 0), (False, 5)])
def test_a_shard_that_was_not_counted_here_counts_when_it_is_finished(
    progress: Progress, carried: bool, worked: int
) -> None:
    progress.settle(0, 5, 2, carried=carried)

    found = progress.snapshot()

    assert found == Snapshot(unit="API", total=10, done=5, rejected=2, carried=5 - worked)
    assert found.worked == worked


def test_a_shard_that_was_counted_here_is_not_counted_again_when_it_is_finished(
    progress: Progress, runtime: Runtime
) -> None:
    runtime.map(counted(progress.shard(0), lambda _: None), range(5))

    progress.settle(0, 5, 2, carried=False)

    assert progress.snapshot() == Snapshot(unit="API", total=10, done=5, rejected=2)


def test_a_stage_has_spent_what_was_spent_since_it_began() -> None:
    spent = Spent(requests=5, tokens_in=100, tokens_out=10)
    progress = Progress(lambda: spent)

    spent += Spent(requests=1, tokens_in=20, tokens_out=2)

    assert progress.snapshot().spent == Spent(requests=1, tokens_in=20, tokens_out=2)
