"""A real http proxy for tests: it answers for every host, and tells what it was asked for."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Proxy:
    """answers: JSON by URL; anything else is echoed.  user: "name:password" that must be given, if any."""

    answers: dict[str, Any] = field(default_factory=dict)
    user: str | None = None
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        credentials = "" if self.user is None else f"{self.user}@"
        return f"http://{credentials}127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy

    def do_CONNECT(self) -> None:
        self.proxy.asked.append(f"CONNECT {self.path}")
        self.send_error(403)

    def do_GET(self) -> None:
        self.proxy.asked.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        wanted = self.proxy.user and "Basic " + base64.b64encode(self.proxy.user.encode()).decode()
        status = 200 if not wanted or self.headers.get("Proxy-Authorization") == wanted else 407
        body = json.dumps(self.proxy.answers.get(self.path, {"asked": self.path})).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def serve_proxy(**how: Any) -> Iterator[Proxy]:
    proxy = Proxy(**how)
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    proxy.port = http.server_port
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield proxy
    http.shutdown()
    thread.join()
    http.server_close()
