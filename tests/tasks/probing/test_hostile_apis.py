"""Every API of a hostile server gets a verdict within the limits, and none of them ends the run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from catalogue_rows import an_api
from hostile_api import hostile_api
from hypothesis import given
from hypothesis import strategies as st

from tasks.calling.call import DirectCaller
from tasks.calling.params import CallingParams
from tasks.probing.params import ProbeParams
from tasks.probing.probe import Prober, ProbeReport, probe_api
from tasks.transport.client import HttpClient
from warehouse.store import Store
from warehouse.tables import PROBES, VERDICTS
from warehouse.tables.catalogue import Api

MakeApi = Callable[..., Api]
TIMEOUT_S = 0.5


async def report_on(api: Api, base: str, attempts: int = 1) -> ProbeReport:
    client = HttpClient(
        timeout_s=TIMEOUT_S,
        max_bytes=100_000,
        concurrency=4,
        per_host_rps=1000,
        resolve={"*.test": base},
        allow_hosts=[],
    )
    async with client:
        caller = DirectCaller(client, CallingParams(timeout_s=TIMEOUT_S))
        params = ProbeParams(attempts=attempts, spacing_s=0)
        return await probe_api(api, Prober(caller=caller, params=params, run_id="r"))


@pytest.mark.parametrize(
    ("path", "outcome", "kept"),
    [
        ("/to-metadata", "blocked", False),
        ("/to-loopback", "blocked", False),
        ("/to-mapped-loopback", "blocked", False),
        ("/to-decimal-loopback", "connection_error", False),
        ("/to-local-name", "blocked", False),
        ("/to-file", "connection_error", False),
        ("/to-itself", "client_error", False),
        ("/to-login", "login_page", False),
        ("/login", "login_page", False),
        ("/page-as-json", "login_page", False),
        ("/page-in-json", "html", False),
        ("/drip", "timeout", False),
        ("/silent", "timeout", False),
        ("/endless", "too_large", False),
        ("/gzip-bomb", "too_large", False),
        ("/deflate-bomb", "too_large", False),
        ("/no-gzip", "ok", True),
        ("/no-charset", "ok", True),
        ("/half-characters", "ok", True),
        ("/wrong-charset", "ok", True),
        ("/other-charset", "ok", True),
        ("/abyss", "ok", True),
        ("/empty-lists", "ok", False),
        ("/error-object", "error_message", False),
        ("/far-future", "rate_limited", False),
        ("/harmless", "ok", True),
    ],
)
def test_what_a_hostile_server_does_is_seen_for_what_it_is(
    serve: Callable[..., str], make_api: MakeApi, tmp_path: Path, path: str, outcome: str, kept: bool
) -> None:
    started = time.monotonic()
    report = asyncio.run(report_on(make_api(url=f"http://sky.test{path}"), serve(hostile_api)))

    assert ([probe.outcome for probe in report.probes], report.verdict.kept) == ([outcome], kept)
    assert time.monotonic() - started < TIMEOUT_S + 2
    stored(report, tmp_path)


def stored(report: ProbeReport, folder: Path) -> None:
    """Whatever came back fits into the tables."""
    store = Store(folder)
    assert store.read(PROBES, [store.write_shard(PROBES, report.probes)]) == list(report.probes)
    assert store.read(VERDICTS, [store.write_shard(VERDICTS, [report.verdict])]) == [report.verdict]


def test_other_arguments_are_tried_on_empty_lists(serve: Callable[..., str], make_api: MakeApi) -> None:
    api = make_api({"name": "city", "required": True}, url="http://sky.test/empty-lists")
    report = asyncio.run(report_on(api, serve(hostile_api), attempts=3))
    assert [probe.arguments for probe in report.probes] == [
        '{"city":"New York"}',
        '{"city":"London"}',
        '{"city":"Paris"}',
    ]
    assert (report.verdict.works, report.verdict.reason) == (True, "ineffective")


LINES = st.binary(max_size=60).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b""))
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [b"Content-Type", b"Location", b"Retry-After", b"Content-Encoding", b"Content-Length"]
        ),
        LINES
        | st.sampled_from([b"text/plain; charset=utf-7", b"text/x; charset=idna", b"gzip", b"5", b"-1"]),
    ),
    max_size=3,
)


@given(
    status=st.sampled_from([b"200", b"204", b"302", b"307", b"429", b"999", b"0", b"x"]),
    headers=HEADERS,
    body=st.binary(max_size=200),
)
def test_whatever_bytes_a_server_sends_are_a_row(
    make_api_once: MakeApi, folder: Path, status: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    head = b"".join(b"%b: %b\r\n" % header for header in headers)
    answer = b"HTTP/1.1 %b OK\r\nConnection: close\r\n%b\r\n%b" % (status, head, body)
    stored(asyncio.run(report_of_bytes(make_api_once(), answer)), folder)


async def report_of_bytes(api: Api, answer: bytes) -> ProbeReport:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        return await report_on(api, f"http://127.0.0.1:{port}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows")


@pytest.fixture(scope="module")
def make_api_once() -> MakeApi:
    """Hypothesis wants fixtures that last as long as its examples."""
    return lambda: an_api("Weather/sky/forecast", url="http://sky.test/")
