"""Hosts that nobody reaches: found out once, not once more for each of their APIs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tasks.calling.outcome import CallResult, Outcome

PAUSE_S = 1.0  # between tries to reach a host that has never answered, at most
_FAILURES = 3
_FOR_S = 2.0  # so long a host has to be out of reach; one that restarts is back


@dataclass
class _Host:
    heard: bool = False
    failures: list[float] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = ""


class Hosts:
    """Which hosts were heard of, and which are out of reach; used in one event loop.

    One is out of reach when nothing of it was ever heard, and some calls in a row, over a time, did not get
    as far as to it.  What is called there afterwards, or waits for its turn, fails with the same words: the
    rows are those that further calls would have given.  clock: for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._hosts: dict[str, _Host] = {}
        self._clock = clock

    def is_silent(self, name: str) -> bool:
        """Whether it was called, and nothing has come back yet."""
        host = self._hosts.get(name)
        return host is not None and bool(host.failures) and not host.heard

    async def called(self, name: str, call: Callable[[], Awaitable[CallResult]]) -> CallResult:
        """The result of the call, or of one like it to a host that is out of reach."""
        host = self._hosts.setdefault(name, _Host())
        if host.heard:
            return await call()
        if host.gone.is_set():
            return _out_of_reach(host)
        calling = asyncio.ensure_future(call())
        giving_up = asyncio.ensure_future(host.gone.wait())
        try:
            await asyncio.wait((calling, giving_up), return_when=asyncio.FIRST_COMPLETED)
            if not calling.done():
                return _out_of_reach(host)
            result = calling.result()
        finally:
            for task in (calling, giving_up):
                task.cancel()
            await asyncio.gather(calling, giving_up, return_exceptions=True)
        self._note(host, result)
        return result

    def _note(self, host: _Host, result: CallResult) -> None:
        if not result.unreached:
            host.heard = host.heard or result.outcome not in {
                Outcome.UNSAFE_SKIPPED,
                Outcome.INVALID_ARGUMENTS,
            }
            return
        host.failures.append(self._clock())
        host.why = host.why or result.detail
        lasting = self._clock() - host.failures[0] >= _FOR_S
        if not host.heard and len(host.failures) >= _FAILURES and lasting:
            host.gone.set()


def _out_of_reach(host: _Host) -> CallResult:
    return CallResult(outcome=Outcome.CONNECTION_ERROR, detail=host.why, unreached=True)
