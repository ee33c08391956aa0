"""The stdio transport: a server as a child process that cannot outlive us, its messages bounded.

The SDK has one, too.  It reads lines of any length, and a server that goes on after its standard input has
closed survives a kill -9 of its client.
"""

from __future__ import annotations

import math
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import INTERNAL_ERROR, ErrorData, JSONRPCError, jsonrpc_message_adapter

from tasks.transport.mcp import guardian
from tasks.transport.mcp.failures import TOO_LARGE

GRACE_S = 2.0  # for a server to end by itself once its standard input has closed
_POLL_S = 0.01
_LONGEST_REMARK = 10_000  # bytes of a line on standard error
_GONE = (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError)
# Python's servers write the id of an answer first, TypeScript's last.
_ID = re.compile(rb'\A\{\s*"jsonrpc":\s*"2\.0",\s*"id":\s*(\d+),|"id":\s*(\d+)\s*\}\s*\Z')

Incoming = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing = MemoryObjectSendStream[SessionMessage]


@dataclass(frozen=True, kw_only=True)
class StdioServer:
    """What is started.  said: gets every line of the server's standard error."""

    command: Sequence[str]
    env: Mapping[str, str]
    cwd: Path | None
    max_message_bytes: int
    said: Callable[[str], None]


@asynccontextmanager
async def stdio_transport(
    server: StdioServer, ended: Callable[[], None]
) -> AsyncIterator[tuple[Incoming, Outgoing]]:
    """Streams to and from a new process, which is stopped when the block ends.

    ended: called as soon as the server says nothing any more.  Raises `OSError` when nothing can be started.
    """
    to_session, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](64)
    # Unbounded: a call that is given up must not wait until a busy server reads that it is.
    outgoing, from_session = anyio.create_memory_object_stream[SessionMessage](math.inf)
    with _lifeline() as (reading_end, let_go):
        process = await _spawn(server, reading_end)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        async with anyio.create_task_group() as tasks:
            try:
                tasks.start_soon(_read, process.stdout, to_session, server.max_message_bytes, ended)
                tasks.start_soon(_write, from_session, process.stdin, ended)
                tasks.start_soon(_listen, process.stderr, server.said)
                tasks.start_soon(_watch, process, ended)
                yield incoming, outgoing
            finally:
                with anyio.CancelScope(shield=True):
                    await _stop(process, let_go)
                tasks.cancel_scope.cancel()
        for stream in (to_session, incoming, outgoing, from_session):
            stream.close()


@contextmanager
def _lifeline() -> Iterator[tuple[int, Callable[[], None]]]:
    """A pipe's reading end for the guardian, and what closes the other one, at the latest when we end."""
    reading_end, writing_end = os.pipe()
    open_ends = {reading_end, writing_end}

    def let_go() -> None:
        while open_ends:
            os.close(open_ends.pop())

    try:
        yield reading_end, let_go
    finally:
        let_go()


async def _spawn(server: StdioServer, reading_end: int) -> Process:
    return await anyio.open_process(
        [sys.executable, "-I", guardian.__file__, str(reading_end), *server.command],
        env=server.env,
        cwd=server.cwd,
        pass_fds=(reading_end,),
        start_new_session=True,  # Ctrl-C at the terminal is ours to handle; and all of it ends together
    )


async def _read(
    stdout: ByteReceiveStream,
    to_session: MemoryObjectSendStream[SessionMessage | Exception],
    max_message_bytes: int,
    ended: Callable[[], None],
) -> None:
    """Messages to the session until there are none; also when it listens no more, so that nothing blocks."""
    splitter = LineSplitter(max_message_bytes)
    try:
        async with to_session:
            async for chunk in _chunks(stdout):
                for line in splitter.feed(chunk):
                    message = _message(line)
                    if message is not None:
                        with suppress(*_GONE):
                            await to_session.send(message)
    except _Unattributable:
        pass  # somebody's answer is lost: ending is how all who wait are told
    finally:
        ended()


async def _chunks(stream: ByteReceiveStream) -> AsyncIterator[bytes]:
    with suppress(anyio.EndOfStream, *_GONE):
        while True:
            yield await stream.receive()


class _Unattributable(Exception):
    """A message too long to be read, with no id at either end."""


def _message(line: bytes) -> SessionMessage | None:
    """The message of a line; None when it is none: many a server greets on its standard output."""
    if isinstance(line, TooLong):
        return SessionMessage(_refusal(line))
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        return None


def _refusal(line: TooLong) -> JSONRPCError:
    """What the one who waits for this answer is told instead."""
    found = _ID.search(line)
    if found is None:
        raise _Unattributable
    error = ErrorData(code=INTERNAL_ERROR, message=TOO_LARGE)
    return JSONRPCError(jsonrpc="2.0", id=int(found[1] or found[2]), error=error)


async def _write(
    from_session: MemoryObjectReceiveStream[SessionMessage],
    stdin: ByteSendStream,
    ended: Callable[[], None],
) -> None:
    try:
        async with from_session:
            async for message in from_session:
                text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                await stdin.send(text.encode() + b"\n")
    except _GONE:
        ended()  # it may be alive, and deaf


async def _listen(stderr: ByteReceiveStream, said: Callable[[str], None]) -> None:
    splitter = LineSplitter(_LONGEST_REMARK)
    async for chunk in _chunks(stderr):
        for line in splitter.feed(chunk):
            said((_ends(line) if isinstance(line, TooLong) else line).decode("utf-8", "replace"))


def _ends(line: TooLong) -> bytes:
    """Of a line that was too long, without the words that were cut: one may be half a key."""
    first, last = line[:END], line[END:]
    return first.rpartition(b" ")[0] + b" ... " + last.partition(b" ")[2]


async def _watch(process: Process, ended: Callable[[], None]) -> None:
    """A server whose guardian is gone must not go on without one."""
    await process.wait()
    ended()


async def _stop(process: Process, let_go: Callable[[], None]) -> None:
    """Ends the server and all it started: by end of input, then SIGTERM, then SIGKILL."""
    assert process.stdin is not None
    try:
        with suppress(*_GONE):
            await process.stdin.aclose()
        await _gone_within(process, GRACE_S)
    finally:
        let_go()  # from here on the guardian sees to it, whatever becomes of us
    await _gone_within(process, guardian.GRACE_S + 1)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # for the case that the guardian was killed before the rest
    with anyio.move_on_after(GRACE_S):
        await process.aclose()


async def _gone_within(process: Process, seconds: float) -> bool:
    """Polls: waiting for the process would also wait for whoever holds its pipes."""
    deadline = anyio.current_time() + seconds
    while process.returncode is None and anyio.current_time() < deadline:
        await anyio.sleep(_POLL_S)
    return process.returncode is not None


END = 256  # bytes kept of each end of a line that is too long


class TooLong(bytes):
    """What is left of a line that was too long: its first and its last bytes."""


class LineSplitter:
    """Lines out of chunks, none longer than `limit` bytes; time and memory are linear in what comes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that `chunk` completes, without their ends."""
        *complete, rest = chunk.split(b"\n")
        for part in complete:
            self._add(part)
            yield self._line()
        self._add(rest)

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        self._parts.append(part)
        if self._size > self._limit:
            kept = b"".join(self._parts)
            self._parts = [kept[:END], kept[END:][-END:]]

    def _line(self) -> bytes:
        line = b"".join(self._parts)
        too_long = self._size > self._limit
        self._parts, self._size = [], 0
        return TooLong(line) if too_long else line.removesuffix(b"\r")
