"""Finding out what would be asked: stored replies are given, everything else is noted and not asked."""

from __future__ import annotations

from dataclasses import dataclass

from tasks import exact_json
from tasks.llm.abilities import Abilities
from tasks.llm.chat import ChatRequest, Reply
from tasks.llm.context import put
from tasks.llm.params import LlmParams
from tasks.llm.store import ReplyStore, reply_key
from tasks.llm.wording import completed, heard

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
    abilities: Abilities
    n_stored: int = 0
    tokens_in: int | None = None

    @property
    def name(self) -> str:
        return self.params.model

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:
        request = completed(request, self.params)
        context = self.params.context or self.abilities.context
        as_put = put(request, self.abilities, context, self.name)
        stored = await self.store.get(reply_key(row_id, ordinal, as_put.digest(self.name)))
        if stored is None:
            self.tokens_in = _tokens_in(as_put)
            raise Deferred
        self.n_stored += 1
        return heard(stored, request, self.abilities)


def _tokens_in(request: ChatRequest) -> int:
    messages = [message.wire() for message in request.transcript.messages()]
    tools = b"[]" if request.tools is None else request.tools.text
    return (len(exact_json.dumps(messages)) + len(tools)) // _BYTES_PER_TOKEN + 1
