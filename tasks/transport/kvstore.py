"""A map from bytes to bytes on disk, made for answers that must not be paid for twice.

Durability: SQLite in WAL mode with `synchronous = NORMAL`.  A committed entry is in the operating
system's hands, so it survives the death of the process at any moment (kill -9 included); the file is
never torn.  Losing power may lose the last moments' entries, which are then simply asked for again:
that is not worth an fsync for every batch.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import queue
import shutil
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import orjson

from tasks import exact_json
from tasks.errors import StopRun, UsageError
from tasks.transport.retry import Backoff, retrying_in_thread

_LARGEST_BATCH = 1000
# What is put at once becomes one value of SQLite's, which holds a billion bytes at most.
_ENOUGH_BYTES = 1 << 26
# A commit takes several turns at Python's lock, and each holds up the event loop.
_GATHERING_S = 0.002
_BUSY_S = 60.0
_LEAST_FREE = 1_000_000  # bytes, which the files of a store need to be opened


class _Put(NamedTuple):
    key: bytes
    value: bytes
    loop: asyncio.AbstractEventLoop
    committed: asyncio.Future[None]


@cache
def sql(name: str) -> str:
    return Path(__file__).with_name(f"kvstore_{name}.sql").read_text(encoding="utf-8")


def opened(path: Path) -> sqlite3.Connection:
    """A connection to the store in this file, made when there is none.

    Raises `UsageError`, on a full disk `StopRun`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as unless_all_is_well:
            connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            unless_all_is_well.callback(connection.close)
            _set_up(connection)
            unless_all_is_well.pop_all()
    except (OSError, sqlite3.Error) as cause:
        # SQLite calls it an I/O error where there is no room for the index of its log.
        if isinstance(cause, sqlite3.OperationalError) and shutil.disk_usage(path.parent).free < _LEAST_FREE:
            raise StopRun(
                f"no space left to write into {path.parent} ({cause})",
                fix="free some space and run again; what is stored is not asked for twice",
            ) from cause
        if isinstance(cause, sqlite3.Error) and _is_damage(cause):
            raise damaged(path, cause) from cause
        raise UsageError(
            f"{path} cannot be opened as a store: {cause}",
            fix="free space on its disk, or make it and its folder writable",
        ) from cause
    return connection


def _is_damage(error: sqlite3.Error) -> bool:
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)


def damaged(path: Path, cause: sqlite3.Error) -> UsageError:
    """Nothing is thrown away unasked: what is left of a store may still be worth something to somebody."""
    return UsageError(
        f"{path} is damaged, or no store: {cause}",
        fix=f"put a copy of it in its place, or begin a new one with `mv {path} {path}.damaged` (with "
        f"{path.name}-wal and {path.name}-shm, if they are there): what it held is then asked for again",
    )


@retrying_in_thread(
    Backoff(0.01, 0.05, jitter_s=0.04),
    within_s=_BUSY_S,
    may_pass=lambda error: getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY,
).wraps
def _set_up(connection: sqlite3.Connection) -> None:
    """Of two processes that turn a new file to WAL at once, SQLite refuses one without waiting."""
    connection.execute("PRAGMA trusted_schema = OFF")
    if connection.execute(sql("foreign")).fetchone() is not None:
        # Of a file from somebody else they would be run by our own statements.
        raise sqlite3.DatabaseError("it has views, triggers or tables of others")
    connection.executescript(sql("open"))
    _date_entries(connection)


def _date_entries(connection: sqlite3.Connection) -> None:
    """Gives a file from before entries were dated the column for it; theirs stay undated."""
    if _is_dated(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not _is_dated(connection):  # another process may just have done it
            connection.execute(sql("date"))
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.rollback()
        raise


def _is_dated(connection: sqlite3.Connection) -> bool:
    return ("stored_at",) in connection.execute(sql("columns")).fetchall()


class DurableMap:
    """One file, many readers, one writer thread that commits in batches whatever has piled up.

    `get` and `put` may be awaited in any thread and any event loop.  Several processes may share the file.
    Raises `UsageError` when the file cannot be opened as a store.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """clock: Unix time, which dates entries."""
        self._path = path
        self._clock = clock
        self._reading = threading.Lock()
        self._reader = opened(path)
        self._writer = opened(path)
        self._queue: queue.SimpleQueue[_Put | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._write, name=f"writer of {path.name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> DurableMap:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        with self._reading:
            return int(self._reader.execute(sql("count")).fetchone()[0])

    async def get(self, key: bytes) -> bytes | None:
        """The committed value.  Read in place: a look-up costs less than handing it to a thread."""
        try:
            with self._reading:
                row = self._reader.execute(sql("get"), (key,)).fetchone()
        except sqlite3.DatabaseError as cause:
            if not _is_damage(cause):
                raise
            told = damaged(self._path, cause)
            raise StopRun(told.message, fix=told.fix) from cause
        return None if row is None else bytes(row[0])

    async def put(self, key: bytes, value: bytes) -> None:
        """Sets the value; returns once it is committed.  `StopRun` when the file cannot be written."""
        await self.putting(key, value)

    def putting(self, key: bytes, value: bytes) -> asyncio.Future[None]:
        """`put`, under way: done once the value is committed.  Only in a running event loop."""
        loop = asyncio.get_running_loop()
        committed: asyncio.Future[None] = loop.create_future()
        with self._closing:
            if self._closed:
                raise RuntimeError(f"{self._path.name} is closed")
            self._queue.put(_Put(key, value, loop, committed))
        return committed

    def close(self) -> None:
        """Commits what was put, then closes the file; may be called more than once."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._writer.close()
        with self._reading:
            self._reader.close()

    def _write(self) -> None:
        while batch := self._next_batch():
            error: StopRun | None = None
            try:
                self._commit(batch)
            except sqlite3.Error as cause:
                error = StopRun(
                    f"{self._path} cannot be written: {cause}",
                    fix=damaged(self._path, cause).fix
                    if _is_damage(cause)
                    else "free space on its disk, or make it writable, and run again: what it holds is kept",
                )
            _report(batch, error)

    def _next_batch(self) -> list[_Put]:
        """Waits for one entry and takes what soon piles up behind it; empty: the end."""
        first = self._queue.get()
        if first is None:
            return []
        time.sleep(_GATHERING_S)
        batch, size = [first], len(first.value)
        while len(batch) < _LARGEST_BATCH and size < _ENOUGH_BYTES and not self._queue.empty():
            following = self._queue.get()
            if following is None:
                self._queue.put(None)
                break
            batch.append(following)
            size += len(following.value)
        return batch

    def _commit(self, batch: list[_Put]) -> None:
        """One statement, which is its own transaction: each one more would wait for Python's lock again."""
        values = {"now": int(self._clock()), **_packed(batch)}
        self._writer.execute(sql("put"), values)


def _packed(batch: list[_Put]) -> dict[str, bytes | str]:
    """All keys and values as one, and the places of each in it, counted from 1 as SQL does."""
    places: list[tuple[int, int, int, int]] = []
    at = 1
    for put in batch:
        n_key, n_value = len(put.key), len(put.value)
        places.append((at, n_key, at + n_key, n_value))
        at += n_key + n_value
    together = b"".join(part for put in batch for part in (put.key, put.value))
    return {"bytes": together, "places": orjson.dumps(places).decode()}


def _report(batch: list[_Put], error: StopRun | None) -> None:
    """Wakes those who wait, one call a loop."""
    waiting: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for put in batch:
        waiting.setdefault(put.loop, []).append(put.committed)
    for loop, futures in waiting.items():
        # A loop that was closed has nobody left who waits.
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, futures, error)


def _settle(futures: list[asyncio.Future[None]], error: StopRun | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


class Scratch:
    """JSON by JSON in a file that is there from the first entry until `discard`; thread-safe.

    folder: of the data set's stores.  kind: there is one file of a kind.  name: which undertaking this is;
    what an earlier one left is thrown away.
    """

    def __init__(self, folder: Path, kind: str, name: str) -> None:
        self._folder = folder
        self._kind = kind
        self._path = folder / f"{kind}-{hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}.sqlite"
        self._map: DurableMap | None = None
        self._opening = threading.Lock()

    async def get(self, key: object) -> Any | None:
        """The value; None when there is none."""
        kept = await self._opened().get(_digest(key))
        return None if kept is None else exact_json.loads(zlib.decompress(kept))

    async def put(self, key: object, value: object) -> None:
        """Returns once the value is committed."""
        await self._opened().put(_digest(key), zlib.compress(exact_json.dumps(value), level=1))

    def close(self) -> None:
        with self._opening:
            map_, self._map = self._map, None
        if map_ is not None:
            map_.close()

    def discard(self) -> None:
        """The undertaking is done."""
        self.close()
        for path in self._folder.glob(f"{self._kind}-*.sqlite*"):
            path.unlink(missing_ok=True)

    def _opened(self) -> DurableMap:
        with self._opening:
            if self._map is None:
                for path in self._folder.glob(f"{self._kind}-*.sqlite*"):
                    if not path.name.startswith(self._path.name):
                        path.unlink(missing_ok=True)
                self._map = DurableMap(self._path)
            return self._map


def _digest(key: object) -> bytes:
    return hashlib.blake2b(orjson.dumps(key), digest_size=16).digest()
