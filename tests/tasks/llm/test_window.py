from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tasks.llm.limit import Window


async def let_in(window: Window, n: int) -> list[asyncio.Task[None]]:
    """So many who want a place; those who got one are done."""
    tasks = [asyncio.create_task(window.enter()) for _ in range(n)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def start() -> None:
        await work()

    asyncio.run(start())


def inside(tasks: list[asyncio.Task[None]]) -> int:
    return sum(task.done() for task in tasks)


def answer(window: Window, good: int, refused: int = 0, pause_s: float = 0.0) -> int:
    """The limit after so many answers, the refused ones spread among them."""
    for n in range(good + refused):
        if (n + 1) * refused // (good + refused) > n * refused // (good + refused):
            window.refused(pause_s)
        else:
            window.answered()
    return int(window.limit)


def test_no_more_than_the_limit_and_first_come_first_served() -> None:
    async def work() -> None:
        window = Window(2)
        tasks = await let_in(window, 4)
        assert [task.done() for task in tasks] == [True, True, False, False]
        window.leave()
        await asyncio.sleep(0)
        assert [task.done() for task in tasks] == [True, True, True, False]
        window.leave()
        await asyncio.gather(*tasks)

    run(work)


def test_it_shrinks_by_half_the_share_that_is_refused_and_grows_back_by_steps() -> None:
    async def work() -> None:
        window = Window(64)
        assert answer(window, good=32, refused=32) == 48
        assert answer(window, good=36, refused=12) == 42
        grown = [answer(window, good=int(window.limit)) for _ in range(7)]
        assert grown == [46, 50, 54, 58, 62, 64, 64]

    run(work)


def test_a_tenth_refused_at_random_costs_little() -> None:
    async def work() -> None:
        window = Window(256)
        for _ in range(50):
            answer(window, good=9, refused=1)
        assert window.limit > 200

    run(work)


def test_when_everybody_is_refused_nobody_is_let_in_for_as_long_as_asked_then_few() -> None:
    async def work() -> None:
        window = Window(64)
        for _ in range(64):
            await window.enter()
        for _ in range(64):
            window.refused(0.1)
            window.leave()
        tasks = await let_in(window, 64)
        assert inside(tasks) == 0
        await asyncio.sleep(0.15)
        counts = []
        while not all(task.done() for task in tasks):
            counts.append(inside(tasks))
            for _ in range(int(window.limit)):
                window.answered()
                window.leave()
            await asyncio.sleep(0)
        assert counts == [2, 6, 14, 30, 62]

    run(work)


def test_after_an_outage_few_go_first() -> None:
    async def work() -> None:
        window = Window(64)
        window.restart()
        window.restart()
        assert int(window.limit) == 2
        grown = [answer(window, good=int(window.limit)) for _ in range(6)]
        assert grown == [4, 8, 16, 32, 36, 40]

    run(work)


def test_the_limit_never_falls_below_one() -> None:
    async def work() -> None:
        window = Window(1)
        for _ in range(5):
            window.refused(0)
        await asyncio.sleep(0.01)
        assert window.limit == 1
        await asyncio.wait_for(window.enter(), 1)

    run(work)


def test_whoever_gives_up_waiting_leaves_the_place_to_others() -> None:
    async def work() -> None:
        window = Window(1)
        await window.enter()
        given_up, other = await let_in(window, 2)
        given_up.cancel()
        await asyncio.sleep(0)
        window.leave()
        await asyncio.wait_for(other, 1)

    run(work)


def test_a_place_given_at_the_moment_of_giving_up_goes_to_the_next() -> None:
    async def work() -> None:
        window = Window(1)
        await window.enter()
        given_up, other = await let_in(window, 2)
        window.leave()
        given_up.cancel()
        await asyncio.wait_for(other, 1)
        await asyncio.gather(given_up, return_exceptions=True)

    run(work)
