"""A run whose servers all say back, in every form, the keys they are sent: none is anywhere afterwards."""

from __future__ import annotations

import base64
import json
import sqlite3
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import mcp_echo
import orjson
import pyarrow.parquet as pq
import pytest
from aiohttp import web
from commands import Sandbox
from llm_server import ApplicationThread
from warm import WarmToolloom

pytestmark = pytest.mark.slow

KEYS = {
    "HUB_KEY": "hub-K7/+q=Zr&41 9x",
    "QUERY_KEY": "qry-Hn3Fz80TtyWq",
    "HEADER_KEY": 'hdr-a"b\\c<d>77e',
    "BEARER_KEY": "brr-2vQ9xLm4Kd8s",
    "BASIC_KEY": "ann:bsc-P0o9I8u7Y6",
    "COOKIE_KEY": "sid=cki-55aa66bb77cc; theme=dark",
    "MCP_KEY": "mcp-Zz91Yy82Xx73",
    "MODEL_KEY": "mdl-Qw12Er34Ty56Ui78",
}
SECRETS = {
    name: key.removeprefix("ann:").removeprefix("sid=").removesuffix("; theme=dark")
    for name, key in KEYS.items()
}
SCHEMES: dict[str, dict[str, str]] = {
    "query": {"kind": "api_key", "location": "query", "name": "key"},
    "header": {"kind": "api_key", "location": "header", "name": "X-Key"},
    "bearer": {"kind": "bearer"},
    "basic": {"kind": "basic"},
    "cookie": {"kind": "api_key", "location": "header", "name": "Cookie"},
}


def forms(key: str) -> list[str]:
    """As servers write it."""
    data = key.encode()
    in_base64 = [base64.b64encode(start + data + b" end").decode() for start in (b"", b"u", b"me:", b"Basic")]
    escaped = [quote(key, safe=""), escape(key), json.dumps(key)[1:-1], json.dumps(json.dumps(key))[3:-3]]
    return [key, data.hex(), base64.urlsafe_b64encode(data).decode(), *escaped, *in_base64]


def traces(key: str) -> list[str]:
    """What shows that it was written; of base64 what is the same wherever it stands."""
    data = key.encode()
    starts = {0: 0, 1: 2, 2: 3}
    in_base64 = [base64.b64encode(b"x" * n + data)[cut:-4].decode() for n, cut in starts.items()]
    return [*forms(key)[:7], *in_base64]


def said_back(*sent: str) -> dict[str, Any]:
    """`sent` in all forms, the values of JSON being escaped once more where they are written."""
    found: dict[str, Any] = {"status": "fine", "url": "https://api.test/?key=" + quote(sent[0], safe="")}
    for number, value in enumerate(sent):
        found[f"asked_{number}"] = value
        found[f"forms_{number}"] = forms(value)
        found[f"whole_{number}"] = json.dumps({"headers": {"x": value}, "page": escape(value)})
    return found


class Echoing:
    """A hub, its APIs and a model endpoint that repeat all they are sent."""

    def __init__(self, teacher: str) -> None:
        self._teacher = teacher.removesuffix("/v1")
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._serving = ApplicationThread(app)

    def __enter__(self) -> str:
        return self._serving.__enter__()

    def __exit__(self, *_: object) -> None:
        self._serving.__exit__()

    async def _answer(self, request: web.Request) -> web.Response:
        if request.path.startswith("/v1/"):
            return await self._model(request)
        if request.host == "hub.sandbox.test":
            return web.json_response(hub(request))
        sent = [
            *request.query.values(),
            *(value for name, value in request.headers.items() if name in _KEYED),
        ]
        if request.query.get("city") == "404":
            return web.json_response(said_back(*sent), status=404)
        return web.json_response(said_back(*sent), content_type="application/json")

    async def _model(self, request: web.Request) -> web.Response:
        """The teacher's answer; what a search thinks quotes the key."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method, self._teacher + request.path, data=await request.read()
            ) as answer,
        ):
            body = await answer.read()
        key = request.headers["Authorization"].removeprefix("Bearer ")
        said = orjson.loads(body)
        if "choices" in said and b'"tools":' in await request.read():
            message = said["choices"][0]["message"]
            message["content"] = f"{message.get('content') or ''} My key: {' '.join(forms(key))}"
            message["reasoning_content"] = f"Was it {key}?"
        return web.json_response(said, status=answer.status)


_KEYED = ("X-Key", "Authorization", "Cookie")


def hub(request: web.Request) -> dict[str, Any]:
    key = request.headers["X-Hub-Key"]
    tools = [tool(kind, key) for kind in SCHEMES]
    if request.path == "/collections":
        return {"collections": [{"name": "Travel", "tools": [each["id"] for each in tools]}]}
    if request.path == "/tools":
        return {"page": 1, "pages": 1, "total": len(tools), "tools": tools, "asked": said_back(key)}
    return next(each for each in tools if request.path == f"/tools/{each['id']}")


def tool(kind: str, key: str) -> dict[str, Any]:
    city = {"name": "city", "in": "query", "type": "string", "required": True, "example": "Oslo"}
    return {
        "id": f"Weather/{kind}",
        "category": "Weather",
        "name": f"{kind.title()} skies",
        "description": f"Weather by {kind}, asked for with {' or '.join(forms(key))}.",
        "host": f"http://{kind}.sandbox.test",
        "collections": ["Travel"],
        "apis": [
            {
                "name": f"Get {kind} sky",
                "description": f"Tells the sky over a city, to {key} and {key.encode().hex()}.",
                "method": "GET",
                "path": "/now",
                "parameters": [city],
                "security": [SCHEMES[kind]],
                "example_response": said_back(key),
            }
        ],
    }


@dataclass(frozen=True)
class Run:
    """data: the folder.  output: all that the commands printed."""

    data: Path
    output: str


@pytest.fixture(scope="module")
def run(toolloom: WarmToolloom, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Run:
    data = tmp_path_factory.mktemp("planted") / "data"
    with Echoing(sandbox.teacher) as server:
        hub_source = '{kind="hub", location="http://hub.sandbox.test", header_keys={"X-Hub-Key"="HUB_KEY"}}'
        mcp_source = (
            f'{{kind="mcp", name="echo", command=["{sys.executable}", "{mcp_echo.__file__}"], '
            'category="Weather", collections=["Travel"], env={TOKEN="MCP_KEY"}}'
        )
        keys = ", ".join(f'"{kind}.sandbox.test"="{kind.upper()}_KEY"' for kind in SCHEMES)
        settings = {
            "sandbox.serve": "false",
            "catalogue.sources": f"[{hub_source}, {mcp_source}]",
            "calling.keys": f"{{{keys}}}",
            "calling.resolve": f'{{"*.sandbox.test"="{server}"}}',
            "llm.base_url": f"{server}/v1",
            "llm.api_key_env": "MODEL_KEY",
            "instruct.accepted": "8",
            "export.formats": '["openai", "toolbench", "toolllama", "hf"]',
        }
        told = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        done = toolloom("refresh", *told, "--data", data, env=KEYS)
    assert done.returncode == 0, done.stdout + done.stderr
    reported = toolloom("report", "--data", data)
    found = toolloom("search", "sky over a city", "--data", data)
    rows = toolloom("sql", "SELECT * FROM probes", "--format", "json", "--data", data)
    return Run(data, "".join(each.stdout + each.stderr for each in (done, reported, found, rows)))


def texts(value: Any) -> Iterator[str]:
    """What is written in a value of a table or a store, compressed values unpacked."""
    match value:
        case dict():
            for name, inner in value.items():
                yield from (*texts(name), *texts(inner))
        case list() | tuple():
            for inner in value:
                yield from texts(inner)
        case bytes():
            yield value.decode("utf-8", "replace")
            try:
                yield zlib.decompress(value).decode("utf-8", "replace")
            except zlib.error:
                return
        case str():
            yield value


def contents(file: Path) -> Iterator[str]:
    yield file.read_bytes().decode("utf-8", "replace")
    if file.suffix == ".parquet":
        yield from texts(pq.read_table(file).to_pylist())
    if file.read_bytes()[:15] == b"SQLite format 3":
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            named = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in named:
                yield from texts(database.execute(f'SELECT * FROM "{name}"').fetchall())  # noqa: S608


def places(run: Run) -> list[str]:
    """Where a key can be read, in whichever form."""
    wanted = {form: name for name, key in SECRETS.items() for form in traces(key)}
    read = {"output": [run.output]} | {
        str(file.relative_to(run.data)): list(contents(file))
        for file in run.data.rglob("*")
        if file.is_file()
    }
    return sorted(
        f"{place}: {name} as {form}"
        for place, said in read.items()
        for form, name in wanted.items()
        if any(form in text for text in said)
    )


def test_no_key_is_anywhere(run: Run) -> None:
    assert places(run) == []


def test_the_servers_have_said_them(run: Run) -> None:
    """Else nothing was shown: each kind has left its mark where the key was."""
    wanted = {"query", "header", "bearer", "basic", "cookie", "echo"}
    marked = {
        kind
        for kind in wanted
        for file in run.data.rglob("*.parquet")
        for row in pq.read_table(file).to_pylist()
        if any("[redacted]" in text for text in texts(row))
        and f"Weather/{kind}" in json.dumps(row, default=str)
    }
    assert marked == wanted
