"""The call store: a search that is resumed or replayed sees the responses it saw before."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import orjson

from tasks.calling.outcome import Caller, CallResult, Outcome
from tasks.errors import BrokenContract
from tasks.transport.kvstore import DurableMap
from warehouse.tables.catalogue import Api

_WORTH_COMPRESSING = 2000  # bytes

Origin = Literal["real", "replayed"]


class StoredCall(NamedTuple):
    """A result with where it is from ("real": just called), when the API was really called, and its key."""

    result: CallResult
    origin: Origin
    recorded_at: datetime
    key: bytes


class RecordingCaller:
    """Looks a call up before making it; gives a result out only after it is committed to `store`.

    caller: None replays only.  settings: digest of what decides outcomes besides the call itself; a
    response recorded under other ones is not this call's.
    """

    def __init__(self, caller: Caller | None, store: DurableMap, *, settings: str = "") -> None:
        self._caller = caller
        self._settings = settings
        self._store = store

    async def call_for(self, row_id: str, ordinal: int, api: Api, arguments: Mapping[str, Any]) -> StoredCall:
        """The `ordinal`-th call made for the row.

        Raises `BrokenContract` when only replaying and this very call was never recorded.
        """
        key = _key([row_id, ordinal, api.api_id, api.fingerprint, self._settings], dict(arguments))
        recorded = await self._store.get(key)
        if recorded is not None:
            result, recorded_at = _read(recorded)
            return StoredCall(result, "replayed", recorded_at, key)
        if self._caller is None:
            raise BrokenContract(
                f"call {ordinal} of {row_id} to {api.api_id} was never recorded",
                fix="run without replaying, or with the store of the run that made the calls",
            )
        result = await self._caller.call(api, arguments)
        recorded_at = datetime.now(UTC)
        await self._store.put(key, _written(result, recorded_at))
        return StoredCall(result, "real", recorded_at, key)


def _key(call: list[str | int], arguments: dict[str, Any]) -> bytes:
    """128 bits of what names the call and its arguments, whatever the order of the latter."""
    try:
        given = json.dumps(arguments, sort_keys=True, separators=(",", ":"))
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
