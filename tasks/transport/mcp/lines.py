"""Bytes into lines of bounded length: a server must not be able to fill our memory."""

from __future__ import annotations

from collections.abc import Iterator

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
