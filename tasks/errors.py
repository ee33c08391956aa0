"""Every error Toolloom raises on purpose.

    ToolloomError
    ├── Transient              may work when tried again: tenacity retries the call, Prefect the shard
    │   ├── ConnectionFailed       no answer: refused, reset, timed out, name not found
    │   ├── RateLimited            429 or 503, with `retry_after` when the server said so
    │   ├── ServerFailed           any other 5xx
    │   └── MalformedReply         a reply of the endpoint that does not keep to the protocol (tasks.llm)
    ├── BadRow                 this row cannot be used: it becomes a reject with `reason`
    │   ├── RequestRefused         the model endpoint refuses this very request (400, 413, 422)
    │   └── Elsewhere              an OpenAPI document refers to a file outside its folder (tasks.catalogue)
    ├── StopRun                the run stops, what is finished is committed as a partial run
    │   ├── BrokenContract         the other side does not speak the agreed protocol, or our own law is broken
    │   ├── EndpointDown           the model endpoint stayed unreachable longer than `[llm] outage_s`
    │   ├── NothingLeft            a stage let nothing through, so the next has nothing to do
    │   └── OverBudget             a cap of `[budget]` would be passed
    ├── UsageError             found before the first request: configuration, profile, command line, folder
    │   ├── PromptError            a prompt that cannot be rendered (prompts)
    │   └── SeedError              a seed example that is not as it must be (seeds)
    ├── AddressBlocked         our own guard refuses the address (tasks.transport); an outcome of the call
    ├── BodyTooLarge           an answer over the size cap (tasks.transport); an outcome of the call
    ├── InvalidArguments       they do not fit the API's parameters (tasks.calling); an outcome of the call
    ├── NextBatch              the endpoint failed a whole batch; its requests go into the next (tasks.llm)
    └── of MCP servers         AnswerTooLarge, HttpRefused, NotDeclared, NotTheProtocol, ServerRefused
                               (tasks.transport.mcp): rejects of a crawl, outcomes of a call

An API that says no (404, 500, a timeout) is none of these: it is an outcome, a value
(`tasks.calling.outcome`).  Messages say what happened, where, and what to do about it.
"""

from __future__ import annotations


class ToolloomError(Exception):
    """Base of all errors raised on purpose; `fix` says what the reader can do."""

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return self.message if self.fix is None else f"{self.message}\n  fix: {self.fix}"


class Transient(ToolloomError):
    """A failure that may pass when the same thing is tried again."""


class ConnectionFailed(Transient):
    """No usable answer came back: refused, reset, timed out, or the name did not resolve."""


class RateLimited(Transient):
    """The server asked for a pause; `retry_after` is in seconds when it said how long."""

    def __init__(self, message: str, *, retry_after: float | None = None, fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.retry_after = retry_after


class ServerFailed(Transient):
    """The server failed on its own (5xx)."""


class BadRow(ToolloomError):
    """A row that cannot be used; `reason` is one enumerated word, the message is the detail."""

    def __init__(self, reason: str, message: str, *, fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.reason = reason


class RequestRefused(BadRow):
    """The model endpoint refuses this very request; asking again would not help."""


class StopRun(ToolloomError):
    """The run cannot go on; finished work is kept and the next run resumes."""


class BrokenContract(StopRun):
    """The other side does not speak the agreed protocol, or one of our own laws is broken."""


class EndpointDown(StopRun):
    """The model endpoint stayed unreachable for longer than the run is willing to wait."""


class NothingLeft(StopRun):
    """A stage refused everything it was given, or was given nothing."""


class OverBudget(StopRun):
    """The next request could pass a cap of `[budget]`."""


class UsageError(ToolloomError):
    """Configuration or command line that cannot work; found before the first request."""
