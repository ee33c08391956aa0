"""Calling APIs of ToolBench records: through a service that executes them, or where they are.

The service's protocol: POST {"category", "tool_name", "api_name", "tool_input", "strip", "toolbench_key"},
answered by {"error", "response"}.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import orjson

from tasks import exact_json
from tasks.calling.call import DirectCaller, http_client
from tasks.calling.credentials import Credentials
from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.params import CallingParams
from tasks.calling.request import InvalidArguments, build_request
from tasks.calling.toolbench_names import ToolbenchAddress, service_name
from tasks.calling.verdict import json_of, outcome_of
from tasks.errors import BrokenContract, ConnectionFailed, UsageError
from tasks.text_budget.shorten import json_text
from tasks.transport.client import BodyTooLarge, DeadlinePassed, HttpClient, HttpRequest, HttpResponse
from tasks.transport.guard import AddressBlocked
from tasks.transport.redactor import Redactor, key_from
from warehouse.tables.catalogue import Api

_KEY_FIELD = "toolbench_key"
# The service answers 200 whatever an API did: these are about the service's own address and key.
_NOT_THE_SERVICE = frozenset({404, 405, 410})
_KEY_REFUSED = frozenset({401, 403})


def toolbench_key(params: CallingParams) -> str:
    """The service's key from the environment, "" when none is configured.

    Raises `UsageError` when its variable is not set.
    """
    variable = params.toolbench_key_env
    if variable is None:
        return ""
    return key_from(
        variable,
        "[calling] toolbench_key_env names the environment variable",
        otherwise="take toolbench_key_env out if the service wants none",
    )


def service_client(params: CallingParams) -> HttpClient:
    """The client for the service alone: its host is the user's own choice and may be a private address."""
    host = urlsplit(params.toolbench_url or "").hostname
    return http_client(params, () if host is None else (host,))


class ToolbenchCaller:
    """Calls APIs of protocol `toolbench` as `[calling] executor` says.

    client: for APIs that are called where they are.  service: a `service_client`.  Raises `UsageError` at
    once when the service's address or key is not there.
    """

    def __init__(self, params: CallingParams, *, client: HttpClient, service: HttpClient) -> None:
        self._params = params
        self._direct = DirectCaller(client, params)
        self._service = _ServiceCaller(service, params) if params.executor == "toolbench" else None

    async def call(self, api: Api, arguments: Mapping[str, Any]) -> CallResult:
        """One try.  Methods that are not allowed are not sent; arguments are checked before anything is."""
        http_url = ToolbenchAddress.from_url(api.url).http_url
        asked = http_url if self._service is None else self._params.toolbench_url
        if api.method.upper() not in self._params.methods_at(urlsplit(asked or "").hostname or ""):
            return _skipped(f"{api.method.upper()} is not among [calling] methods")
        if self._service is not None:
            return await self._service.call(api, arguments)
        if http_url is None:
            return _skipped(
                'its record gives no address; set [calling] executor = "toolbench" and toolbench_url '
                "to execute it through a service"
            )
        return await self._direct.call(replace(api, protocol="http", url=http_url), arguments)


class _ServiceCaller:
    """Speaks the service's protocol.  Raises `BrokenContract` when what answers is no such service."""

    def __init__(self, client: HttpClient, params: CallingParams) -> None:
        if params.toolbench_url is None:
            raise UsageError(
                '[calling] executor = "toolbench" needs toolbench_url',
                fix='give the address calls are sent to, such as toolbench_url = "http://localhost:8080/virtual"',
            )
        self._url = params.toolbench_url
        self._shown = params.toolbench_url.partition("?")[0]
        self._strip = params.toolbench_strip
        self._timeout_s = params.timeout_at(urlsplit(self._url).hostname or "")
        self._key = toolbench_key(params)
        self._redactor = Redactor([self._key])
        self._client = client

    async def call(self, api: Api, arguments: Mapping[str, Any]) -> CallResult:
        try:
            tool_input = _tool_input(api, arguments)
        except InvalidArguments as error:
            body = json_text({"message": error.message})
            return CallResult(outcome=Outcome.INVALID_ARGUMENTS, body=body, detail=error.message)
        try:
            response = await self._client.send(self._request(api, tool_input))
        except DeadlinePassed as error:
            return CallResult(
                outcome=Outcome.TIMEOUT, latency_ms=self._timeout_s * 1000, detail=error.message
            )
        except ConnectionFailed as error:
            return CallResult(outcome=Outcome.CONNECTION_ERROR, detail=error.message)
        except BodyTooLarge as error:
            return CallResult(outcome=Outcome.TOO_LARGE, detail=error.message)
        except AddressBlocked as error:  # only by a redirect: the service's own host is allowed
            return CallResult(outcome=Outcome.BLOCKED, detail=error.message)
        result = self._result(response)
        seen = None if result.body is None else self._redactor.redact(result.body)
        return replace(result, body=seen, detail=self._redactor.redact(result.detail))

    def _request(self, api: Api, tool_input: str) -> HttpRequest:
        address = ToolbenchAddress.from_url(api.url)
        payload = {
            "category": address.category,
            "tool_name": address.tool,
            "api_name": address.api,
            "tool_input": tool_input,
            "strip": self._strip,
            _KEY_FIELD: self._key,
        }
        # ToolBench's own service reads the key from the header.
        key_header = ((_KEY_FIELD, self._key),) if self._key else ()
        return HttpRequest(
            method="POST",
            url=self._url,
            headers=(("Content-Type", "application/json"), *key_header),
            body=json_text(payload).encode(),
        )

    def _result(self, response: HttpResponse) -> CallResult:
        if response.status != 200:
            return self._service_failed(response)
        try:
            answer = exact_json.loads(response.body)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict) or not {"error", "response"} <= answer.keys():
            detail = 'the service answered without "error" and "response"'
            return CallResult(outcome=Outcome.SERVER_ERROR, latency_ms=response.latency_ms, detail=detail)
        error = answer["error"] or ""
        return result_of(
            error if isinstance(error, str) else json_text(error),
            answer["response"],
            latency_ms=response.latency_ms,
        )

    def _service_failed(self, response: HttpResponse) -> CallResult:
        status = response.status
        if status in _NOT_THE_SERVICE:
            raise BrokenContract(
                f"{self._shown} answered {status}: no service that speaks ToolBench's protocol is there",
                fix="check [calling] toolbench_url and its path (/virtual at StableToolBench's server)",
            )
        if status in _KEY_REFUSED:
            raise BrokenContract(
                f"{self._shown} answered {status}: it does not accept the key",
                fix="check the variable that [calling] toolbench_key_env names",
            )
        outcome = Outcome.SERVER_ERROR if status >= 500 else Outcome.CLIENT_ERROR
        return CallResult(
            outcome=Outcome.RATE_LIMITED if status == 429 else outcome,
            latency_ms=response.latency_ms,
            detail=f"the service answered {status}",
        )


def _tool_input(api: Api, arguments: Mapping[str, Any]) -> str:
    """The arguments as JSON text, by ToolBench's names.  Raises `InvalidArguments`."""
    as_body = tuple(
        replace(
            parameter,
            name=service_name(parameter.name),
            location="body",
            required=parameter.required or parameter.location == "path",
        )
        for parameter in api.parameters
    )
    described = replace(api, url="", parameters=as_body, content_type="application/json", security=())
    return (build_request(described, arguments, credentials=Credentials()).body or b"{}").decode()


def _skipped(detail: str) -> CallResult:
    return CallResult(outcome=Outcome.UNSAFE_SKIPPED, detail=detail)


# How the service words what went wrong, by the beginning of its `error` in lower case.
_BY_ERROR = {
    "api not working": Outcome.SERVER_ERROR,
    "api temporarily not working": Outcome.TIMEOUT,
    "blocked": Outcome.UNAUTHORIZED,
    "failed to generate": Outcome.SERVER_ERROR,
    "function executing": Outcome.CLIENT_ERROR,
    "gateway": Outcome.SERVER_ERROR,
    "no such function": Outcome.NOT_FOUND,
    "rate limit": Outcome.RATE_LIMITED,
    "request invalid": Outcome.CLIENT_ERROR,
    "timeout": Outcome.TIMEOUT,
    "too many requests": Outcome.RATE_LIMITED,
    "tool input parse": Outcome.CLIENT_ERROR,
    "unauthorized": Outcome.UNAUTHORIZED,
    "unsubscribed": Outcome.UNSUBSCRIBED,
}
# Python's words where the service has no such tool or API.
_NOT_THERE = ("no module named", "cannot import name")
# Said of every response in which the word "error" stands anywhere: the response itself tells more.
_MENTIONS_ERROR = "message error"
# Longer Python text is left as it is: reading it takes many times its size in memory.
_LONGEST_LITERAL = 200_000
_TELLING = frozenset({Outcome.CLIENT_ERROR, Outcome.NOT_FOUND, Outcome.ERROR_MESSAGE})


def result_of(error: str, response: Any, *, latency_ms: float) -> CallResult:
    """The result of a call that the service carried out.

    error: "" when the service found nothing wrong.  response: a JSON value, or the text of one, or, from
    ToolBench's own service, a Python literal, which becomes JSON; a text cut in the middle stays a text.
    """
    body = _text_of(response)
    outcome = _outcome(error.strip(), body)
    if body is None and outcome in _TELLING:
        body = json_text({"message": error.strip()})
    return CallResult(
        outcome=outcome,
        latency_ms=latency_ms,
        content_type=None if body is None or json_of(body) is None else "application/json",
        n_bytes=0 if body is None else len(body.encode(errors="replace")),
        body=body,
        detail=error.strip(),
    )


def _outcome(error: str, body: str | None) -> Outcome:
    judged = outcome_of(200, None, body, n_bytes=0)
    if not error:
        return judged
    said = error.lower()
    if said.startswith(_MENTIONS_ERROR):
        has_data = judged is Outcome.OK and body is not None and json_of(body) is not None
        return Outcome.OK if has_data else Outcome.ERROR_MESSAGE
    if any(phrase in said for phrase in _NOT_THERE):
        return Outcome.NOT_FOUND
    by_error = (outcome for start, outcome in _BY_ERROR.items() if said.startswith(start))
    return next(by_error, Outcome.ERROR_MESSAGE)


def _text_of(response: Any) -> str | None:
    if response is None or response == "":
        return None
    if not isinstance(response, str):
        return json_text(response)
    text = response.strip()
    if text.startswith('"'):
        return _unquoted(text)
    if text.startswith(("{", "[")) and json_of(text) is None:
        return _from_python(text)
    return response


def _unquoted(text: str) -> str:
    """A JSON string's contents; anything else as it is."""
    try:
        return str(exact_json.loads(text))
    except orjson.JSONDecodeError:
        return text


def _from_python(text: str) -> str:
    """JSON text of a Python literal (as `str` writes a dict); anything else as it is."""
    if len(text) > _LONGEST_LITERAL:
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what looks odd in foreign text
            return json_text(ast.literal_eval(text))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        # No literal, cut in the middle, nested too deeply, or a value that JSON does not have.
        return text
