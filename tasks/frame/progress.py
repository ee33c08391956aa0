"""How far a stage is: counters that any thread may raise and any thread may read.

They know neither Prefect nor terminals: whoever shows them (`flows.text.progress`) looks when it likes.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TypeVar

from tasks.llm.spending import Spent

Row = TypeVar("Row")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A stage at one moment; all numbers but `spent` are in its `unit`.

    total: None until it is known.  done: finished, rejected ones among them.  carried: what of `done` an
    earlier run had finished.  spent: what the stage has asked of the model endpoint.  note: what is waited
    for, in words, or else what the stage has told.
    """

    unit: str = ""
    total: int | None = None
    done: int = 0
    rejected: int = 0
    carried: int = 0
    in_flight: int = 0
    spent: Spent = field(default_factory=Spent)
    note: str = ""
    told: str = ""

    @property
    def worked(self) -> int:
        """What this run has finished."""
        return self.done - self.carried


class Progress:
    """One stage of a run in this process."""

    def __init__(self, spent: Callable[[], Spent], note: Callable[[], str] = str) -> None:
        """spent: what the run as a whole has asked of the model endpoint.  note: see `Snapshot`."""
        self._spent = spent
        self._note = note
        self._told = ""
        self._spent_before = spent()
        self._unit = ""
        self._total: int | None = None
        self._shards: dict[int, ShardProgress] = {}
        self._guard = threading.Lock()

    def expect(self, total: int, unit: str) -> None:
        """The stage has made its shards and knows how much there is to do."""
        with self._guard:
            self._total, self._unit = total, unit
            self._shards.clear()

    def tell(self, words: str) -> None:
        """What a stage says of itself, beside its numbers."""
        with self._guard:
            self._told = words

    def shard(self, number: int) -> ShardProgress:
        """The counters of a shard that begins.

        One that is tried again begins at nothing, but is shown as far as it was until it is there again: a
        stage never goes backwards.
        """
        with self._guard:
            before = self._shards.get(number)
            self._shards[number] = ShardProgress(self._guard, before)
            return self._shards[number]

    def settle(self, number: int, size: int, rejected: int, *, carried: bool) -> None:
        """A shard is finished.  Where nothing was counted, it was cached or another process ran it."""
        with self._guard:
            shard = self._shards.setdefault(number, ShardProgress(self._guard))
            if not shard.done:
                shard.done, shard.rejected = size, rejected
                shard.carried = size if carried else 0

    def snapshot(self) -> Snapshot:
        with self._guard:
            shards = self._shards.values()
            return Snapshot(
                unit=self._unit,
                total=self._total,
                done=sum(shard.shown[0] for shard in shards),
                rejected=sum(shard.shown[1] for shard in shards),
                carried=sum(shard.carried for shard in shards),
                in_flight=sum(shard.in_flight for shard in shards),
                spent=self._spent() - self._spent_before,
                note=self._note() or self._told,
                told=self._told,
            )


class ShardProgress:
    """The rows of one shard under way."""

    def __init__(self, guard: threading.Lock, before: ShardProgress | None = None) -> None:
        """before: the counters of its last try."""
        self.done = self.rejected = self.carried = self.in_flight = 0
        self._before = (0, 0) if before is None else before.shown
        self._guard = guard

    @property
    def shown(self) -> tuple[int, int]:
        """Done and rejected, of the last try while this one is not as far."""
        return self._before if self.done < self._before[0] else (self.done, self.rejected)

    def take_up(self, size: int = 1) -> None:
        with self._guard:
            self.in_flight += size

    def finish(self, size: int = 1, *, rejected: int = 0) -> None:
        """What was taken up is done."""
        with self._guard:
            self.in_flight -= size
            self.done += size
            self.rejected += rejected

    def carry(self, size: int) -> None:
        """So much of what will be done was done by an earlier run."""
        with self._guard:
            self.carried += size

    def give_up(self, size: int = 1) -> None:
        """What was taken up will not be done."""
        with self._guard:
            self.in_flight -= size

    def counted(
        self,
        function: Callable[[Row], Awaitable[T]],
        *,
        size: int,
        rejects: Callable[[T], int],
        gate: AbstractAsyncContextManager[object] | None,
    ) -> Callable[[Row], Awaitable[T]]:
        """`function`, counting each row it is given; a row that waits at the `gate` is not taken up yet.

        size: of a row, in the stage's unit.  rejects: how much of it a result refuses.
        """

        async def count(row: Row) -> T:
            self.take_up(size)
            try:
                result = await function(row)
            except BaseException:
                self.give_up(size)
                raise
            self.finish(size, rejected=rejects(result))
            return result

        async def wait_and_count(row: Row) -> T:
            assert gate is not None
            async with gate:
                return await count(row)

        return count if gate is None else wait_and_count
