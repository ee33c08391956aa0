"""How fast something goes of late, and how long the rest will take."""

from __future__ import annotations

import math

MEMORY_S = 60.0
ENOUGH_STEPS = 3
ENOUGH_S = 3.0
SHORTEST_S = 1.0


class Pace:
    """The rate of the recent past: rows and seconds count the less, the longer ago they were.

    What they weigh falls to a third within `MEMORY_S`.  A stall shows, since seconds go on counting.
    """

    def __init__(self) -> None:
        self._at: float | None = None
        self._done = 0
        self._steps = 0
        self._age = 0.0
        self._silence = 0.0
        self._rows = 0.0
        self._seconds = 0.0

    def observe(self, now: float, done: int) -> None:
        """`done` rows are finished at the time `now`, in seconds on any clock."""
        if self._at is not None:
            passed = now - self._at
            fading = math.exp(-passed / MEMORY_S)
            self._rows = self._rows * fading + (done - self._done)
            self._seconds = self._seconds * fading + passed
            self._age += passed
            self._silence += passed
            if done > self._done:
                self._steps += 1
                self._silence = 0.0
        self._at, self._done = now, done

    @property
    def rate(self) -> float | None:
        """Rows per second; None before there is enough to tell."""
        if self._steps < ENOUGH_STEPS or self._age < ENOUGH_S:
            return None
        return self._rows / self._seconds

    def seconds_for(self, rows: int) -> float | None:
        """How long so many more rows will take; None while nobody can tell.

        That is the case before there is enough to go by, and again when nothing at all was finished in a
        time that was said to be enough for everything: the last rows are the slow ones.
        """
        rate = self.rate
        if not rate:
            return None
        seconds = rows / rate
        return None if seconds < max(self._silence, SHORTEST_S) else seconds
