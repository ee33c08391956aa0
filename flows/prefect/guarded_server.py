"""Prefect's server, asked only by who sits at this machine: `python -m flows.prefect.guarded_server PORT`.

Whoever may ask Prefect's API may start runs.  It takes requests without a password, and from a page of any
site that is open in a browser of the same machine: such a page can post to a port of 127.0.0.1, and can give
that address a name of its own (DNS rebinding).  So every request passes two checks before Prefect sees it,
and the UI still opens without a word:

    Host      what a browser or client believes it talks to: an address or name of this machine
    Origin    the page that asks: one of this server; clients that are no browsers send none

A browser leaves Origin out of what only reads; then it says by `Sec-Fetch-*` whose page asked, and nothing
but a link that somebody follows may come from elsewhere.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

HOST = "127.0.0.1"
FILE = Path(__file__).with_name("empty_history.sql")
LOOPBACK = frozenset({HOST, "localhost", "::1"})

_REFUSED = (
    b"This server takes requests of this machine only, and of its own pages (docs/running.md, "
    b'"Who may start a run").\n'
)

_Message = MutableMapping[str, Any]
_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


def is_loopback(host: str) -> bool:
    """Whether a Host header is an address of this machine.  Any port: it may be forwarded from another."""
    return _name_and_port(f"//{host}") is not None


def refused(headers: Iterable[tuple[bytes, bytes]], port: int, method: str = "GET") -> bool:
    """Whether a request with these headers (names in lower case) comes from where nobody may ask.

    port: of the server.  method: GET also where a socket is opened.  Of a header that comes twice each has
    to do.
    """
    given: dict[str, list[str]] = {}
    for name, value in headers:
        given.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    hosts, origins = given.get("host", []), given.get("origin", [])
    if not hosts or not all(is_loopback(host) for host in hosts):
        return True
    if origins:
        ports = {port, *(found[1] for host in hosts if (found := _name_and_port(f"//{host}")))}
        return not all(_is_own(origin, ports) for origin in origins)
    if set(given.get("sec-fetch-site", ["none"])) <= {"none", "same-origin"}:
        return False
    follows_link = given.get("sec-fetch-mode") == ["navigate"] and given.get("sec-fetch-dest") == ["document"]
    return method != "GET" or not follows_link


def _is_own(origin: str, ports: set[int]) -> bool:
    found = _name_and_port(origin)
    return found is not None and origin.startswith("http://") and found[1] in ports


def _name_and_port(url: str) -> tuple[str, int] | None:
    """Of a URL of this machine; None for any other, and for what is none."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    if name not in LOOPBACK or "@" in parts.netloc or url.partition("//")[2] != parts.netloc:
        return None
    return name, 80 if port is None else port


def guarded(app: _App, port: int) -> _App:
    """The ASGI application behind the checks."""

    async def checked(scope: _Scope, receive: _Receive, send: _Send) -> None:
        if scope["type"] not in {"http", "websocket"} or not refused(
            scope["headers"], port, scope.get("method", "GET")
        ):
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: HTTP status 403
        else:
            headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(_REFUSED)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": _REFUSED})

    return checked


def begin_history(database: Path) -> None:
    """Makes an empty database for Prefect's records where there is none yet.

    Prefect makes its own by all migrations since its first version, more than a hundred: longer work than all
    else before the server answers (11 of 19 s of computing).  `empty_history.sql` is what they come to in the
    oldest version that we work with; a newer one goes on from there, as with any history.
    """
    if database.exists():
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    begun = database.with_suffix(".begun")  # the server may be killed at any moment
    begun.unlink(missing_ok=True)
    with closing(sqlite3.connect(begun)) as connection:
        connection.executescript(FILE.read_text(encoding="utf-8"))
    begun.rename(database)


def main(port: int) -> None:
    """As `prefect server start` does it."""
    import uvicorn  # noqa: PLC0415 - who asks for the checks alone need not wait for Prefect
    from prefect.server.api.server import create_app  # noqa: PLC0415
    from prefect.settings import get_current_settings  # noqa: PLC0415

    begin_history(get_current_settings().home / "prefect.db")
    settings = get_current_settings().server
    uvicorn.run(
        guarded(create_app(final=True), port),
        host=HOST,
        port=port,
        timeout_keep_alive=settings.api.keepalive_timeout,
        log_level=settings.logging_level.lower(),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
