"""Real HTTP servers on loopback as counterparts of what is tested, and APIs to call."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiohttp import web
from catalogue_rows import a_parameter, an_api
from hypothesis import settings

from tasks.transport.runtime import Runtime
from warehouse.tables.catalogue import Api

# Property tests try the same examples every time, and leave nothing behind.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.load_profile("repeatable")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@pytest.fixture(scope="session")
def server_runtime() -> Iterator[Runtime]:
    """The loop in which all servers of the session live."""
    with Runtime() as runtime:
        yield runtime


# All servers live to the end: one that closes while a client that gave up is just being accepted would
# leave that connection open.
@pytest.fixture(scope="session")
def serve(server_runtime: Runtime) -> Iterator[Callable[[Handler], str]]:
    """Starts a server that answers every request with the given handler; gives its base URL."""
    runners: list[web.ServerRunner] = []

    async def start(handler: Handler) -> str:
        # A handler that still sleeps is cancelled when its client or the test has gone.
        server = web.Server(handler, handler_cancellation=True)
        runner = web.ServerRunner(server, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield lambda handler: server_runtime.run(start(handler))
    for runner in runners:
        server_runtime.run(runner.cleanup())


@pytest.fixture(scope="session")
def serve_bytes(server_runtime: Runtime) -> Iterator[Callable[[bytes], str]]:
    """Starts a server that reads one request, sends these bytes and hangs up; gives its base URL."""
    servers: list[asyncio.Server] = []

    async def start(answer: bytes) -> str:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # A client that has seen enough may be gone before all is sent.
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer)
                await writer.drain()
            with contextlib.suppress(ConnectionError):
                writer.close()
                await writer.wait_closed()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def stop(server: asyncio.Server) -> None:
        server.close()
        await server.wait_closed()

    yield lambda answer: server_runtime.run(start(answer))
    for server in servers:
        server_runtime.run(stop(server))


@pytest.fixture
def make_api() -> Callable[..., Api]:
    """An API from what is unusual of its parameters (each a dict with a name) and of itself."""
    return _api


def _api(*parameters: dict[str, Any], api_id: str = "Weather/sky/forecast", **columns: Any) -> Api:
    usual: dict[str, Any] = {
        "tool_id": "Weather/sky",
        "api_name": "forecast",
        "function_name": "forecast_for_sky",
        "url": "http://sky.test/v1/forecast",
        "parameters": tuple(a_parameter(**parameter) for parameter in parameters),
    }
    return an_api(api_id, **(usual | columns))
