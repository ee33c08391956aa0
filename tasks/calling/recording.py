"""The call store: a search that is resumed or replayed sees the responses it saw before."""

from __future__ import annotations

import asyncio
import hashlib
import json
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import orjson

from tasks import exact_json
from tasks.calling.outcome import Caller, CallResult, Outcome
from tasks.transport.kvstore import DurableMap
from warehouse.tables.catalogue import Api

_WORTH_COMPRESSING = 2000  # bytes

Origin = Literal["real", "replayed", "not_recorded"]


class StoredCall(NamedTuple):
    """A result with where it is from, when the API was really called, and the key it is stored under.

    origin: real, when this run called the API; replayed, when an earlier one did; not_recorded, when
    nobody did, and only what was recorded is replayed.
    """

    result: CallResult
    origin: Origin
    recorded_at: datetime
    key: bytes


class RecordingCaller:
    """Looks a call up before making it; gives a result out only after it is committed to `store`.

    caller: None replays only.  settings: digest of what decides outcomes besides the call itself; a
    response recorded under other ones is not this call's.  since: when this run started; what was recorded
    later, it recorded itself, be it before a crash.  same_calls: the key of the last answer to each call,
    whichever row made it; when only replaying, a call that its row never made is answered so.
    """

    def __init__(
        self,
        caller: Caller | None,
        store: DurableMap,
        *,
        settings: str = "",
        since: datetime | None = None,
        same_calls: DurableMap | None = None,
    ) -> None:
        self._caller = caller
        self._settings = settings
        self._store = store
        self._since = since
        self._same_calls = same_calls

    async def call_for(self, row_id: str, ordinal: int, api: Api, arguments: Mapping[str, Any]) -> StoredCall:
        """The `ordinal`-th call made for the row."""
        key = _key([row_id, ordinal, api.api_id, api.fingerprint, self._settings], dict(arguments))
        recorded = await self._store.get(key)
        if recorded is not None:
            return self._replayed(recorded, key)
        same = _key([api.api_id, api.fingerprint, self._settings], dict(arguments))
        if self._caller is None:
            return await self._of_another_row(same)
        result = await self._caller.call(api, arguments)
        recorded_at = datetime.now(UTC)
        await self._keep(key, _written(result, recorded_at), same)
        return StoredCall(result, "real", recorded_at, key)

    async def _keep(self, key: bytes, written: bytes, same: bytes) -> None:
        """Both at once: after a crash in between, the call is one that was not recorded, as before it."""
        kept = [self._store.putting(key, written)]
        if self._same_calls is not None:
            kept.append(self._same_calls.putting(same, key))
        await asyncio.gather(*kept)

    async def _of_another_row(self, same: bytes) -> StoredCall:
        key = None if self._same_calls is None else await self._same_calls.get(same)
        recorded = None if key is None else await self._store.get(key)
        if key is None or recorded is None:
            nothing = CallResult(outcome=Outcome.NOT_RECORDED)
            return StoredCall(nothing, "not_recorded", datetime.now(UTC), same)
        return self._replayed(recorded, key)

    def _replayed(self, recorded: bytes, key: bytes) -> StoredCall:
        result, recorded_at = _read(recorded)
        own = self._caller is not None and self._since is not None and recorded_at >= self._since
        return StoredCall(result, "real" if own else "replayed", recorded_at, key)


def _key(call: list[str | int], arguments: dict[str, Any]) -> bytes:
    """128 bits of what names the call and its arguments, whatever the order of the latter."""
    try:
        given = json.dumps(arguments, sort_keys=True, separators=(",", ":"))
        if not exact_json.is_plain(arguments):
            given = exact_json.text_of(arguments, sort_keys=True, ascii_only=True)
    except RecursionError:
        given = "nested too deeply"  # whatever they are, they are refused
    text = json.dumps([*call, given])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _written(result: CallResult, recorded_at: datetime) -> bytes:
    plain = orjson.dumps([recorded_at, result])
    return plain if len(plain) < _WORTH_COMPRESSING else zlib.compress(plain, level=1)


def _read(stored: bytes) -> tuple[CallResult, datetime]:
    recorded_at, fields = orjson.loads(stored if stored.startswith(b"[") else zlib.decompress(stored))
    fields["outcome"] = Outcome(fields["outcome"])
    return CallResult(**fields), datetime.fromisoformat(recorded_at)
