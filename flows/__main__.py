"""The start of the process, `toolloom` or `python -m flows`.

It imports nothing of ours before it heeds Ctrl-C: the imports take a good half second, in which a
KeyboardInterrupt would be a traceback, or be lost in one of them.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    os._exit(130)  # as after every other interrupt


def main() -> None:
    """Runs the command line; an interrupt while it is being imported ends the process without a word."""
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:  # it may be ignored, as under nohup
        signal.signal(signal.SIGINT, _leave)
    from flows.cli import main as command_line

    signal.signal(signal.SIGINT, interrupted)
    command_line()


if __name__ == "__main__":
    main()
