import asyncio
import time

from tasks.transport.client import RateLimiter


def moments(hosts: list[str], rps: float) -> list[float]:
    """Seconds from the start until each request to its host may go."""

    async def wait(pace: RateLimiter, host: str, started: float) -> float:
        await pace.wait(host)
        return time.monotonic() - started

    async def wait_for_all() -> list[float]:
        pace, started = RateLimiter(rps), time.monotonic()
        return await asyncio.gather(*(wait(pace, host, started) for host in hosts))

    return asyncio.run(wait_for_all())


def test_after_a_small_burst_requests_to_a_host_are_spaced_evenly() -> None:
    spaced = moments(["a"] * 7, rps=20)
    earliest = [0, 0, 0, 0.05, 0.1, 0.15, 0.2]
    assert all(moment > due - 0.005 for moment, due in zip(spaced, earliest, strict=True))
    assert spaced == sorted(spaced)
    assert spaced[-1] < 2


def test_hosts_do_not_wait_for_each_other() -> None:
    assert max(moments(["a", "b", "a", "b", "c"], rps=0.1)) < 2


def test_a_host_may_have_a_pace_of_its_own() -> None:
    async def wait_for_all() -> float:
        pace, started = RateLimiter(0.1, {"fast": 1000.0}.get), time.monotonic()  # type: ignore[arg-type] # all are named
        await asyncio.gather(*(pace.wait("fast") for _ in range(50)))
        return time.monotonic() - started

    assert asyncio.run(wait_for_all()) < 2
