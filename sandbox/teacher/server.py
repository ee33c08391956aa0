"""The teacher: an OpenAI-compatible endpoint with rules instead of a model.

    GET  /v1/models              one model, "toolloom-teacher"
    POST /v1/chat/completions    tools, tool_choice, response_format, max_tokens, seed; no streaming
    POST /v1/embeddings          vectors of texts, by their words (`sandbox.teacher.embeddings`)
    POST /v1/files, /v1/batches  chat requests in batches (`sandbox.teacher.batches`)
    GET  /stats                  what was asked so far
    POST /stats/reset

A reply is a pure function of the request's bytes and the faults' seed; only an endpoint fault (429, 500,
a dropped connection) also depends on how often the same request came before, and yields by the third time.
Batches have no such faults but those they are told to have.
Resetting the statistics forgets that count too.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from typing import Any

import orjson
from aiohttp import web

from sandbox.teacher import protocol
from sandbox.teacher.batches import Batches, Handler
from sandbox.teacher.embeddings import embeddings
from sandbox.teacher.faults import EndpointFault, TeacherFaults
from sandbox.teacher.protocol import Json, ProtocolError
from sandbox.teacher.rules import answer

_LARGEST_REQUEST = 64 * 1024 * 1024


def build_teacher(faults: TeacherFaults | None = None, api_key: str | None = None) -> web.Application:
    """The application.  api_key: when given, chat requests must carry it as a bearer token."""
    teacher = _Teacher(faults or TeacherFaults(), api_key)
    app = web.Application(client_max_size=_LARGEST_REQUEST)
    app.router.add_get("/v1/models", teacher.models)
    app.router.add_get("/v1/models/{model}", teacher.model)
    app.router.add_post("/v1/chat/completions", teacher.chat)
    app.router.add_post("/v1/embeddings", teacher.guarding(teacher.embed))
    app.router.add_get("/stats", teacher.statistics)
    app.router.add_post("/stats/reset", teacher.reset)
    Batches(teacher.complete).add_routes(app, teacher.guarding)
    return app


class Stats:
    """Counts of chat requests; distinct and repeated by the digest of the raw body."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.seen: Counter[str] = Counter()
        self.by_stage: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.tokens_in = 0
        self.tokens_out = 0

    def as_json(self) -> Json:
        requests = self.seen.total()
        return {
            "requests": requests,
            "distinct": len(self.seen),
            "repeated": requests - len(self.seen),
            "by_stage": dict(sorted(self.by_stage.items())),
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "faults": dict(sorted(self.faults.items())),
        }


class _Teacher:
    def __init__(self, faults: TeacherFaults, api_key: str | None) -> None:
        self._faults = faults
        self._api_key = api_key
        self._stats = Stats()

    async def models(self, request: web.Request) -> web.Response:
        return self._guarded(request) or _json(protocol.models())

    async def model(self, request: web.Request) -> web.Response:
        if request.match_info["model"] != protocol.MODEL:
            return _error(ProtocolError(404, "There is no such model.", code="model_not_found"))
        return self._guarded(request) or _json(protocol.models()["data"][0])

    async def statistics(self, _: web.Request) -> web.Response:
        return _json(self._stats.as_json())

    async def reset(self, _: web.Request) -> web.Response:
        self._stats.reset()
        return _json(self._stats.as_json())

    async def chat(self, request: web.Request) -> web.Response:
        refused = self._guarded(request)
        if refused is not None:
            return refused
        raw = await request.read()
        digest = hashlib.blake2b(raw, digest_size=16).hexdigest()
        earlier = self._stats.seen[digest]
        self._stats.seen[digest] += 1
        try:
            asked = protocol.parse(raw)
        except ProtocolError as error:
            self._stats.faults["refused"] += 1
            return _error(error)
        fault = self._faults.endpoint_fault(digest, earlier)
        if fault is not None:
            self._stats.faults[fault] += 1
            return self._fail(fault, request)
        return _json(self._completion(asked, raw, digest))

    async def embed(self, request: web.Request) -> dict[str, Any]:
        raw = await request.read()
        answered = embeddings(protocol.parse_object(raw))
        self._stats.seen[hashlib.blake2b(raw, digest_size=16).hexdigest()] += 1
        self._stats.by_stage["embed"] += 1
        self._stats.tokens_in += answered["usage"]["total_tokens"]
        return answered

    def complete(self, raw: bytes) -> dict[str, Any]:
        """The completion for a request that came in a batch.  Raises `ProtocolError`."""
        digest = hashlib.blake2b(raw, digest_size=16).hexdigest()
        self._stats.seen[digest] += 1
        return self._completion(protocol.parse(raw), raw, digest)

    def guarding(self, handler: Handler) -> Handler:
        """The handler for those who have the key, its errors told in the protocol's form."""

        async def handle(request: web.Request) -> web.Response:
            refused = self._guarded(request)
            if refused is not None:
                return refused
            try:
                answered = await handler(request)
            except ProtocolError as error:
                return _error(error)
            return web.Response(body=answered) if isinstance(answered, bytes) else _json(answered)

        return handle

    def _completion(self, asked: dict[str, Any], raw: bytes, digest: str) -> dict[str, Any]:
        stage, reply = answer(asked, digest, self._faults)
        reply = reply.within(protocol.token_limit(asked))
        tokens_in = protocol.tokens_of_request(raw)
        self._stats.by_stage[stage] += 1
        self._stats.tokens_in += tokens_in
        self._stats.tokens_out += reply.tokens
        self._stats.faults.update(reply.faults)
        return protocol.completion(reply, digest=digest, tokens_in=tokens_in)

    def _guarded(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "")
        if self._api_key is None or hmac.compare_digest(given.encode(), f"Bearer {self._api_key}".encode()):
            return None
        return _error(ProtocolError(401, "Incorrect API key provided.", code="invalid_api_key"))

    def _fail(self, fault: EndpointFault, request: web.Request) -> web.Response:
        if fault == "dropped" and request.transport is not None:
            request.transport.close()
        if fault == "rate_limited":
            error = ProtocolError(
                429, "Rate limit reached.", type="rate_limit_error", code="rate_limit_exceeded"
            )
            return _error(error, {"Retry-After": f"{self._faults.retry_after_s:g}"})
        return _error(ProtocolError(500, "The server had an error.", type="server_error"))


def _json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(value), status=status, headers=headers, content_type="application/json"
    )


def _error(error: ProtocolError, headers: dict[str, str] | None = None) -> web.Response:
    return _json(error.body(), error.status, headers)
