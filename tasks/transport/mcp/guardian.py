"""Runs one command, and never lets it outlive the process that asked for it.

    python -I guardian.py LIFELINE COMMAND...

LIFELINE is the number of a pipe's reading end; only our parent holds the other end.  When the parent closes
it, or ends in whatever way (kill -9 included), the command and everything it started are asked to end, and
are killed when they do not.  Many MCP servers go on for ever when their standard input closes: hence this.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

GRACE_S = 2.0


def main(lifeline: int, command: list[str]) -> int:
    if os.getpgrp() != os.getpid():
        raise SystemExit("the guardian must lead a process group: it ends all of it")
    try:
        child = subprocess.Popen(command)  # noqa: S603 - given by our parent
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
        return 127
    # Ours to forward, not to obey; the child was started with the defaults.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _let_go_of_pipes()
    threading.Thread(target=_follow, args=(child,), daemon=True).start()
    while os.read(lifeline, 1024):
        pass
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE_S)
    os.killpg(0, signal.SIGKILL)
    return 0


def _let_go_of_pipes() -> None:
    """Our copies would keep the pipes open after the child has closed its own."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)


def _follow(child: subprocess.Popen[bytes]) -> None:
    """When the child has ended, nothing that it started stays either."""
    child.wait()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), sys.argv[2:]))
