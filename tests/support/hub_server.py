"""A scripted hub over real HTTP, and the pages it serves."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """body: JSON unless bytes.  cut: send only so many bytes of it, then hang up.

    silent: hang up at once.  trickle_s: pause after each byte.
    """

    body: Any
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    cut: int | None = None
    silent: bool = False
    trickle_s: float = 0


HTML = Answer(b"<!doctype html><title>Sign in</title>", headers=(("Content-Type", "text/html"),))


@dataclass
class ScriptedHub:
    """Answers each path with its answers in turn; the last one for ever after."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)
    headers: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, int] = defaultdict(int)

    def says(self, path: str, *answers: Any) -> None:
        self.answers[path] = [item if isinstance(item, Answer) else Answer(item) for item in answers]

    def lists(self, *tools: Json) -> None:
        """One page of these tools, no collections, and a detail for each."""
        self.says("/collections", {"collections": []})
        self.says("/tools?page=1&page_size=2", page(1, 1, *tools))
        for tool in tools:
            self.says(f"/tools/{tool['id']}", detail(tool))

    def answer(self, path: str, host: str, connection: int) -> Answer:
        with self._lock:
            self.requests.append((path, host))
            self.connections.add(connection)
            script = self.answers.get(path, [Answer({}, status=404)])
            turn = min(self._asked[path], len(script) - 1)
            self._asked[path] += 1
            return script[turn]

    def asked_for(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.requests)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: ScriptedHub

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.path += " " + json.dumps(body["variables"], sort_keys=True)
        self.do_GET()

    def do_GET(self) -> None:
        self.script.headers.append((self.headers["Host"], dict(self.headers)))
        answer = self.script.answer(self.path, self.headers["Host"], self.client_address[1])
        self.close_connection = answer.silent or answer.cut is not None
        if not answer.silent:
            with contextlib.suppress(ConnectionError):  # the crawler may have given up
                self._send(answer)

    def _send(self, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in (*answer.headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        step = 1 if answer.trickle_s else max(1, len(body))
        for start in range(0, len(body[: answer.cut]), step):
            self.wfile.write(body[: answer.cut][start : start + step])
            time.sleep(answer.trickle_s)

    def log_message(self, *_: object) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A crawler that has seen enough hangs up, which is no news."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def serve_hub() -> Iterator[ScriptedHub]:
    """A hub without answers yet."""
    script = ScriptedHub()
    handler = type("Handler", (_Handler,), {"script": script})
    http = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    script.url = f"http://127.0.0.1:{http.server_port}"
    yield script
    http.shutdown()
    thread.join()
    http.server_close()


def listed(slug: str, name: str | None = None, category: str = "Pets") -> Json:
    name = slug.title() if name is None else name
    return {
        "id": f"{category}/{slug}",
        "category": category,
        "name": name,
        "updated": "2026-01-02",
        "stars": 4,
    }


def page(number: int, pages: int, *tools: Any, total: int | None = None) -> Json:
    total = len(tools) if total is None else total
    return {"page": number, "pages": pages, "total": total, "tools": list(tools)}


def detail(tool: Json) -> Json:
    slug = tool["id"].rpartition("/")[2]
    api = {"name": "Find", "method": "GET", "path": "/find", "parameters": []}
    return tool | {"host": f"http://{slug}.sandbox.test", "description": "", "collections": [], "apis": [api]}
