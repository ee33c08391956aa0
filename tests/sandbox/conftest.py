"""Real servers on free loopback ports, run by a thread of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import pytest
from aiohttp import web

from sandbox.hub import build_hub


async def _serve(url: Future[str], stop: Future[None]) -> None:
    runner = web.AppRunner(build_hub(), handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url.set_result(f"http://127.0.0.1:{runner.addresses[0][1]}")
        await asyncio.wrap_future(stop)
    finally:
        await runner.cleanup()


@contextmanager
def _running_hub() -> Iterator[str]:
    url: Future[str] = Future()
    stop: Future[None] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(url, stop)))
    thread.start()
    try:
        yield url.result(timeout=30)
    finally:
        stop.set_result(None)
        thread.join()


@pytest.fixture(scope="session")
def hub() -> Iterator[str]:
    """Base URL of a hub that the tests share."""
    with _running_hub() as url:
        yield url


@pytest.fixture
def fresh_hub() -> Callable[[], object]:
    """Starts hubs that have seen no request: `with fresh_hub() as url`."""
    return _running_hub
