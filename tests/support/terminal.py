"""Commands in a terminal, and what is to be seen there."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

HEIGHT = 24
# Opening a terminal is what makes it that of the session, whose Ctrl-C is a signal; the signal may be ignored
# where these tests run in the background.
_TAKE_THE_TERMINAL = (
    "import os, signal, sys\n"
    "os.open(os.ttyname(0), os.O_RDWR)\n"
    "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)


class Terminal:
    """A command that runs in a terminal of its own; a context manager that ends it.

    `output`: all that it has written so far.
    """

    def __init__(self, command: Sequence[str], *, width: int, env: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, width, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_THE_TERMINAL, *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**environment, "TERM": "xterm-256color", **env},
            start_new_session=True,
        )
        os.close(theirs)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.output = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def read_until(self, pattern: str, timeout_s: float) -> None:
        """Reads until the output has the pattern; fails, and shows the output, if it never has."""
        deadline = time.monotonic() + timeout_s
        while not re.search(pattern, self.output):
            assert self._read(deadline), f"no {pattern!r} in {self.output!r}"

    def press(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def wait(self, timeout_s: float) -> int:
        """Reads the rest; the exit code."""
        deadline = time.monotonic() + timeout_s
        while self._read(deadline):
            pass
        return self._process.wait(max(0.0, deadline - time.monotonic()))

    def _read(self, deadline: float) -> bool:
        """Some more of the output; False when there is none, or none in time."""
        if not select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        try:
            written = os.read(self._ours, 65_536)
        except OSError:  # nobody has the other end open any more
            return False
        self.output += self._decoder.decode(written)
        return True


_PIECE = re.compile(r"\x1b\[(?P<number>[0-9;?]*)(?P<command>[A-Za-z])|(?P<text>[^\x1b])", re.DOTALL)


class Screen:
    """What is to be seen after `output`: `lines` without trailing blanks, none after the last with text.

    Raises `ValueError` for a control sequence that it does not know.
    """

    def __init__(self, output: str) -> None:
        self.cursor_visible = True
        self._rows: list[list[str]] = [[]]
        self._row = self._column = 0
        at = 0
        while at < len(output):
            piece = _PIECE.match(output, at)
            if piece is None:
                raise ValueError(f"unknown control sequence: {output[at : at + 10]!r}")
            if piece["text"] is not None:
                self._write(piece["text"])
            else:
                self._obey(piece["command"], piece["number"])
            at = piece.end()

    @property
    def lines(self) -> list[str]:
        text = "\n".join("".join(row).rstrip() for row in self._rows)
        return text.rstrip("\n").split("\n") if text.strip() else []

    def _write(self, sign: str) -> None:
        if sign == "\r":
            self._column = 0
        elif sign == "\n":
            self._row += 1
            if self._row == len(self._rows):
                self._rows.append([])
        else:
            row = self._rows[self._row]
            row.extend(" " * (self._column + 1 - len(row)))
            row[self._column] = sign
            self._column += 1

    def _obey(self, command: str, number: str) -> None:
        if command == "A":
            self._row -= int(number or 1)
        elif (command, number) == ("K", "2"):
            self._rows[self._row] = []
        elif number == "?25":
            self.cursor_visible = command == "h"
        elif command != "m":
            raise ValueError(f"unknown control sequence: {number}{command}")
