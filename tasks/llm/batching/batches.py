"""One batch from its file to its replies: put on record, uploaded, created, waited for, collected."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar
from uuid import uuid4

from openai.types import Batch
from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.errors import (
    BrokenContract,
    EndpointDown,
    RequestRefused,
    StopRun,
    ToolloomError,
    Transient,
    UsageError,
)
from tasks.llm.batching.api import OVER, BatchApi, LeftOut, TooMuch, read_result, request_line
from tasks.llm.chat import Reply, ReplyStore
from tasks.llm.params import LlmParams
from tasks.llm.retry import LONGEST_PAUSE_S
from tasks.transport.retry import Backoff, retrying
from warehouse.files import put


def batches_of(data: Path) -> Path:
    """The folder of the records in a data folder."""
    return data / "store" / "batches"


class Entry(BaseModel):
    """A request of a batch.  key: in the reply store, in hexadecimal.  tokens_in, tokens_out: at worst."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    stage: str
    row_id: str
    ordinal: int
    tokens_in: int
    tokens_out: int


class Record(BaseModel):
    """A batch under way.

    mark: by which the endpoint knows it too, should its id be lost.  where: the endpoint.  batch_id: None
    until it was created.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mark: str
    where: str
    input_file_id: str
    batch_id: str | None = None
    entries: tuple[Entry, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(entry.key for entry in self.entries)

    def booking(self, key: str) -> str:
        """The name of that request's booking in the spending log."""
        return f"{self.mark}.{key}"


class Records:
    """One file a batch, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, record: Record) -> None:
        put(self._path(record), record.model_dump_json().encode())

    def remove(self, record: Record) -> None:
        self._path(record).unlink(missing_ok=True)

    def all(self) -> list[Record]:
        """Raises `UsageError` for one that cannot be read."""
        return [_read(path) for path in sorted(self._folder.glob("[!.]*.json"))]

    def _path(self, record: Record) -> Path:
        return self._folder / f"{record.mark}.json"


def _read(path: Path) -> Record:
    fix = "remove it: what that batch brought is then asked for again"
    try:
        record = Record.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(f"{path} is damaged: {error}", fix=fix) from error
    if record.mark != path.stem:  # which names the file that is written and removed
        raise UsageError(f"{path} is damaged: it says that it is {record.mark!r}", fix=fix)
    return record


P = ParamSpec("P")
T = TypeVar("T")

Outcome = Reply | ToolloomError
Settle = Callable[[str, Outcome], None]

_TOO_MUCH = "token_limit_exceeded"
_STORED_AT_ONCE = 500
_POLLS_GROW = 1.5


class BatchRunner:
    """Runs batches, each until every one of its requests is settled.  Use it in one event loop.

    A reply is in the store before it is settled, and a batch is on record before it is waited for.
    counts: of the batches under way, requests answered and requests in all.
    """

    def __init__(
        self,
        api: BatchApi,
        records: Records,
        store: ReplyStore,
        params: LlmParams,
        *,
        first_pause_s: float = 0.5,
    ) -> None:
        self.api = api
        self._records = records
        self._store = store
        self._params = params
        self._first_pause_s = first_pause_s
        self.counts: dict[str, tuple[int, int]] = {}

    @property
    def where(self) -> str:
        """The endpoint's name in records."""
        return self._params.endpoint_id or self._params.base_url

    async def upload(self, requests: Iterable[tuple[Entry, bytes]]) -> Record:
        """Puts a batch of these requests on record, their bodies at the endpoint.  Raises `StopRun`."""
        mark = uuid4().hex
        entries, lines = [], []
        for entry, body in requests:
            entries.append(entry)
            lines.append(request_line(entry.key, body))
        input_file_id = await self._patiently(self.api.upload, f"toolloom-{mark}.jsonl", b"".join(lines))
        record = Record(mark=mark, where=self.where, input_file_id=input_file_id, entries=tuple(entries))
        self._records.save(record)
        return record

    async def create(self, record: Record) -> Record:
        """Starts an uploaded batch.  Raises `StopRun`."""
        batch = await self._patiently(self._create, record)
        record = record.model_copy(update={"batch_id": batch.id})
        self._records.save(record)
        return record

    async def _create(self, record: Record) -> Batch:
        """The answer to an earlier try may have been lost on its way."""
        found = await self.api.find(record.mark)
        return found or await self.api.create(record.input_file_id, record.mark)

    async def is_over(self, record: Record) -> bool:
        """One look at the batch; whether nothing more will come of it."""
        batch = await self._patiently(self._look, record)
        return batch is None or batch.status in OVER

    async def _look(self, record: Record) -> Batch | None:
        if record.batch_id is None:
            return await self.api.find(record.mark)
        return await self.api.look(record.batch_id)

    async def follow(self, record: Record, settle: Settle) -> None:
        """Waits for the batch and settles all its requests.  Raises `StopRun`; the record stays then."""
        self.counts[record.mark] = (0, len(record.entries))
        try:
            batch = await self._over(record)
            left = dict.fromkeys(record.keys)

            def settle_one(key: str, outcome: Outcome) -> None:
                left.pop(key, None)
                settle(key, outcome)

            for file_id in () if batch is None else (batch.output_file_id, batch.error_file_id):
                if file_id:
                    await self._patiently(self._collect_file, file_id, left.keys(), settle_one)
            verdict = _verdict(batch, record)
            for key in [*left]:
                settle_one(key, verdict(key))
            self._records.remove(record)
            await self._tidy(record, batch)
        finally:
            del self.counts[record.mark]

    async def _over(self, record: Record) -> Batch | None:
        """The batch when nothing more will come of it; None when the endpoint does not know it (any more)."""
        pause_s = min(self._first_pause_s, self._params.batch_poll_s)
        while True:
            batch = await self._patiently(self._look, record)
            if batch is None or batch.status in OVER:
                return batch
            if batch.request_counts is not None:
                done = batch.request_counts.completed + batch.request_counts.failed
                self.counts[record.mark] = (done, len(record.entries))
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * _POLLS_GROW, self._params.batch_poll_s)

    async def _collect_file(self, file_id: str, wanted: Collection[str], settle: Settle) -> None:
        found: dict[str, Outcome] = {}
        async for line in self.api.lines(file_id):
            result = read_result(line, self._params.model)
            if result is not None and result.key in wanted:
                found[result.key] = result.outcome
            if len(found) >= _STORED_AT_ONCE:
                await self._keep(found, settle)
                found = {}
        await self._keep(found, settle)

    async def _keep(self, found: Mapping[str, Outcome], settle: Settle) -> None:
        replies = {key: outcome for key, outcome in found.items() if isinstance(outcome, Reply)}
        await asyncio.gather(*(self._store.put(bytes.fromhex(key), reply) for key, reply in replies.items()))
        for key, outcome in found.items():
            settle(key, outcome)

    async def _tidy(self, record: Record, batch: Batch | None) -> None:
        """What was collected need not stay at the endpoint; some keep it all the same."""
        made = () if batch is None else (batch.output_file_id, batch.error_file_id)
        for file_id in (record.input_file_id, *made):
            if file_id:
                with suppress(Transient, RequestRefused, BrokenContract):
                    await self.api.remove(file_id)

    async def _patiently(self, work: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Tries for as long as `[llm] outage_s`.  Raises `StopRun`."""
        backoff = Backoff(self._first_pause_s, LONGEST_PAUSE_S)
        try:
            return await retrying(backoff, within_s=self._params.outage_s)(work, *args, **kwargs)
        except Transient as error:
            raise EndpointDown(
                f"the batches of the model endpoint {self.api.where} cannot be reached: {error.message}",
                fix="run the same command again: batches under way are on record, and none is paid for twice",
            ) from error
        except RequestRefused as error:
            raise BrokenContract(
                f"the model endpoint {self.api.where} refuses a batch: {error.message}",
                fix="correct what it complains of, or set [llm] batch = false",
            ) from error


def _verdict(batch: Batch | None, record: Record) -> Callable[[str], ToolloomError]:
    """What to say of the requests that have no result."""
    if batch is None or batch.status in {"completed", "expired"}:
        ended = "is not known to the endpoint" if batch is None else batch.status
        return lambda _: LeftOut(f"the batch {record.batch_id} {ended}, without a result for this request")
    if batch.status == "cancelled":
        return lambda _: StopRun(
            f"the batch {batch.id} was cancelled at the endpoint",
            fix="run the same command again to submit what is missing",
        )
    return _not_valid(batch, record.keys)


def _not_valid(batch: Batch, keys: Sequence[str]) -> Callable[[str], ToolloomError]:
    errors = [] if batch.errors is None else batch.errors.data or []
    said = "; ".join(f"{error.message or error.code}" for error in errors[:3]) or "no reason is given"
    if any(error.code == _TOO_MUCH for error in errors):
        return lambda _: TooMuch(said)
    refused = {
        keys[error.line - 1]: str(error.message or error.code)
        for error in errors
        if error.line and error.line <= len(keys)
    }
    if refused:
        return lambda key: (
            RequestRefused("endpoint_refused", refused[key])
            if key in refused
            else LeftOut("another request of the batch was not valid")
        )
    return lambda _: BrokenContract(
        f"the batch {batch.id} did not pass the endpoint's validation: {said}",
        fix="correct what it complains of, or set [llm] batch = false",
    )
