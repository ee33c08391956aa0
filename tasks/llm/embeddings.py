"""Vectors of texts from an endpoint (`/v1/embeddings`), asked, paid, retried and kept like any reply.

The layers are those of `tasks.llm.endpoint`: a request of texts is a transcript of them, and its reply holds
their vectors as state.  Each text's vector has an entry of its own in the store, since the same texts come in
other company later.
"""

from __future__ import annotations

import asyncio
import base64
import math
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tasks.errors import BrokenContract, RequestRefused
from tasks.exact_json import digest_of
from tasks.llm.budget import Ledger, Payment
from tasks.llm.chat import ChatRequest, Message, Reply, ReplyStore, Transcript, Usage, reply_key
from tasks.llm.client import Client
from tasks.llm.endpoint import Endpoint, named_by
from tasks.llm.failures import MalformedReply, ModelUnknown
from tasks.llm.params import EmbeddingParams

STAGE = "embed"
_VECTORS, _VECTOR = "vectors", "vector"
# What is said of a route that is not there names the only other one.
_NO_ROUTE = "has no chat completions"


class EmbeddingClient(Client):
    """The route `/embeddings` of an endpoint."""

    path = "/embeddings"

    def _body(self, request: ChatRequest) -> bytes:
        assert isinstance(self.params, EmbeddingParams), "made by `Embedder`"
        optional = {"dimensions": self.params.dimensions}
        return orjson.dumps(
            {
                "model": self.params.model,
                "input": [message.content for message in request.transcript.messages()],
                "encoding_format": "float",
                **{name: value for name, value in optional.items() if value is not None},
                **self.params.body,
            }
        )

    def leaves_out(self, refusal: RequestRefused, body: bytes) -> bool:  # noqa: ARG002 - it has no messages
        return False

    async def chat(self, body: bytes) -> Reply:
        """Raises `BrokenContract` for an endpoint without such a route."""
        try:
            reply = await super().chat(body)
        except ModelUnknown as error:
            if _NO_ROUTE not in error.message:
                raise
            said = error.message.partition(" (")[2].removesuffix(")")
            raise no_embeddings(self, said) from error
        n_texts, n_vectors = len(orjson.loads(body)["input"]), len((reply.state or {})[_VECTORS])
        if n_vectors != n_texts:
            raise MalformedReply(f"POST /embeddings answered {n_texts} texts with {n_vectors} vectors")
        return reply

    def parsed(self, answer: bytes) -> Reply:
        return _vectors_in(answer)


def no_embeddings(client: Client, said: str) -> BrokenContract:
    return BrokenContract(
        f"the endpoint {client.where} makes no vectors with the model {client.params.model!r} ({said})",
        fix=f"name an endpoint that serves /embeddings, and an embedding model of it, in "
        f"{client.params.section} base_url and model; or `--set retriever.model=bm25`",
    )


@dataclass(frozen=True)
class _EachText:
    """A `ReplyStore` for a reply about several texts: an entry for each of them."""

    store: ReplyStore
    keys: Sequence[bytes]

    async def put(self, key: bytes, reply: Reply) -> None:  # noqa: ARG002 - they have their own
        vectors = (reply.state or {})[_VECTORS]
        entries = zip(self.keys, vectors, strict=True)
        await asyncio.gather(
            *(
                self.store.put(own, Reply(content=None, model=reply.model, state={_VECTOR: vector}))
                for own, vector in entries
            )
        )


class Embedder:
    """Vectors of texts, each asked for once.  Use it in one event loop.

    endpoint: with an `EmbeddingClient`.  store: of the replies.  stage: which pays.
    """

    def __init__(self, endpoint: Endpoint, store: ReplyStore, ledger: Ledger, stage: str = STAGE) -> None:
        assert isinstance(endpoint.params, EmbeddingParams), "its section says how it is asked"
        self._params: EmbeddingParams = endpoint.params
        self._endpoint = endpoint
        self._store = store
        self._ledger = ledger
        self._stage = stage
        self._checking = asyncio.Lock()
        self._has_answered = False

    async def embed(
        self, texts: Sequence[str], told: Callable[[int], None] = lambda _: None
    ) -> list[bytes | RequestRefused]:
        """Of each text its vector, as 32-bit numbers in little-endian order, or why there is none.

        told: how many more are done.  Raises `StopRun` for the run; what was answered by then is stored.
        """
        found: dict[str, bytes | RequestRefused] = {}
        for text in dict.fromkeys(texts):
            stored = await self._store.get(self._key(text))
            if stored is not None:
                found[text] = base64.b64decode((stored.state or {})[_VECTOR])
        told(len(found))
        with named_by(self._params):
            async with self._checking:
                if not self._has_answered and (left := [text for text in texts if text not in found]):
                    found |= await self._first(left[0])
                    told(1)

            async def ask(some: Sequence[str]) -> None:
                found.update(await self._asked(some))
                told(len(some))

            at_once = self._params.texts_per_request
            missing = [text for text in dict.fromkeys(texts) if text not in found]
            requests = [ask(missing[at : at + at_once]) for at in range(0, len(missing), at_once)]
            for failed in await asyncio.gather(*requests, return_exceptions=True):
                if isinstance(failed, BaseException):
                    raise failed
        return [found[text] for text in texts]

    def _key(self, text: str) -> bytes:
        """Of the entry that has the vector of this text, wherever the endpoint is."""
        params = self._params
        return reply_key("", 0, digest_of([STAGE, params.model, params.dimensions, params.body, text]))

    async def _first(self, text: str) -> dict[str, bytes | RequestRefused]:
        """Asks of this text alone, to see whether the endpoint is there, and serves vectors."""
        await self._endpoint.check()
        answered = await self._asked([text])
        refusal = answered[text]
        if isinstance(refusal, RequestRefused):
            (of_a_word,) = (await self._asked(["word"])).values()
            if isinstance(of_a_word, RequestRefused):
                raise no_embeddings(self._endpoint.client, refusal.message)
        self._has_answered = True
        return answered

    async def _asked(self, texts: Sequence[str]) -> dict[str, bytes | RequestRefused]:
        """One request; of what is refused the halves, until it is known which text is not taken."""
        keys = [self._key(text) for text in texts]
        payment = Payment(self._ledger, self._stage, digest_of(list(texts)), llm=self._params)
        payment.store, payment.key = _EachText(self._store, keys), keys[0].hex()
        request = ChatRequest(transcript=Transcript.of(*(Message("user", text) for text in texts)))
        try:
            reply = await self._endpoint.ask(self._endpoint.prepare(request, payment))
        except RequestRefused as refusal:
            payment.refused(refusal)
            if len(texts) == 1:
                return {texts[0]: refusal}
            half = len(texts) // 2
            return await self._asked(texts[:half]) | await self._asked(texts[half:])
        vectors = (reply.state or {})[_VECTORS]
        return {text: base64.b64decode(vector) for text, vector in zip(texts, vectors, strict=True)}


def _vectors_in(answer: bytes) -> Reply:
    """The reply in a list of embeddings, in the order of the texts.  Raises `MalformedReply`."""
    try:
        listed = orjson.loads(answer)
        entries = sorted(listed["data"], key=lambda entry: entry["index"])
        vectors = [list(_numbers(entry["embedding"])) for entry in entries]
        if [entry["index"] for entry in entries] != list(range(len(entries))):
            raise MalformedReply("POST /embeddings left out a text")
        packed = [struct.pack(f"<{len(vector)}f", *vector) for vector in vectors]
        usage = listed.get("usage") or {}
        tokens = usage.get("prompt_tokens") or usage.get("total_tokens") or 0
    except (orjson.JSONDecodeError, LookupError, TypeError, ValueError, struct.error, OverflowError) as error:
        raise MalformedReply("POST /embeddings did not answer with vectors") from error
    return Reply(
        content=None,
        usage=Usage(tokens_in=int(tokens)),
        model=str(listed.get("model") or ""),
        state={_VECTORS: [base64.b64encode(each).decode() for each in packed]},
    )


def _numbers(vector: Any) -> Iterator[float]:
    """A list of numbers, or their base64, which some servers answer with in any case."""
    if isinstance(vector, str):
        content = base64.b64decode(vector, validate=True)
        vector = struct.unpack(f"<{len(content) // 4}f", content)
    if not vector:
        raise ValueError("a vector without numbers")
    for number in vector:
        if not math.isfinite(number):
            raise ValueError(f"{number} in a vector")
        yield number
