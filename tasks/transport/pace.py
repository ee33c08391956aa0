"""A steady pace per host, so that nobody's server sees us in bursts."""

from __future__ import annotations

import asyncio

# So many requests may go at once after a pause; then one every 1/rps seconds.
_BURST = 3


class Pace:
    """Spaces requests to each host; used in one event loop."""

    def __init__(self, per_host_rps: float) -> None:
        self._interval_s = 1 / per_host_rps
        self._due: dict[str, float] = {}

    async def wait(self, host: str) -> None:
        """Waits for the next free moment of `host`; moments are given in order of asking."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = max(self._due.get(host, now), now)
        self._due[host] = due + self._interval_s
        pause = due - (_BURST - 1) * self._interval_s - now
        if pause > 0:
            await asyncio.sleep(pause)
