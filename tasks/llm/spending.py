"""What a run has spent, written down as it is spent, so that a run that was killed goes on counting.

A line per event, appended before what it tells of may be used, and never rewritten: the operating system
has it, so it survives `kill -9`.  Several processes may append to the same file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson

from tasks.errors import StopRun, UsageError
from warehouse.tables.accounts import LlmCall

_FOLDER = ("store", "spent")


Numbers = tuple[int, int, int, float]
"""Requests, tokens in, tokens out, USD saved."""


@dataclass(frozen=True, slots=True)
class Booking:
    """A request's place in the account.  settled: what it cost is known; else this is its worst case."""

    stage: str
    numbers: Numbers
    settled: bool


def spending_file(data: Path, run_id: str) -> Path:
    return data.joinpath(*_FOLDER, f"{run_id}.jsonl")


def forget_other_runs(data: Path, run_id: str) -> None:
    """Removes what runs wrote that are over."""
    for path in data.joinpath(*_FOLDER).glob("*.jsonl"):
        if path != spending_file(data, run_id):
            path.unlink()


class SpendingLog:
    """The file of one run; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            self._end_torn_line()
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written ({error.strerror})", fix="make its folder writable"
            ) from error
        self._n_held = 0

    def __enter__(self) -> SpendingLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def held(self, stage: str, numbers: Numbers, name: str = "") -> str:
        """Set aside for a request; returns the name under which it is settled, made up unless given."""
        self._n_held += 1
        name = name or f"{os.getpid()}.{id(self)}.{self._n_held}"
        self._append(["held", name, stage, numbers])
        return name

    def settled(self, name: str, numbers: Numbers) -> None:
        self._append(["settled", name, numbers])

    def asked(self, call: LlmCall) -> None:
        """A request that was sent, and came to its end."""
        self._append(["asked", "", call])

    def bookings(self) -> dict[str, Booking]:
        """Those of all processes so far, by name; what was in flight at a kill stays at its worst case."""
        found: dict[str, Booking] = {}
        for kind, name, *told in self._events({"held", "settled"}):
            stage = told[0] if kind == "held" else found[name].stage
            found[name] = Booking(stage, tuple(told[-1]), settled=kind == "settled")
        return found

    def calls(self) -> list[LlmCall]:
        return [LlmCall(**call) for _, _, call in self._events({"asked"})]

    def _end_torn_line(self) -> None:
        """A full disk may have cut off the last line."""
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")

    def _append(self, event: list[Any]) -> None:
        try:
            os.write(self._file, orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))
        except OSError as error:
            raise StopRun(
                f"{self._path} cannot be written: {error.strerror}",
                fix="free space on its disk, or make it writable, and run again: what is finished is kept",
            ) from error

    def _events(self, kinds: set[str]) -> Iterator[list[Any]]:
        with self._path.open("rb") as lines:
            for line in lines:
                event = _read(line)
                if event is not None and event[0] in kinds:
                    yield event


def _read(line: bytes) -> list[Any] | None:
    """None for a line that was torn: what it was to tell of did not happen."""
    try:
        event: list[Any] = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event
