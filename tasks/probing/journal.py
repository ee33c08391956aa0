"""What probing has found out already: a stage that died does not call those APIs again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pydantic import TypeAdapter

from tasks.probing.earlier import was_unreachable
from tasks.probing.probe import ProbeReport
from tasks.transport.kvstore import Scratch

_REPORT = TypeAdapter(ProbeReport)


class Journal:
    """Reports by API and the conditions it was tried under."""

    def __init__(self, kept: Scratch) -> None:
        self._kept = kept

    async def report(
        self, api_id: str, conditions: str | None, probe: Callable[[], Awaitable[ProbeReport]]
    ) -> ProbeReport:
        """The report there is, or a new one of `probe`, given out once it is kept.

        An API that could not be reached is not written down: it may be our network that is down, and the
        shard's next try must look again.
        """
        key = [api_id, conditions]
        kept = await self._kept.get(key)
        if kept is not None:
            return _REPORT.validate_python(kept)
        report = await probe()
        if not was_unreachable(report.verdict):
            await self._kept.put(key, report)
        return report
