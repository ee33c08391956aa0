"""How fast one source is asked, by all who read it in this process."""

from __future__ import annotations

import threading
import time
from types import TracebackType


class Gate:
    """Lets in `at_once` requests at a time and `per_second` a second; a context manager, thread-safe."""

    def __init__(self, *, at_once: int, per_second: float) -> None:
        self._slots = threading.BoundedSemaphore(at_once)
        self._interval_s = 1 / per_second
        self._due = 0.0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._slots.acquire()
        # Asked again after each wait: another request may have been told to pause meanwhile.
        while (wait_s := self._wait_s()) > 0:
            time.sleep(wait_s)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._slots.release()

    def pause(self, seconds: float) -> None:
        """Nobody is let in for so long: the source asked one of us to wait, and meant us all."""
        with self._lock:
            self._due = max(self._due, time.monotonic() + seconds)

    def _wait_s(self) -> float:
        """0, and the next moment is taken; else how long it is until there is one."""
        with self._lock:
            now = time.monotonic()
            if self._due > now:
                return self._due - now
            self._due = now + self._interval_s
            return 0.0
