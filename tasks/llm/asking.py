"""A request on its way to the endpoint, and whoever pays for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tasks.llm.chat import ChatRequest, Reply


class Buyer(Protocol):
    """Whoever pays for a request."""

    async def admit(self) -> None:
        """Before each try.  Raises `StopRun` when it may not be paid for."""

    def sent(self) -> None:
        """A try leaves now."""

    def lost(self) -> None:
        """A try brought no reply and may have been billed."""

    def release(self) -> None:
        """It is over; what is still set aside is given back."""

    async def received(self, reply: Reply) -> None:
        """The reply is here; the request counts as in flight until this returns."""


@dataclass(slots=True)
class Asking:
    """A request on its way.  tokens_in: an estimate.  attempts: tries at most.  tries: those so far."""

    request: ChatRequest
    body: bytes
    tokens_in: int
    length_field: str
    attempts: int
    buyer: Buyer | None = None
    tries: int = 0


class Free:
    """A `Buyer` of what nobody counts."""

    async def admit(self) -> None: ...

    def sent(self) -> None: ...

    def lost(self) -> None: ...

    def release(self) -> None: ...

    async def received(self, reply: Reply) -> None: ...
