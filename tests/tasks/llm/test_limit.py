from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tasks.llm.limit import ConcurrencyLimiter


async def let_in(limiter: ConcurrencyLimiter, n: int) -> list[asyncio.Task[None]]:
    """So many who want a place; those who got one are done."""
    tasks = [asyncio.create_task(limiter.enter()) for _ in range(n)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def start() -> None:
        await work()

    asyncio.run(start())


def inside(tasks: list[asyncio.Task[None]]) -> int:
    return sum(task.done() for task in tasks)


def answer(limiter: ConcurrencyLimiter, good: int, refused: int = 0, pause_s: float = 0.0) -> int:
    """The limit after so many answers, the refused ones spread among them."""
    for n in range(good + refused):
        if (n + 1) * refused // (good + refused) > n * refused // (good + refused):
            limiter.refused(pause_s)
        else:
            limiter.answered()
    return int(limiter.limit)


def test_no_more_than_the_limit_and_first_come_first_served() -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter(2)
        tasks = await let_in(limiter, 4)
        assert [task.done() for task in tasks] == [True, True, False, False]
        limiter.leave()
        await asyncio.sleep(0)
        assert [task.done() for task in tasks] == [True, True, True, False]
        limiter.leave()
        await asyncio.gather(*tasks)

    run(work)


def test_it_shrinks_by_half_the_share_that_is_refused_and_grows_back_by_steps() -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter(64)
        assert answer(limiter, good=32, refused=32) == 48
        assert answer(limiter, good=36, refused=12) == 42
        grown = [answer(limiter, good=int(limiter.limit)) for _ in range(7)]
        assert grown == [46, 50, 54, 58, 62, 64, 64]

    run(work)


def test_a_tenth_refused_at_random_costs_little() -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter(256)
        for _ in range(50):
            answer(limiter, good=9, refused=1)
        assert limiter.limit > 200

    run(work)


def test_when_everybody_is_refused_nobody_is_let_in_for_as_long_as_asked_then_few() -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter(64)
        for _ in range(64):
            await limiter.enter()
        for _ in range(64):
            limiter.refused(0.1)
            limiter.leave()
        tasks = await let_in(limiter, 64)
        assert inside(tasks) == 0
        await asyncio.sleep(0.15)
        counts = []
        while not all(task.done() for task in tasks):
            counts.append(inside(tasks))
            for _ in range(int(limiter.limit)):
                limiter.answered()
                limiter.leave()
            await asyncio.sleep(0)
        assert counts == [2, 6, 14, 30, 62]

    run(work)


def test_after_an_outage_few_go_first() -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter(64)
        limiter.restart()
        limiter.restart()
        assert int(limiter.limit) == 2
        grown = [answer(limiter, good=int(limiter.limit)) for _ in range(6)]
        assert grown == [4, 8, 16, 32, 36, 40]

    run(work)


def test_the_limit_never_falls_below_one() -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter(1)
        for _ in range(5):
            limiter.refused(0)
        await asyncio.sleep(0.01)
        assert limiter.limit == 1
        await asyncio.wait_for(limiter.enter(), 1)

    run(work)


def test_whoever_gives_up_waiting_leaves_the_place_to_others() -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter(1)
        await limiter.enter()
        given_up, other = await let_in(limiter, 2)
        given_up.cancel()
        await asyncio.sleep(0)
        limiter.leave()
        await asyncio.wait_for(other, 1)

    run(work)


def test_a_place_given_at_the_moment_of_giving_up_goes_to_the_next() -> None:
    async def work() -> None:
        limiter = ConcurrencyLimiter(1)
        await limiter.enter()
        given_up, other = await let_in(limiter, 2)
        limiter.leave()
        given_up.cancel()
        await asyncio.wait_for(other, 1)
        await asyncio.gather(given_up, return_exceptions=True)

    run(work)
