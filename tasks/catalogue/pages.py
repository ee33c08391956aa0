"""The pages a crawl has read: one that died does not fetch them again."""

from __future__ import annotations

from typing import Any

from tasks.transport.kvstore import Scratch
from tasks.transport.runtime import Runtime


class Pages:
    """Pages by request, for threads; see `Scratch`."""

    def __init__(self, kept: Scratch, runtime: Runtime) -> None:
        self._kept = kept
        self._runtime = runtime

    def get(self, method: str, url: str, body: Any) -> Any | None:
        """The page, as it was put; None when there is none."""
        return self._runtime.run(self._kept.get([method, url, body]))

    def put(self, method: str, url: str, body: Any, page: Any) -> None:
        """Keeps a page, a JSON value; returns once it is committed."""
        self._runtime.run(self._kept.put([method, url, body], page))
