"""The search as plain code: any model, any functions, any executor of calls; see docs/search.md."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import aiohttp
import httpx
import httpx2
import openai

from tasks import exact_json
from tasks.calling.outcome import CallResult, Outcome
from tasks.errors import RateLimited, RequestRefused, ServerFailed, ToolloomError, Transient, UsageError
from tasks.exact_json import Json
from tasks.llm.adapt import prompted, restore_reply
from tasks.llm.chat import ChatRequest, Reply
from tasks.llm.client import Client, LengthFieldRefused, StateRefused
from tasks.llm.failures import MalformedReply, Unreachable, broken_connection, failure_of
from tasks.llm.params import Capabilities, LlmParams
from tasks.llm.replies import reply_of
from tasks.search.arguments import json_text
from tasks.search.methods import method_of
from tasks.search.observing import observe
from tasks.search.rules import RULES, Rules
from tasks.search.task import Function, Limits, Observation, Task, ToolNote
from tasks.search.trace import draw, trace
from tasks.search.tree import SearchTree
from tasks.transport.retry import Backoff, retrying
from warehouse.tables.annotations import Node

__all__ = ["Found", "ModelEndpoint", "Observation", "search"]

Executor = Callable[[str, Json], Awaitable[Any]]


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


"""Makes a call, by function name and arguments.

Returns what the API said, text or JSON; or an `Observation`, to say how the call ended.
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to; `print` draws its tree.  nodes: rows as in the table `nodes`, in pre-order."""

    tree: SearchTree
    nodes: tuple[Node, ...]

    @property
    def win(self) -> bool:
        return self.tree.win

    @property
    def final_answer(self) -> str | None:
        return self.tree.final_answer

    @property
    def finish_type(self) -> str:
        """give_answer, give_up or none."""
        return self.tree.finish_type

    @property
    def stopped_by(self) -> str:
        """answered, exhausted, max_queries or max_tokens."""
        return self.tree.stopped_by

    @property
    def n_queries(self) -> int:
        return self.tree.n_queries

    @property
    def n_calls(self) -> int:
        return self.tree.n_calls

    @property
    def total_tokens(self) -> int:
        return self.tree.tokens_in + self.tree.tokens_out

    @property
    def messages(self) -> list[Json]:
        """The conversation that led to the answer, else to the last give-up, as the protocol writes it."""
        result = self.tree.result
        return [] if result is None else [message.wire() for message in result.transcript]

    def __str__(self) -> str:
        cost = f"{self.n_queries} queries, {self.n_calls} calls"
        return f"{self.finish_type}, {cost}, stopped by {self.stopped_by}\n{draw(self.nodes)}".rstrip()


async def search(
    query: str,
    *,
    model: Model,
    functions: Sequence[Json],
    execute: Executor,
    method: str = "dfsdt",
    rules: str | Rules = "toolloom",
    width: int = 2,
    max_depth: int = 12,
    max_queries: int = 200,
    max_tokens: int | None = None,
    observation_tokens: int = 2048,
    tools: Sequence[Mapping[str, str]] = (),
) -> Found:
    """Searches for a solution path.

    model: a `ModelEndpoint`, or any async function that answers `messages` and `tools` with a chat
    completion.  functions: items of OpenAI's `tools`, offered in this order; `Finish` is added.  execute:
    see `Executor`; when it cannot connect or times out, the model is told.  method: dfsdt, dfs_ranked,
    react, react@N or react@budget (chains until max_queries or max_tokens is reached).  rules: toolloom or
    toolbench.  tools: name and description of each tool, for the system message.

    Raises `UsageError` for arguments that cannot work, `StopRun` or `Transient` when the endpoint is gone
    or refuses all requests; whatever the model replies is part of what is found.
    """
    ruled = _rules(rules)
    notes = tuple(ToolNote(tool["name"], tool.get("description", "")) for tool in tools)
    task = Task(query=query, functions=_functions(functions), tools=notes)
    limits = _limits(width=width, max_depth=max_depth, max_queries=max_queries, max_tokens=max_tokens)

    async def ask(request: ChatRequest, _ordinal: int) -> Reply:
        return await _asked(model, request)

    async def call(function: str, arguments: Mapping[str, Any], _ordinal: int) -> Observation:
        said = await _executed(execute, function, dict(arguments))
        return said if isinstance(said, Observation) else observe(said, None, observation_tokens, ruled)

    tree = await method_of(method)(task, ask=ask, execute=call, rules=ruled, limits=limits)
    return Found(tree, trace(tree, "").nodes)


async def _executed(execute: Executor, function: str, arguments: Json) -> CallResult | Observation:
    """What a call showed.  Not to reach an API is an outcome; any other error of an executor is a bug."""
    try:
        said = await execute(function, arguments)
    except TimeoutError:
        return CallResult(outcome=Outcome.TIMEOUT)
    except HTTP_ERRORS:
        return CallResult(outcome=Outcome.CONNECTION_ERROR)
    if isinstance(said, Observation):
        return said
    return CallResult(outcome=Outcome.OK, body=said if isinstance(said, str) else json_text(said))


def _rules(rules: str | Rules) -> Rules:
    if isinstance(rules, Rules):
        return rules
    if rules not in RULES:
        raise UsageError(f"rules = {rules!r} are unknown", fix=f"use {' or '.join(sorted(RULES))}")
    return RULES[rules]


def _limits(**limits: int | None) -> Limits:
    for name, value in limits.items():
        if value is not None and value < 1:
            raise UsageError(f"{name} = {value} leaves nothing to search", fix=f"give a {name} of at least 1")
    return Limits(**{name: value for name, value in limits.items() if value is not None})


def _functions(functions: Sequence[Json]) -> tuple[Function, ...]:
    offered = tuple(_function(position, item) for position, item in enumerate(functions))
    names = [function.name for function in offered]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(
            f"two functions are called {twice[0]!r}", fix="a model tells functions apart by name alone"
        )
    return offered


def _function(position: int, item: Json) -> Function:
    """An item of OpenAI's `tools`, or the function inside it alone."""
    function = item.get("function", item)
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name:
        raise UsageError(
            f"functions[{position}] has no name",
            fix='write {"type": "function", "function": {"name": ..., "parameters": ...}}',
        )
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    return Function.of(name, function.get("description") or "", parameters)


async def _asked(model: Model, request: ChatRequest) -> Reply:
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
