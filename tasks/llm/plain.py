"""A model for plain code, without run, store or budget: our own client, or whatever any other answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any

import aiohttp
import httpx
import httpx2
import openai

from tasks import exact_json
from tasks.errors import RateLimited, RequestRefused, ServerFailed, ToolloomError, Transient
from tasks.llm.adapt import prompted, restore_reply
from tasks.llm.chat import ChatRequest, Json, Reply
from tasks.llm.client import Client, LengthFieldRefused, StateRefused
from tasks.llm.failures import MalformedReply, Unreachable, broken_connection, failure_of
from tasks.llm.params import Capabilities, LlmParams
from tasks.llm.replies import reply_of
from tasks.transport.retry import Backoff, retrying

Model = Callable[..., Awaitable[Any]]
"""Asked with `messages`, `tools` and, where it matters, `tool_choice`, as OpenAI's protocol names them.

Answers with a chat completion: an object of the openai client, or the decoded JSON.
"""

HTTP_ERRORS = (OSError, aiohttp.ClientError, httpx.HTTPError, httpx2.HTTPError, openai.APIError)
"""What HTTP libraries raise; the errors of requests and urllib are OSErrors."""

_LONGEST_PAUSE_S = 60.0
_CAN_ALL = Capabilities()


class ModelEndpoint:
    """A `Model` at any endpoint that speaks OpenAI's protocol.  An async context manager.

    Sends the requests it is given and no others, so that a trace of the endpoint is a trace of the search.
    attempts: tries of a request that fails in passing (5xx, 429, a broken connection).  sampling: more
    fields of the body, such as temperature and max_tokens.  Raises `UsageError` when the variable
    `api_key_env` names is not set.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key_env: str | None = None,
        attempts: int = 4,
        timeout_s: float = 120,
        concurrency: int = 64,
        first_pause_s: float = 0.25,
        **sampling: Any,
    ) -> None:
        params = LlmParams(
            base_url=base_url,
            model=model,
            api_key_env=api_key_env,
            attempts=attempts,
            timeout_s=timeout_s,
            concurrency=concurrency,
        )
        self._client = Client(params)
        self._retrying = retrying(Backoff(first_pause_s, _LONGEST_PAUSE_S, first_pause_s), attempts=attempts)
        self._body = {"model": model, **sampling}

    async def __aenter__(self) -> ModelEndpoint:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def __call__(self, **request: Any) -> Reply:
        """The reply.  Raises `RequestRefused` for this request, `Transient` when nobody answers."""
        try:
            return await self._retrying(self._once, request)
        except (RateLimited, Unreachable):
            raise
        except Transient as error:
            told = f"the endpoint fails at this request: {error.message}"
            raise RequestRefused("endpoint_failed", told) from error

    async def _once(self, request: Mapping[str, Any]) -> Reply:
        try:
            return await self._client.chat(exact_json.dumps({**self._body, **request}))
        except StateRefused:
            return await self._once(request)
        except LengthFieldRefused as refused:
            if "max_tokens" not in self._body:
                raise RequestRefused("endpoint_refused", str(refused)) from refused
            self._body["max_completion_tokens"] = self._body.pop("max_tokens")
            return await self._once(request)


async def ask_model(model: Model, request: ChatRequest) -> Reply:
    """The reply of any `Model`; what goes wrong at its side raises `Transient` or `RequestRefused`.

    A call that the server left in the text is read there.
    """
    body: Json = {"messages": [message.wire() for message in prompted(request).transcript.messages()]}
    if request.tools is not None:
        body["tools"] = list(request.tools.tools)
    if request.tool_choice is not None:
        body["tool_choice"] = request.tool_choice
    try:
        answer = await model(**body)
    except HTTP_ERRORS as error:
        raise _failure(error) from error
    return restore_reply(answer if isinstance(answer, Reply) else _read(answer), request, _CAN_ALL)


def _read(answer: Any) -> Reply:
    completion = answer.model_dump() if hasattr(answer, "model_dump") else answer
    try:
        return reply_of(completion)
    except MalformedReply as error:
        raise RequestRefused("malformed_reply", error.message) from error
    except ServerFailed as error:  # an error wrapped in a success is one all the same
        raise RequestRefused("endpoint_failed", error.message) from error


def _failure(error: Exception) -> ToolloomError:
    """What an HTTP library's error means for the search; they keep the status in different places."""
    holders = (error, getattr(error, "response", None))
    found = (getattr(holder, name, None) for holder in holders for name in ("status_code", "status", "code"))
    status = next((status for status in found if isinstance(status, int)), None)
    if status is None:
        return broken_connection(error)
    failure = failure_of(status, {}, str(error).encode("utf-8", "replace"))
    if isinstance(failure, ServerFailed):  # a client tries again by itself, if it is to
        return RequestRefused("endpoint_failed", failure.message)
    return failure
