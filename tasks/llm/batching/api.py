"""The endpoint's files and batches routes, and the lines of their files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

import openai
import orjson
from openai.types import Batch

from tasks import exact_json
from tasks.errors import RequestRefused, ToolloomError, UsageError
from tasks.llm.chat import Json, Reply
from tasks.llm.client import Client
from tasks.llm.failures import MalformedReply, ModelUnknown, failure_of, wants_other_length_field
from tasks.llm.replies import parse_reply

URL: Final = "/v1/chat/completions"
_OK = 200


class NextBatch(ToolloomError):
    """This batch brought no reply to a request; the next one may.  Told apart from what `RETRIES` lists."""


class LeftOut(NextBatch):
    """The batch ended without trying this request: expired, or lost."""


class TooMuch(NextBatch):
    """The endpoint has more enqueued for this account than it admits."""


class OtherLengthField(NextBatch):
    """The endpoint wants the length of the reply under the protocol's newer name."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one request.  key: its key in the reply store, in hexadecimal."""

    key: str
    outcome: Reply | ToolloomError


def request_line(key: str, body: bytes) -> bytes:
    """The request as a line of an input file."""
    named = orjson.dumps({"custom_id": key, "method": "POST", "url": URL})
    return named[:-1] + b',"body":' + body + b"}\n"


def read_result(line: bytes, model: str) -> Result | None:
    """A line of an output or error file; None for one that names no request, or one that was not tried."""
    try:
        result = exact_json.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(result, dict) or not isinstance(result.get("custom_id"), str):
        return None
    response = result.get("response")
    if not isinstance(response, dict):
        return None
    return Result(result["custom_id"], _outcome(response, model))


def _outcome(response: Json, model: str) -> Reply | ToolloomError:
    status = response.get("status_code")
    body = exact_json.dumps(response.get("body"))
    if status == _OK:
        try:
            return parse_reply(body, model=model)
        except ToolloomError as failure:
            return failure
    if not isinstance(status, int):
        return MalformedReply("a result of the batch has no status")
    if status == 400 and wants_other_length_field(body):
        return OtherLengthField("max_completion_tokens is wanted instead of max_tokens")
    return failure_of(status, {}, body)


OVER = frozenset({"failed", "completed", "expired", "cancelled"})
"""States of a batch in which nothing more will come of it."""

_ASKING_S = 60.0
_TRANSFER_S = 900.0
_PAGE = 100
_MARK = "toolloom"


class BatchApi:
    """Use it in one event loop.  Its methods raise the errors of `tasks.llm.failures`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.where = client.where

    async def check(self) -> None:
        """Raises `UsageError` where there are no batches."""
        try:
            async with self._exchange():
                await self._sdk.batches.list(limit=1, extra_headers=self._headers)
        except (ModelUnknown, RequestRefused) as error:
            raise UsageError(
                f"the model endpoint {self.where} takes no batches ({error.message})",
                fix="set [llm] batch = false",
            ) from error

    async def upload(self, name: str, content: bytes) -> str:
        """The id of the uploaded file."""
        async with self._exchange(_TRANSFER_S):
            uploaded = await self._sdk.files.create(
                file=(name, content, "application/jsonl"),
                purpose="batch",
                extra_headers=self._headers,
                timeout=_TRANSFER_S,
            )
        return uploaded.id

    async def create(self, input_file_id: str, mark: str) -> Batch:
        """A batch of chat completions over an uploaded file.  mark: by which `find` knows it."""
        async with self._exchange():
            return await self._sdk.batches.create(
                input_file_id=input_file_id,
                endpoint=URL,
                completion_window="24h",
                metadata={_MARK: mark},
                extra_headers=self._headers,
            )

    async def find(self, mark: str) -> Batch | None:
        """The batch that was created with this mark, if it is among the endpoint's newest."""
        async with self._exchange():
            newest = await self._sdk.batches.list(limit=_PAGE, extra_headers=self._headers)
        marked = (batch for batch in newest.data if (batch.metadata or {}).get(_MARK) == mark)
        return next(marked, None)

    async def look(self, batch_id: str) -> Batch | None:
        """The batch as it is now; None when the endpoint does not know it."""
        try:
            async with self._exchange():
                batch = await self._sdk.batches.retrieve(batch_id, extra_headers=self._headers)
        except (RequestRefused, ModelUnknown):
            return None
        for error in (batch.errors and batch.errors.data) or ():
            error.message = error.message and self._client.without_key(error.message.encode()).decode()
        return batch

    async def lines(self, file_id: str) -> AsyncIterator[bytes]:
        """The lines of a file, as they arrive."""
        async with (
            self._exchange(_TRANSFER_S),
            self._sdk.files.with_streaming_response.content(
                file_id, extra_headers=self._headers, timeout=_TRANSFER_S
            ) as response,
        ):
            rest = b""
            async for part in response.iter_bytes():
                *whole, rest = (rest + part).split(b"\n")
                for line in whole:
                    yield self._client.without_key(line)
            if rest:
                yield self._client.without_key(rest)

    async def remove(self, file_id: str) -> None:
        async with self._exchange():
            await self._sdk.files.delete(file_id, extra_headers=self._headers)

    @property
    def _sdk(self) -> openai.AsyncOpenAI:
        return self._client.sdk

    @property
    def _headers(self) -> Mapping[str, str | openai.Omit]:
        return self._client.headers

    def _exchange(self, limit_s: float = _ASKING_S) -> AbstractAsyncContextManager[None]:
        return self._client.translated_failures(limit_s)
