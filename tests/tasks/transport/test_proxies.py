"""Which proxy leads where, and what goes through a real one."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from proxying import serve_proxy
from pydantic import ValidationError

from tasks.calling.params import CallingParams
from tasks.catalogue.hub import open_hub
from tasks.catalogue.params import CatalogueParams, HubParams
from tasks.errors import BrokenContract, ConnectionFailed, UsageError
from tasks.transport.client import HttpClient, HttpRequest, HttpResponse
from tasks.transport.guard import AddressBlocked
from tasks.transport.mcp.failures import StartFailed
from tasks.transport.mcp.server import McpServer
from tasks.transport.mcp.sessions import McpSessions
from tasks.transport.proxies import Proxies, never_for_loopback

ONE, OTHER = "http://one.test:3128", "http://other.test:3128"


@pytest.mark.parametrize(
    ("setting", "environment", "url", "proxy"),
    [
        ("environment", {}, "http://api.test", None),
        ("environment", {"HTTP_PROXY": ONE}, "http://api.test", ONE),
        ("environment", {"http_proxy": ONE}, "http://api.test", ONE),
        ("environment", {"http_proxy": ONE, "HTTP_PROXY": OTHER}, "http://api.test", ONE),
        ("environment", {"HTTP_PROXY": ONE}, "https://api.test", None),
        ("environment", {"https_proxy": ONE, "HTTP_PROXY": OTHER}, "https://api.test", ONE),
        ("environment", {"ALL_PROXY": ONE}, "https://api.test", ONE),
        ("environment", {"ALL_PROXY": ONE, "HTTPS_PROXY": OTHER}, "https://api.test", OTHER),
        ("environment", {"HTTP_PROXY": "one.test:3128"}, "http://api.test", ONE),
        ("environment", {"HTTP_PROXY": ONE, "REQUEST_METHOD": "GET"}, "http://api.test", None),
        ("none", {"HTTP_PROXY": ONE}, "http://api.test", None),
        (OTHER, {"HTTP_PROXY": ONE}, "http://api.test", OTHER),
        (OTHER, {}, "https://api.test", OTHER),
        (OTHER, {"NO_PROXY": "api.test"}, "https://api.test", None),
        # What is reached without
        (ONE, {"no_proxy": "api.test"}, "http://v1.api.test", None),
        (ONE, {"no_proxy": ".api.test"}, "http://v1.api.test", None),
        (ONE, {"no_proxy": "*.api.test"}, "http://v1.api.test", None),
        (ONE, {"no_proxy": "pi.test"}, "http://api.test", ONE),
        (ONE, {"no_proxy": "a.test, API.test b.test"}, "http://api.TEST.", None),
        (ONE, {"no_proxy": "api.test:8080"}, "http://api.test:8080", None),
        (ONE, {"no_proxy": "api.test:8080"}, "http://api.test", ONE),
        (ONE, {"no_proxy": "*"}, "http://api.test", None),
        (ONE, {"no_proxy": "10.0.0.0/8"}, "http://10.1.2.3", None),
        (ONE, {"no_proxy": "10.0.0.0/8"}, "http://11.1.2.3", ONE),
        (ONE, {"no_proxy": "2001:db8::/32,x/y"}, "http://[2001:db8::1]", None),
        (ONE, {"no_proxy": "[2001:db8::1]:80"}, "http://[2001:db8::1]:80", None),
        # Loopback never goes through one
        (ONE, {}, "http://localhost:8801", None),
        (ONE, {}, "http://hub.localhost", None),
        (ONE, {}, "http://127.0.0.1:4200", None),
        (ONE, {}, "http://127.8.9.1", None),
        (ONE, {}, "http://[::1]:4200", None),
        (ONE, {}, "http://[::ffff:127.0.0.1]", None),
        (ONE, {}, "http://0.0.0.0:80", None),
        (ONE, {}, "http://localhost.test", ONE),
    ],
)
def test_the_proxy_of_an_address(
    setting: str, environment: dict[str, str], url: str, proxy: str | None
) -> None:
    scheme, _, place = url.partition("://")
    host, colon, port = place.rpartition(":") if not place.endswith("]") else (place, "", "")
    host, port = (host, port) if colon and port.isdecimal() else (place, "")

    assert Proxies(setting, environment).of(scheme, host, int(port) if port else None) == proxy


def test_a_proxy_of_another_kind_is_told_when_it_is_needed() -> None:
    proxies = Proxies("environment", {"ALL_PROXY": "socks5://me:s3cret@proxy.test"})

    assert proxies.of("http", "localhost") is None
    with pytest.raises(UsageError, match="of kind socks5") as failure:
        proxies.of("https", "api.test")
    assert "s3cret" not in str(failure.value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"NO_PROXY": "a.test"}, {"NO_PROXY": "a.test"}),
        ({"no_proxy": "127.0.0.1, a.test"}, {"no_proxy": "127.0.0.1, a.test,localhost,::1"}),
        ({"NO_PROXY": "*"}, {"NO_PROXY": "*,localhost,127.0.0.1,::1"}),
    ],
)
def test_libraries_are_told_that_loopback_needs_none(before: dict[str, str], after: dict[str, str]) -> None:
    proxied = {"http_proxy": ONE} if before != after else {}
    environment = before | proxied
    never_for_loopback(environment)

    assert environment == after | proxied


def test_both_spellings_are_set_where_neither_is() -> None:
    environment = {"HTTPS_PROXY": ONE}
    never_for_loopback(environment)

    assert environment == {"HTTPS_PROXY": ONE} | dict.fromkeys(
        ("no_proxy", "NO_PROXY"), "localhost,127.0.0.1,::1"
    )


@pytest.mark.parametrize(
    "proxy", ["http://me:s3cret@proxy.test", "socks5://proxy.test", "proxy.test:3128", ""]
)
def test_a_setting_that_is_no_proxy_is_refused(proxy: str) -> None:
    with pytest.raises(ValidationError, match="proxy must"):
        CallingParams(proxy=proxy)


class Names(AbstractResolver):
    """Knows two names, as a network does where only a proxy leads out."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        known = {"inside.test": "10.0.0.7", "outside.test": "93.184.216.34", "127.0.0.1": "127.0.0.1"}
        if host not in known:
            raise OSError(f"no such name: {host}")
        return [ResolveResult(hostname=host, host=known[host], port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


def sent(proxy: str, *urls: str, **settings: Any) -> list[HttpResponse]:
    usual: dict[str, Any] = {"resolve": {}, "allow_hosts": (), "proxies": Proxies(proxy, {})}

    async def run() -> list[HttpResponse]:
        client = HttpClient(
            timeout_s=5, max_bytes=10_000, concurrency=4, per_host_rps=1000, names=Names, **(usual | settings)
        )
        async with client:
            return [await client.send(HttpRequest("GET", url)) for url in urls]

    return asyncio.run(run())


def test_an_api_is_asked_through_the_proxy_whether_or_not_its_name_is_known_here() -> None:
    with serve_proxy() as proxy:
        unknown, known = sent(proxy.url, "http://far.test/a?b=1", "http://outside.test/c")

    assert (unknown.body, known.status) == (b'{"asked": "http://far.test/a?b=1"}', 200)
    assert proxy.asked == ["http://far.test/a?b=1", "http://outside.test/c"]


def test_user_and_password_of_the_environment_are_given_and_never_shown() -> None:
    with serve_proxy(user="me:s3cret") as proxy:
        named = Proxies("environment", {"HTTP_PROXY": proxy.url})
        (response,) = sent("none", "http://far.test/", proxies=named)
        wrong = Proxies("environment", {"HTTP_PROXY": proxy.url.replace("s3cret", "w0rd")})
        with pytest.raises(ConnectionFailed) as failure:
            sent("none", "http://far.test/", proxies=wrong)

    assert response.status == 200
    assert failure.value.message == f"far.test: the proxy 127.0.0.1:{proxy.port} refused the connection (407)"
    assert "w0rd" not in repr(failure.value)


def test_what_a_proxy_does_not_let_through_is_a_failed_connection() -> None:
    with serve_proxy() as proxy, pytest.raises(ConnectionFailed) as failure:
        sent(proxy.url, "https://far.test/")

    assert proxy.asked == ["CONNECT far.test:443"]
    assert failure.value.message == f"far.test: the proxy 127.0.0.1:{proxy.port} refused the connection (403)"


def test_a_proxy_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ConnectionFailed, match=f"far.test: the proxy 127.0.0.1:{port} cannot be reached"):
            sent(f"http://127.0.0.1:{port}", "http://far.test/")


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.7/",
        "http://169.254.169.254/latest",
        "http://[fd00::1]/",
        "http://[::ffff:10.0.0.7]/",
        "http://2852039166/",
        "http://0x0a000007/",
        "http://10.7/",
        "http://012.0.0.7/",
        "http://intranet/",
        "http://metadata.google.internal/",
        "http://printer.local./",
        "http://wiki.corp/",
        "http://inside.test/",
    ],
)
def test_the_address_guard_holds_before_a_proxy(url: str) -> None:
    with serve_proxy() as proxy, pytest.raises(AddressBlocked):
        sent(proxy.url, url)
    assert proxy.asked == []


def test_a_redirect_is_judged_like_an_address() -> None:
    with serve_proxy() as proxy:
        assert sent(proxy.url, "http://wiki.corp/", allow_hosts=("*.corp",))[0].status == 200
        assert sent(proxy.url, "http://10.0.0.7/", allow_hosts=("10.0.0.7",))[0].status == 200
    assert proxy.asked == ["http://wiki.corp/", "http://10.0.0.7/"]


def test_loopback_and_what_resolve_names_go_direct() -> None:
    with serve_proxy() as here, serve_proxy() as proxy:
        place = f"http://127.0.0.1:{here.port}"
        sent(
            proxy.url,
            f"{place}/a",
            "http://api.test/b",
            resolve={"api.test": place},
            allow_hosts=("127.0.0.1",),
        )
    assert (here.asked, proxy.asked) == (["/a", "/b"], [])


def test_a_hub_is_read_through_the_proxy() -> None:
    params = HubParams(location="http://hub.far.test")
    catalogue = CatalogueParams(sources=(params,))
    with serve_proxy(user="me:s3cret") as proxy:
        proxy.answers["http://hub.far.test/collections"] = {"collections": []}
        tools = [{"id": "a", "category": "A", "name": "A"}]
        proxy.answers["http://hub.far.test/tools?page=1&page_size=50"] = {
            "pages": 1,
            "total": 1,
            "tools": tools,
        }
        named = Proxies("environment", {"HTTP_PROXY": proxy.url})
        with open_hub(params, catalogue, {}, first_wait_s=0.01, proxies=named) as hub:
            assert [entry.id for entry in hub.listing().entries] == ["a"]
        wrong = Proxies("environment", {"HTTP_PROXY": proxy.url.replace("s3cret", "w0rd")})
        with (
            open_hub(params, catalogue, {}, first_wait_s=0.01, proxies=wrong) as hub,
            pytest.raises(BrokenContract, match="407") as failure,
        ):
            hub.listing()
    assert "w0rd" not in str(failure.value)


def test_an_mcp_server_is_asked_through_the_proxy() -> None:
    async def run(proxy: str) -> None:
        server = McpServer(name="far", url="http://mcp.far.test/mcp", start_timeout_s=10)
        sessions = McpSessions(
            [server],
            resolve={},
            max_bytes=1000,
            timeout_s=5,
            per_host_rps=100,
            proxies=Proxies(proxy, {}),
            starts=1,
        )
        async with sessions:
            with pytest.raises(StartFailed):  # what answers is the proxy itself, and speaks no MCP
                await sessions.listing("far")

    with serve_proxy() as proxy:
        asyncio.run(run(proxy.url))
    assert set(proxy.asked) == {"http://mcp.far.test/mcp"}
