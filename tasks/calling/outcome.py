"""How an API call can end (decided from the transport and HTTP layer, never from words in a body)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from warehouse.tables.catalogue import Api


class Outcome(StrEnum):
    """The one word for a call; `HTML` is a page instead of an answer, `LOGIN_PAGE` one with a field for a
    password; `ERROR_MESSAGE` is a 200 whose JSON is an error object and nothing else.

    `NOT_RECORDED`: nothing was called, since only what was recorded is replayed, and this was not.
    """

    OK = "ok"
    EMPTY = "empty"
    HTML = "html"
    LOGIN_PAGE = "login_page"
    NOT_FOUND = "not_found"
    UNAUTHORIZED = "unauthorized"
    UNSUBSCRIBED = "unsubscribed"
    RATE_LIMITED = "rate_limited"
    CLIENT_ERROR = "client_error"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    CONNECTION_ERROR = "connection_error"
    BLOCKED = "blocked"
    UNSAFE_SKIPPED = "unsafe_skipped"
    INVALID_ARGUMENTS = "invalid_arguments"
    ERROR_MESSAGE = "error_message"
    NOT_RECORDED = "not_recorded"

    @property
    def transient(self) -> bool:
        """Whether the same call may end otherwise a moment later."""
        return self in _TRANSIENT


_TRANSIENT = frozenset(
    {Outcome.RATE_LIMITED, Outcome.SERVER_ERROR, Outcome.TIMEOUT, Outcome.CONNECTION_ERROR}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """One finished call.  body: text (decoded), None when there was none.  detail: for people.

    unreached: the host was not, and its other APIs would not be, either.
    """

    outcome: Outcome
    http_status: int | None = None
    latency_ms: float = 0.0
    content_type: str | None = None
    n_bytes: int = 0
    body: str | None = None
    retry_after: float | None = None
    detail: str = ""
    unreached: bool = False


class Caller(Protocol):
    """Calls APIs.  Never raises for what an API or the network does: that is an outcome."""

    async def call(self, api: Api, arguments: Mapping[str, Any]) -> CallResult: ...
