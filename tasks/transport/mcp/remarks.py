"""What a server says on its standard error: for people who look for a fault, and never with a secret."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from tasks.transport.guard import Redactor

LARGEST_LOG = 1_000_000  # characters of one run

_LAST = 5


class Remarks:
    """Keeps the last lines, and appends all of them to `log` when there is one."""

    def __init__(self, redactor: Redactor, log: Path | None) -> None:
        self._redactor = redactor
        self._log = log
        self._left = LARGEST_LOG
        self._last: deque[str] = deque(maxlen=_LAST)

    def add(self, line: str) -> None:
        line = "".join(each for each in self._redactor.redact(line) if each.isprintable() or each == "\t")
        line = line.rstrip()
        if not line:
            return
        self._last.append(line)
        if self._log is not None and self._left > 0:
            self._left -= len(line)
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("a", encoding="utf-8") as log:
                log.write(f"{line}\n")

    def forget(self) -> None:
        self._last.clear()

    @property
    def last(self) -> str:
        """The last lines in one, or nothing."""
        return " | ".join(self._last)
