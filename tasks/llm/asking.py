"""A request on its way to the endpoint, and whoever pays for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from tasks.llm.chat import ChatRequest, Reply


class Cost(StrEnum):
    """What a try that brought no reply counts as; its words are for readers."""

    NOTHING = "nothing"
    REQUEST = "a request"
    WORST = "a request and its tokens, at worst"


class Buyer(Protocol):
    """Whoever pays for a request."""

    async def admit(self) -> None:
        """Before each try.  Raises `StopRun` when it may not be paid for."""

    def sent(self, name: str = "") -> None:
        """A try leaves now; a later start may ask what became of it under that name."""

    def failed(self, cost: Cost) -> None:
        """A try brought no reply.  The next one is admitted anew."""

    def release(self) -> None:
        """It is over: what was set aside and not sent is given back, what was sent and broken off is lost."""

    async def received(self, reply: Reply) -> None:
        """The reply is here; the request counts as in flight until this returns."""


class Free:
    """A `Buyer` of what nobody counts."""

    async def admit(self) -> None: ...

    def sent(self, name: str = "") -> None: ...

    def failed(self, cost: Cost) -> None: ...

    def release(self) -> None: ...

    async def received(self, reply: Reply) -> None: ...


@dataclass(slots=True)
class Asking:
    """A request on its way.

    tokens_in: an estimate.  attempts: tries at most.  tries: those so far; earlier: those of the same
    request when it was longer.
    """

    request: ChatRequest
    body: bytes
    tokens_in: int
    length_field: str
    attempts: int
    buyer: Buyer = field(default_factory=Free)
    tries: int = 0
    earlier: int = 0
