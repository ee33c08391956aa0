"""A ToolBench service: executes the hub's APIs for clients that speak ToolBench's protocol.

POST {"category", "tool_name", "api_name", "tool_input", "strip", "toolbench_key"} to /virtual is answered by
{"error", "response"}, status 200 whatever the API did.  Like the real ones it calls the API over HTTP, and
tells what went wrong by words it finds in the answer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ValidationError
from yarl import URL

from sandbox import listing
from sandbox.arguments import arguments_of
from sandbox.declare import Api, Tool
from sandbox.toolbench_folder import standard_argument, standard_name

HOST = f"toolbench.{listing.DOMAIN}"
ALIAS = "/toolbench/"
_PATHS = frozenset({"/virtual", "/rapidapi"})  # StableToolBench's and ToolBench's own
_CUT = 2048  # characters of an answer when it is asked to be shortened
# In this order: the first phrase that an answer holds decides.
_ERRORS = (
    ("Unauthorized", "Unauthorized error..."),
    ("unauthorized", "Unauthorized error..."),
    ("You are not subscribed to this API.", "Unsubscribed error..."),
    ("Too many requests", "Too many requests error..."),
    ("error", "Message error..."),
)
_TIMEOUT = aiohttp.ClientTimeout(total=30)

Json = dict[str, Any]


class _Call(BaseModel):
    category: str
    tool_name: str
    api_name: str
    tool_input: str | Json
    strip: str
    toolbench_key: str


@dataclass(frozen=True, slots=True)
class _Function:
    """An API as a function: its arguments go by their standard names."""

    tool: Tool
    api: Api

    def by_public_name(self, values: Json) -> Json:
        """The arguments as the API knows them; null counts as absent."""
        arguments, name = arguments_of(self.api), standard_argument(self.api.name)
        public_names = {standard_argument(public): public for public in arguments.schemas}
        for given in sorted(values.keys() - public_names.keys()):
            raise _CannotExecute(f"{name}() got an unexpected keyword argument '{given}'")
        public = {public_names[given]: value for given, value in values.items() if value is not None}
        for needed in sorted(arguments.required - public.keys()):
            raise _CannotExecute(f"{name}() missing 1 required positional argument: '{needed}'")
        return public


class _CannotParse(Exception):
    """The input of a call is no JSON object."""


class _CannotExecute(Exception):
    """The service could not call the API; the message is Python's, as the real ones give it."""


class ToolbenchService:
    """Answers calls.  make_up: functions it does not know get an answer made of nothing but their names."""

    def __init__(self, tools: Sequence[Tool], *, make_up: bool) -> None:
        self._functions = {
            (tool.category, standard_name(tool.name), standard_argument(api.name)): _Function(tool, api)
            for tool in tools
            for api in tool.apis
        }
        self._make_up = make_up
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def handle(self, path: str, request: web.Request) -> web.Response:
        """Answers a request to the service's host.  path: below its address."""
        if path not in _PATHS:
            return web.json_response({"detail": "Not Found"}, status=404)
        if request.method != "POST":
            return web.json_response({"detail": "Method Not Allowed"}, status=405)
        try:
            call = _Call.model_validate_json(await request.read())
        except ValidationError as error:
            detail = error.errors(include_url=False, include_context=False, include_input=False)
            return web.json_response({"detail": detail}, status=422)
        # The hub answers on the address that this request came to.
        base = f"http://{_address(request)}"
        return web.json_response(await self._answer(call, base))

    async def _answer(self, call: _Call, base: str) -> Json:
        tool_name = standard_name(call.tool_name.removesuffix(f"_for_{call.category}"))
        name = (call.category, tool_name, standard_argument(call.api_name))
        try:
            values = _parsed(call.tool_input)
            function = self._functions.get(name)
            if function is None:
                response = self._made_up(name, values)
            else:
                response = await self._executed(function, values, base)
        except _CannotParse:
            return {"error": "Tool input parse error...\n", "response": ""}
        except _CannotExecute as reason:
            executed = f"tools.{call.category}.{tool_name}.api import {name[2]}"
            return {"error": f"Function executing from {executed} error...\n{reason}", "response": ""}
        return _told(response, call.strip)

    def _made_up(self, name: tuple[str, str, str], values: Json) -> Json:
        if not self._make_up:
            raise _CannotExecute(f"No module named 'tools.{name[0]}.{name[1]}'")
        return made_up_answer(*name, values)

    async def _executed(self, function: _Function, values: Json, base: str) -> Any:
        """The API's answer as JSON, else its text."""
        public = function.by_public_name(values)
        self._session = self._session or aiohttp.ClientSession(timeout=_TIMEOUT)
        url, query, headers, body = listing.request_of(base, function.api, public)
        asked = URL(f"{url}?{listing.query_text(query)}", encoded=True)
        named = {name: str(value) for name, value in headers.items()}
        named["Host"] = f"{function.tool.slug}.{listing.DOMAIN}"
        try:
            async with self._session.request(
                function.api.method, asked, headers=named, json=body or None
            ) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError) as error:
            raise _CannotExecute(type(error).__name__) from error
        try:
            return json.loads(text)
        except ValueError:
            return text


def _address(request: web.Request) -> str:
    assert request.transport is not None
    host, port, *_ = request.transport.get_extra_info("sockname")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _parsed(tool_input: str | Json) -> Json:
    if not isinstance(tool_input, str):
        return tool_input
    try:
        values = json.loads(tool_input or "{}")
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise _CannotParse
    return values


def _told(answer: Any, strip: str) -> Json:
    text = str(answer)
    error = next((said for phrase, said in _ERRORS if phrase in text), "")
    return {"error": error, "response": text[:_CUT] if strip else answer}


NOTICE = "This answer is made up: the sandbox does not know this API."
_ITEMS = 3
_SYLLABLES = ("ar", "bel", "cor", "dan", "el", "fir", "gal", "hom", "ister", "jun", "kel", "lor", "mar")
_STATES = ("active", "pending", "archived")
_VERBS = frozenset({"all", "by", "find", "for", "get", "id", "is", "list", "of", "search", "show", "the"})


def made_up_answer(category: str, tool: str, api: str, arguments: Json) -> Json:
    """An answer to any call.  tool, api: standard names, whose words its keys are made of."""
    identity = json.dumps([category, tool, api, arguments], sort_keys=True)
    words = [word for word in api.split("_") if word not in _VERBS]
    subject = "_".join(words[:3]) or "result"
    items = [_item(subject, f"{identity} {at}", arguments) for at in range(_ITEMS)]
    several = subject.endswith("s") or api.startswith(("list", "search", "get_all", "all"))
    found: Json = {"total": _ITEMS, subject: items} if several else {subject: items[0]}
    return {"made_up": True, "notice": NOTICE, "source": f"{tool} ({category})", **found}


def _item(subject: str, identity: str, arguments: Json) -> Json:
    """A record of the subject; what was asked for is repeated in it."""
    digest = hashlib.sha256(identity.encode()).digest()
    return {
        f"{subject}_id": f"{subject[:3]}-{digest[:3].hex()}",
        "name": _name(digest),
        "status": _STATES[digest[3] % len(_STATES)],
        "score": round(1 + digest[4] / 32, 1),
        "count": digest[5] * 7 + 1,
        "updated": (date(2025, 1, 1) + timedelta(days=digest[6])).isoformat(),
        "asked": {name: value for name, value in arguments.items() if isinstance(value, str | int | float)},
    }


def _name(digest: bytes) -> str:
    words = ("".join(_SYLLABLES[byte % len(_SYLLABLES)] for byte in digest[at : at + 2]) for at in (7, 9))
    return " ".join(word.title() for word in words)
