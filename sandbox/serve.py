"""Serves the hub and the teacher from one process and one event loop.

    python -m sandbox.serve --hub-port 0 --teacher-port 0

Once both are listening, one JSON line with their base URLs appears on standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

from aiohttp import web

from sandbox.changes import Change, UnknownTool, read_changes
from sandbox.hub import build_hub
from sandbox.teacher import TeacherFaults, build_teacher

# Connections still open when the servers stop are slow answers nobody waits for any more.
_SHUTDOWN_S = 0.2
_NOT_RATES = frozenset({"seed", "retry_after_s"})


class CannotListen(Exception):
    """A port cannot be had; the message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Base URLs: of the hub, and of the teacher as an OpenAI client wants it (ending in /v1)."""

    hub: str
    teacher: str


@asynccontextmanager
async def serving(
    *,
    host: str = "127.0.0.1",
    hub_port: int = 0,
    teacher_port: int = 0,
    faults: TeacherFaults | None = None,
    make_up_answers: bool = False,
    changes: Sequence[Change] = (),
) -> AsyncIterator[Addresses]:
    """Both servers for as long as the block runs; port 0 is any free one.  Raises CannotListen."""
    hub_app = build_hub(make_up_answers=make_up_answers, changes=changes)
    hub = web.AppRunner(hub_app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
    teacher = web.AppRunner(build_teacher(faults), access_log=None, shutdown_timeout=_SHUTDOWN_S)
    try:
        hub_url = await _listen(hub, host, hub_port, "--hub-port")
        teacher_url = await _listen(teacher, host, teacher_port, "--teacher-port")
        yield Addresses(hub=hub_url, teacher=f"{teacher_url}/v1")
    finally:
        await asyncio.gather(hub.cleanup(), teacher.cleanup())


async def _listen(runner: web.AppRunner, host: str, port: int, option: str) -> str:
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            fix = f"stop the program that uses it, or choose another one with {option} (0: any free port)"
            raise CannotListen(f"port {port} on {host} is already in use; {fix}") from error
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{runner.addresses[0][1]}"


def scaled(rate: float, *, seed: int = 0) -> TeacherFaults:
    """The teacher's usual faults, each rate multiplied (and at most 1)."""
    usual = TeacherFaults(seed=seed)
    names = [field.name for field in fields(usual) if field.name not in _NOT_RATES]
    return replace(usual, **{name: min(1.0, rate * getattr(usual, name)) for name in names})


async def _serve_until_stopped(options: argparse.Namespace) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    faults = scaled(options.fault_rate, seed=options.teacher_seed)
    ports = {"hub_port": options.hub_port, "teacher_port": options.teacher_port}
    catalogue = {"make_up_answers": options.make_up_answers, "changes": options.changes}
    async with serving(host=options.host, faults=faults, **catalogue, **ports) as addresses:
        print(json.dumps({"hub": addresses.hub, "teacher": addresses.teacher}), flush=True)  # noqa: T201
        if options.stdin_eof_stops:
            threading.Thread(target=_await_end_of_input, args=(loop, stop), daemon=True).start()
        await stop.wait()


def _await_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    # The descriptor, not sys.stdin: a thread that holds the stream's lock would block the exit.
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(stop.set)


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"'{text}' is not a port (0 to 65535)")
    return int(text)


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 <= rate < float("inf"):
        raise argparse.ArgumentTypeError("a fault rate is a number from 0")
    return rate


def _changes(path: str) -> list[Change]:
    try:
        return read_changes(Path(path))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.serve", description="Serve the hub and the teacher."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--hub-port", type=_port, default=0, help="0 (the default): any free port")
    parser.add_argument("--teacher-port", type=_port, default=0, help="0 (the default): any free port")
    parser.add_argument("--fault-rate", type=_rate, default=1.0, help="multiplies the teacher's fault rates")
    parser.add_argument("--teacher-seed", type=int, default=0, help="places the teacher's faults")
    parser.add_argument(
        "--make-up-answers",
        action="store_true",
        help="the ToolBench service makes up answers of APIs that are not the hub's, and says so in them",
    )
    parser.add_argument(
        "--changes",
        type=_changes,
        default=(),
        metavar="FILE",
        help="JSON: what has become of the hub's tools",
    )
    parser.add_argument("--stdin-eof-stops", action="store_true", help="stop when standard input closes")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs until SIGTERM, SIGINT or, on request, the end of standard input; 1 when a port is taken."""
    try:
        asyncio.run(_serve_until_stopped(_options(arguments)))
    except (CannotListen, UnknownTool) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
