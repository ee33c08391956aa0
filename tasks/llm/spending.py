"""What a run has spent, written down as it is spent, so that a run that was killed goes on counting.

A line per event, appended before what it tells of may be used, and never rewritten: the operating system
has it, so it survives `kill -9`.  Several processes may append to the same file.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import orjson

from tasks.errors import StopRun, UsageError
from warehouse.tables.accounts import LlmCall


@dataclass(frozen=True, slots=True)
class Spent:
    """Requests and tokens, spent or set aside, each at the price of the endpoint that was asked.

    usd: of those whose price is known; unpriced: how many of the requests took tokens at an unknown one.
    """

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    unpriced: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.requests + other.requests,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.usd + other.usd,
            self.unpriced + other.unpriced,
        )

    def __sub__(self, other: Spent) -> Spent:
        return Spent(
            self.requests - other.requests,
            self.tokens_in - other.tokens_in,
            self.tokens_out - other.tokens_out,
            self.usd - other.usd,
            self.unpriced - other.unpriced,
        )

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out

    @property
    def numbers(self) -> tuple[int, int, int, float, int]:
        return self.requests, self.tokens_in, self.tokens_out, self.usd, self.unpriced

    @property
    def cost_usd(self) -> float | None:
        """In dollars; None where the price of a part is unknown."""
        return None if self.unpriced else self.usd


_FOLDER = ("store", "spent")


@dataclass(frozen=True, slots=True)
class Booking:
    """A request's place in the account.  settled: what it cost is known; else this is its worst case."""

    stage: str
    spent: Spent
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

    def held(self, stage: str, spent: Spent, name: str = "") -> str:
        """Set aside for a request; returns the name under which it is settled, made up unless given."""
        self._n_held += 1
        name = name or f"{os.getpid()}.{id(self)}.{self._n_held}"
        self._append(["held", name, stage, spent.numbers])
        return name

    def settled(self, name: str, spent: Spent) -> None:
        self._append(["settled", name, spent.numbers])

    def asked(self, call: LlmCall) -> None:
        """A request that was sent, and came to its end."""
        self._append(["asked", "", call])

    def bookings(self) -> dict[str, Booking]:
        """Those of all processes so far, by name; what was in flight at a kill stays at its worst case."""
        found: dict[str, Booking] = {}
        for kind, name, *told in self._events({"held", "settled"}):
            stage = told[0] if kind == "held" else found[name].stage
            found[name] = Booking(stage, _spent(*told[-1]), settled=kind == "settled")
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


def _spent(requests: int, tokens_in: int, tokens_out: int, usd: float, unpriced: int | None = None) -> Spent:
    """Four numbers are of a version that told what was saved, and left the price to be known otherwise."""
    if unpriced is None:
        return Spent(requests, tokens_in, tokens_out, -usd, 1 if tokens_in or tokens_out else 0)
    return Spent(requests, tokens_in, tokens_out, usd, unpriced)


def _read(line: bytes) -> list[Any] | None:
    """None for a line that was torn: what it was to tell of did not happen."""
    try:
        event: list[Any] = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event


_TRIAL = "endpoint"
# Fewer refusals may be the rows' own.
_FEWEST_REFUSED = 3


class Recorder(Protocol):
    """Where a model reports its requests."""

    def record(self, call: LlmCall) -> None: ...


class UsageLog:
    """The requests of all stages of a run; any thread may record and take.

    One row for each (stage, row, ordinal).  When a shard is run again within a run, its replies come
    from the store the second time: the row that says what they cost is kept.  log: where a run that was
    killed finds the rows of what it had paid for.
    """

    def __init__(self, log: SpendingLog | None = None) -> None:
        self._log = log
        self._calls: defaultdict[tuple[str, str], dict[int, LlmCall]] = defaultdict(dict)
        self._guard = threading.Lock()
        for call in () if log is None else log.calls():
            self._keep(call)

    def record(self, call: LlmCall) -> None:
        if self._log is not None and not call.from_store:
            self._log.asked(call)
        with self._guard:
            self._keep(call)

    def _keep(self, call: LlmCall) -> None:
        of_row = self._calls[call.stage, call.row_id]
        earlier = of_row.get(call.ordinal)
        if not (call.from_store and earlier is not None and earlier.error is None):
            of_row[call.ordinal] = call

    def take(self, stage: str, row_ids: Iterable[str]) -> list[LlmCall]:
        """Removes and returns the rows of these row ids, ordered by row id and ordinal."""
        with self._guard:
            taken = {row_id: self._calls.pop((stage, row_id), {}) for row_id in row_ids}
        return [taken[row_id][ordinal] for row_id in sorted(taken) for ordinal in sorted(taken[row_id])]

    def take_all(self, stage: str) -> list[LlmCall]:
        """Removes and returns all rows of a stage, ordered alike."""
        with self._guard:
            row_ids = [row_id for of_stage, row_id in self._calls if of_stage == stage]
        return self.take(stage, row_ids)


def mostly_refused(calls: Iterable[LlmCall]) -> tuple[str, ...]:
    """A sentence for each stage whose requests were mostly refused, or the last ones of most of its rows.

    In a trial those are findings.
    """
    by_stage: defaultdict[str, list[LlmCall]] = defaultdict(list)
    for call in sorted(calls, key=lambda call: call.ordinal):
        if call.stage != _TRIAL:
            by_stage[call.stage].append(call)
    told: list[str] = []
    for stage, asked in by_stage.items():
        errors = [call.error or "" for call in asked if _is_refused(call)]
        last = {call.row_id: call for call in asked}
        n_ended = sum(map(_is_refused, last.values()))
        if len(errors) >= _FEWEST_REFUSED and (2 * len(errors) > len(asked) or 2 * n_ended > len(last)):
            ((error, _),) = Counter(errors).most_common(1)
            told.append(
                f"the model endpoint refused {len(errors):,} of {len(asked):,} requests of {stage}, the last "
                f"one of {n_ended:,} of {len(last):,} rows; most often so: {error.partition(': ')[2]}"
            )
    return tuple(told)


def _is_refused(call: LlmCall) -> bool:
    """A refusal is told with its reason and what was said, other failures in a word (`budget.describe`)."""
    return call.error is not None and ": " in call.error
