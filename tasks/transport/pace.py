"""A steady pace per host, so that nobody's server sees us in bursts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# So many requests may go at once after a pause; then one every 1/rps seconds.
_BURST = 3


class Pace:
    """Spaces requests to each host; used in one event loop.  rps_of: what differs from host to host."""

    def __init__(self, per_host_rps: float, rps_of: Callable[[str], float] | None = None) -> None:
        self._rps_of = rps_of or (lambda _: per_host_rps)
        self._intervals_s: dict[str, float] = {}
        self._due: dict[str, float] = {}

    async def wait(self, host: str) -> None:
        """Waits for the next free moment of `host`; moments are given in order of asking."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        interval_s = self._intervals_s.get(host)
        if interval_s is None:
            interval_s = self._intervals_s[host] = 1 / self._rps_of(host)
        due = max(self._due.get(host, now), now)
        self._due[host] = due + interval_s
        pause = due - (_BURST - 1) * interval_s - now
        if pause > 0:
            await asyncio.sleep(pause)
