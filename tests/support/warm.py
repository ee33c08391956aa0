"""`toolloom` as a process of its own, forked from one that has done the imports.

Importing Prefect takes about five seconds, and these tests run the command some forty times.  A forked
process shares nothing with another but what the imports left behind: `kill -9` ends it like any other.
That the command works when it imports everything itself, other tests see (`command_with`).

    python tests/support/warm.py

takes one order a line from standard input, as JSON, and answers with the pid and then the exit status.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn

FOLDER_OPTION = "--data"
WITHOUT_PREFECT = ("runs", "show", "sql")
LAZILY_BY_PREFECT = ("anyio._backends._asyncio", "fastapi", "graphviz", "pandas")


class WarmToolloom:
    """Runs commands one after the other; a context manager."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        """`folder`: where the output of the commands goes.  `env`: for all of them."""
        self._folder = folder
        self._n_started = 0
        self._last: Running | None = None
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, **env, "PREFECT_HOME": str(folder / "prefect")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> WarmToolloom:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._last is not None:
            self._last.give_up()
        self._process.communicate(timeout=60)

    def __call__(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, largest_file: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        return self.start(*arguments, env=env, largest_file=largest_file).wait()

    def start(
        self, *arguments: str | Path, env: Mapping[str, str] | None = None, largest_file: int | None = None
    ) -> Running:
        """The command, under way; `wait` for it before the next one.

        largest_file: in bytes; a file that grows beyond fails as on a full disk.
        """
        if self._last is not None:
            self._last.give_up()
        self._n_started += 1
        output = [self._folder / f"{self._n_started}.{name}" for name in ("out", "err")]
        order = {
            "arguments": [*map(str, arguments)],
            "output": [*map(str, output)],
            "env": dict(env or {}),
            "largest_file": largest_file,
        }
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        print(json.dumps(order), file=stdin, flush=True)
        self._last = Running([*map(str, arguments)], output, stdout, pid=int(stdout.readline()))
        return self._last


@dataclass
class Running:
    """A command under way."""

    arguments: list[str]
    output: list[Path]
    _answers: IO[str]
    pid: int
    _ended: bool = False

    def give_up(self) -> None:
        """Ends what a failed test has left, whose answer would be taken for that of the next command."""
        if not self._ended:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._answers.readline()
            self._ended = True

    def wait(self) -> subprocess.CompletedProcess[str]:
        """Its end; the return code is negative after a signal, as in `subprocess`."""
        code = int(self._answers.readline())
        self._ended = True
        out, err = (path.read_text() for path in self.output)
        return subprocess.CompletedProcess(self.arguments, code, out, err)


def _fork_for_every_order() -> dict[str, Any] | None:
    """Returns in each child, with its order; None in the parent, at the end of the orders."""
    for line in sys.stdin:
        with warnings.catch_warnings(action="ignore"):  # numpy and Arrow have threads, but know about forks
            pid = os.fork()
        if not pid:
            return dict(json.loads(line))
        print(pid, flush=True)  # noqa: T201
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201
    return None


def _become(order: Mapping[str, Any]) -> None:
    """Takes on the output, the limits, the arguments and the settings of a command."""
    for descriptor, path in enumerate(order["output"], start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if order["largest_file"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"], order["largest_file"]))
    os.environ |= order["env"]
    arguments = order["arguments"]
    sys.argv = ["toolloom", *arguments]
    if FOLDER_OPTION in arguments and arguments[0] not in WITHOUT_PREFECT:
        _read_settings_anew(Path(arguments[arguments.index(FOLDER_OPTION) + 1]).resolve())


def _read_settings_anew(data: Path) -> None:
    """Prefect has read its settings already; those that depend on the data folder are set now."""
    from prefect.context import refresh_global_settings_context

    from flows.prefect.server import prepare_environment

    del os.environ["PREFECT_HOME"]
    prepare_environment(data, verbose=False)
    with warnings.catch_warnings(action="ignore"):  # the folder may be a wrong one: the command says so
        refresh_global_settings_context()


def _import_what_commands_import() -> None:
    for name in (
        "flows.refresh_dataset",
        "flows.start",
        "flows.configure",
        "flows.text.ask",
        *LAZILY_BY_PREFECT,
    ):
        importlib.import_module(name)


def _end(code: object) -> NoReturn:
    """Ends the process as the interpreter does, but for taking all modules apart, which costs a second."""
    threading._shutdown()  # type: ignore[attr-defined] # waits for threads, as at any end
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _main() -> None:
    _import_what_commands_import()
    from flows.cli import main

    gc.collect()
    gc.freeze()  # else every collection in a child looks at all imports, and so copies their pages
    order = _fork_for_every_order()
    if order is not None:
        _become(order)
        try:
            main()
        except SystemExit as end:
            _end(end.code)


if __name__ == "__main__":
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    _main()
