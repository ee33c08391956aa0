"""What a stage has learnt of the world, kept until it is done: one that died does not ask again."""

from __future__ import annotations

import hashlib
import threading
import zlib
from pathlib import Path
from typing import Any

import orjson

from tasks import exact_json
from tasks.transport.kvstore import DurableMap


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
