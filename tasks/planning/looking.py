"""Looking at rows of a stage: which of them would ask, how much is asked already."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tasks import exact_json
from tasks.errors import BrokenContract
from tasks.llm.adapt import fit_request, restore_reply, with_defaults
from tasks.llm.chat import ChatRequest, Reply, ReplyStore, reply_key
from tasks.llm.params import Capabilities, LlmParams

# Of English prose and JSON; an estimate, where a reservation would be higher.
_BYTES_PER_TOKEN = 4


class Deferred(Exception):
    """The row cannot go on: its next reply is not in the store."""


@dataclass(slots=True)
class DeferringModel:
    """A `ChatModel` for one row, which raises `Deferred` at the first reply that would have to be asked for.

    n_stored: replies given.  tokens_in: of the request that is missing, estimated; None while none is.
    """

    store: ReplyStore
    params: LlmParams
    capabilities: Capabilities
    n_stored: int = 0
    tokens_in: int | None = None

    @property
    def name(self) -> str:
        return self.params.model

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:
        request = with_defaults(request, self.params)
        context = self.params.context or self.capabilities.context
        adapted = fit_request(request, self.capabilities, context, self.name)
        stored = await self.store.get(reply_key(row_id, ordinal, adapted.digest(self.name)))
        if stored is None:
            self.tokens_in = _tokens_in(adapted)
            raise Deferred
        self.n_stored += 1
        return restore_reply(stored, request, self.capabilities)


def _tokens_in(request: ChatRequest) -> int:
    messages = [message.wire() for message in request.transcript.messages()]
    tools = b"[]" if request.tools is None else request.tools.text
    return (len(exact_json.dumps(messages)) + len(tools)) // _BYTES_PER_TOKEN + 1


R = TypeVar("R")
Ask = Callable[[R, DeferringModel], Awaitable[object]]


@dataclass(frozen=True)
class Look:
    """n_rows: in all; n_looked: of them looked at.  stored: for each row that would ask, replies it has.

    tokens_in: of the next request of each row that would ask.
    """

    n_rows: int
    n_looked: int
    stored: tuple[int, ...]
    tokens_in: tuple[int, ...]

    @property
    def share(self) -> float:
        """Of the rows looked at, those that would ask."""
        return len(self.stored) / self.n_looked if self.n_looked else 0.0

    def requests(self, per_row: float = 1.0) -> float:
        """Of all rows; a finished one makes `per_row` on the average, and each that asks at least one."""
        if not self.n_looked:
            return 0.0
        seen = sum(max(1.0, per_row - stored) for stored in self.stored)
        return seen * self.n_rows / self.n_looked

    @property
    def tokens_in_each(self) -> float | None:
        return sum(self.tokens_in) / len(self.tokens_in) if self.tokens_in else None

    @property
    def words(self) -> tuple[str, ...]:
        if self.n_looked == self.n_rows:
            return ()
        return (f"{self.n_looked:,} of {self.n_rows:,} rows were looked at",)


async def look(
    rows: Sequence[R],
    key: Callable[[R], str],
    ask: Ask[R],
    *,
    model_of_row: Callable[[], DeferringModel],
    most: int,
) -> Look:
    """Lets each row ask a model that has nothing but the store; of more rows than `most`, a fair draw."""
    drawn = sorted(rows, key=lambda row: hashlib.blake2b(key(row).encode(), digest_size=8).digest())[:most]
    stored: list[int] = []
    tokens_in: list[int] = []
    for row in drawn:
        model = model_of_row()
        if not await _is_done(row, ask, model):
            stored.append(model.n_stored)
            tokens_in += [] if model.tokens_in is None else [model.tokens_in]
    return Look(len(rows), len(drawn), tuple(stored), tuple(tokens_in))


async def _is_done(row: R, ask: Ask[R], model: DeferringModel) -> bool:
    try:
        await ask(row, model)
    except (Deferred, BrokenContract):
        return False  # a reply is missing, or the answer of an API that came after one
    return True
