"""The reports of a data folder over HTTP, while `toolloom serve` runs: what links in the Prefect UI lead to.

    /reports/<run>.html     the report of a run, of which nothing but the file is read

A page that came over HTTP must not link to a file, and the browser may be on another machine.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from flows.prefect.guarded_server import is_loopback
from flows.reporting.write import report_path
from warehouse import manifest

ADDRESS = "TOOLLOOM_REPORTS_URL"
"""The environment variable by which the runs of `toolloom serve` are told the address."""

_REPORT = re.compile(r"/reports/(\w[\w.-]*)\.html")


@contextmanager
def served_reports(data: Path, host: str, port: int) -> Iterator[str]:
    """The address, for as long as the `with` block lasts.  port: where it is taken, or 0, any free one."""
    server = _bound(data, host, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def address_of(run_id: str) -> str | None:
    """Where the report of a run is served; None where none is."""
    address = os.environ.get(ADDRESS)
    return None if address is None else f"{address}/reports/{run_id}.html"


def _bound(data: Path, host: str, port: int) -> ThreadingHTTPServer:
    try:
        return ThreadingHTTPServer((host, port), partial(_Reports, data))
    except OSError:
        return ThreadingHTTPServer((host, 0), partial(_Reports, data))


class _Reports(BaseHTTPRequestHandler):
    def __init__(self, data: Path, *of_server: Any) -> None:
        self._data = data
        super().__init__(*of_server)

    def do_GET(self) -> None:
        if not is_loopback(self.headers.get("Host", "")):  # a page that gave our address a name of its own
            self._answer(HTTPStatus.FORBIDDEN, "text/plain", b"Reports are for this machine.\n")
            return
        asked = _REPORT.fullmatch(self.path)
        report = None if asked is None else _report_of(self._data, asked[1])
        if report is not None:
            self._answer(HTTPStatus.OK, "text/html", report)
            return
        run = "RUN" if asked is None else asked[1]
        hint = f"There is no such report; `toolloom report --run {run}` writes that of a run.\n"
        self._answer(HTTPStatus.NOT_FOUND, "text/plain", hint.encode())

    def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Who reads a report is no news for the terminal."""


def _report_of(data: Path, run_id: str) -> bytes | None:
    newest = manifest.newest(data)
    own = newest is not None and newest.run_id == run_id
    for path in (report_path(data, run_id), *([report_path(data, None)] if own else [])):
        if path.is_file():
            return path.read_bytes()
    return None
