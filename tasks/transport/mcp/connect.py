"""A new session with a server, by the way it is reached.  Imports the SDK: an optional extra, and slow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from mcp.client import Transport

from tasks.transport.mcp.server import McpServer, command_of, environment_of, secrets_of, url_of
from tasks.transport.mcp.session import Session
from tasks.transport.mcp.stdio import StdioServer, stdio_transport
from tasks.transport.mcp.streamable_http import http_transport
from tasks.transport.proxies import Proxies


def new_session(
    server: McpServer,
    *,
    resolve: Mapping[str, str],
    proxies: Proxies | None,
    max_message_bytes: int,
    timeout_s: float,
    said: Callable[[str], None],
) -> Session:
    """A session that is not open yet.

    timeout_s: longest silence over HTTP.  said: gets every line of a process's standard error.
    """

    def by_process(ended: Callable[[], None]) -> Transport:
        started = StdioServer(
            command=command_of(server),
            env=environment_of(server),
            cwd=server.cwd,
            max_message_bytes=max_message_bytes,
            said=said,
        )
        return stdio_transport(started, ended)

    def by_address(_ended: Callable[[], None]) -> Transport:
        url = url_of(server, resolve)
        parts, proxy = urlsplit(url), None
        if proxies is not None and url == server.url:  # where `resolve` leads is on this machine or beside it
            proxy = proxies.of(parts.scheme, parts.hostname or "", parts.port)
        return http_transport(
            url,
            secrets_of(server),
            proxy=proxy,
            max_message_bytes=max_message_bytes,
            timeout_s=timeout_s,
        )

    over_http = server.url is not None
    return Session(server.name, by_address if over_http else by_process, over_http=over_http)
