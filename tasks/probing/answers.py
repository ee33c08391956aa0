"""What operations answered, for those of their siblings that wait for identifiers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from tasks.errors import StopRun
from tasks.probing.identifiers import Answered


class Answers:
    """A board on which the first good answer of each operation that tells is put up; used in one event loop.

    expected: `api_id`s of those that are probed now.  earlier: good answers from before, of others.
    """

    def __init__(self, expected: Iterable[str] = (), earlier: Mapping[str, Answered] | None = None) -> None:
        self._settled = {api_id: asyncio.Event() for api_id in expected}
        self._answers = dict(earlier or {})
        self._stops: dict[str, StopRun] = {}

    def expects(self, api_id: str) -> bool:
        """Whether others may wait for an answer of this operation."""
        return api_id in self._settled

    def settle(self, api_id: str, answered: Answered | None) -> None:
        """What came of an operation that was probed before, whose answer was kept."""
        with self.probing(api_id):
            if answered is not None:
                self.put_up(api_id, answered)

    def put_up(self, api_id: str, answered: Answered) -> None:
        """A good answer; later ones of the same operation change nothing."""
        if api_id in self._settled and not self._settled[api_id].is_set():
            self._answers[api_id] = answered
            self._settled[api_id].set()

    @contextmanager
    def probing(self, api_id: str) -> Iterator[None]:
        """The block in which the operation is probed: at its end nobody need wait for an answer any more."""
        try:
            yield
        except StopRun as stop:
            self._stops[api_id] = stop
            raise
        finally:
            if api_id in self._settled:
                self._settled[api_id].set()

    async def of(self, api_id: str) -> Answered | None:
        """The operation's good answer, awaited; None when it has none.

        Raises the `StopRun` that ended its probing: without the answer, other arguments would be tried.
        """
        if api_id in self._settled:
            await self._settled[api_id].wait()
        if api_id in self._stops and api_id not in self._answers:
            raise self._stops[api_id]
        return self._answers.get(api_id)
