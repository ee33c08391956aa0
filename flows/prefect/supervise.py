"""Child processes that never outlive this one.

A child is started under a tiny guardian (`python -m flows.prefect.supervise -- COMMAND`).  The guardian's
standard input is a pipe that only this process holds: when this process ends, however it ends (kill -9
included), the pipe closes and the guardian stops the child and everything the child started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO

_GRACE_S = 8.0

PYTHON = (sys.executable, "-P", "-m")
"""How a module of ours becomes a child: never with -m alone, which imports from the folder one stands in."""


class Child:
    """A running command; leaving the `with` block stops it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        log: Path | None = None,
        read_stdout: bool = False,
    ) -> None:
        """`log` receives what the command prints (appended); with `read_stdout` its stdout can be read."""
        self._log: IO[bytes] | None = log.open("ab") if log is not None else None
        sink = self._log if self._log is not None else subprocess.DEVNULL
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            [*PYTHON, "flows.prefect.supervise", "--", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if read_stdout else sink,
            stderr=sink,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,  # Ctrl-C at the terminal is ours to handle, not the child's
        )

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def read_line(self, timeout_s: float) -> str | None:
        """The next line of stdout, or None when the child ended or stayed silent for so long."""
        assert self.process.stdout is not None, "started without read_stdout"
        lines: list[bytes] = []
        reader = threading.Thread(
            target=lambda: lines.append(self.process.stdout.readline()),  # type: ignore[union-attr]
            daemon=True,
        )
        reader.start()
        reader.join(timeout_s)
        return lines[0].decode().strip() or None if lines else None

    @property
    def silence(self) -> str:
        """Why no line came of it."""
        code = self.process.poll()
        return "it did not answer in time" if code is None else f"its process ended (exit code {code})"

    def stop(self) -> None:
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        try:
            self.process.wait(_GRACE_S + 4)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdout, self._log):
            if stream is not None:
                stream.close()


def _guard(command: Sequence[str]) -> int:
    """Runs the command until it ends, standard input closes, or a signal asks to stop."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - given by our parent

    def stop(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=_end_group, args=(child,), daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    threading.Thread(target=_stop_at_end_of_input, args=(child,), daemon=True).start()
    return child.wait()


def _stop_at_end_of_input(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1024):
        pass
    _end_group(child)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Asks the child to end, then ends the whole group (this guardian included) if it will not."""
    with suppress(ProcessLookupError):
        child.terminate()
    deadline = time.monotonic() + _GRACE_S
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    if child.poll() is None:
        os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(_guard(sys.argv[sys.argv.index("--") + 1 :]))
