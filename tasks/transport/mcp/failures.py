"""How talking to an MCP server fails, besides `ConnectionFailed` and `DeadlinePassed`."""

from __future__ import annotations

from tasks.errors import ConnectionFailed, ToolloomError

# Part of error texts inside the SDK, which carries nothing else from its transports to its callers.
TOO_LARGE = "the answer is larger than allowed"
CUT_SHORT = "the answer was cut short"


class StartFailed(ConnectionFailed):
    """No session could be opened.  lasting: waiting would not help, since this is no MCP server."""

    def __init__(self, message: str, *, lasting: bool, fix: str | None = None) -> None:
        super().__init__(message, fix=fix)
        self.lasting = lasting


class AnswerTooLarge(ToolloomError):
    """One message of the server was larger than allowed."""


class ServerRefused(ToolloomError):
    """The server answered with a JSON-RPC error; the message is the server's own words."""

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class HttpRefused(ToolloomError):
    """The server, or what stands before it, answered with an HTTP status instead of a message."""

    def __init__(self, message: str, *, status: int, retry_after: float | None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class NotTheProtocol(ToolloomError):
    """The server answered with something that the protocol does not know."""


class NotDeclared(ToolloomError):
    """The server does not declare the tool read-only, whatever was written of it elsewhere."""
