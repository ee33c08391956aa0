import asyncio
import gzip
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from tasks.errors import ConnectionFailed, UsageError
from tasks.transport.client import (
    BodyTooLarge,
    DeadlinePassed,
    HttpClient,
    HttpRequest,
    HttpResponse,
    Unreachable,
)
from tasks.transport.guard import AddressBlocked

Serve = Callable[[Callable[[web.BaseRequest], Any]], str]
ServeBytes = Callable[[bytes], str]


def send_all(requests: Sequence[HttpRequest], **settings: Any) -> list[HttpResponse]:
    """Responses of a client that may call loopback, unless `settings` say otherwise."""
    usual: dict[str, Any] = {
        "timeout_s": 5,
        "max_bytes": 100_000,
        "concurrency": 16,
        "per_host_rps": 1000,
        "resolve": {},
        "allow_hosts": ["127.0.0.1"],
    }

    async def send() -> list[HttpResponse]:
        async with HttpClient(**(usual | settings)) as client:
            return await asyncio.gather(*(client.send(request) for request in requests))

    return asyncio.run(send())


def send(request: HttpRequest, **settings: Any) -> HttpResponse:
    return send_all([request], **settings)[0]


def get(url: str, **settings: Any) -> HttpResponse:
    return send(HttpRequest("GET", url), **settings)


async def echo(request: web.BaseRequest) -> web.Response:
    body = (await request.read()).decode()
    return web.json_response(
        {"method": request.method, "path": request.raw_path, "host": request.host, "body": body}
    )


def test_a_response_is_status_headers_and_body(serve: Serve) -> None:
    async def teapot(_: web.BaseRequest) -> web.Response:
        return web.Response(status=418, text="short and stout", headers={"X-Handle": "yes"})

    response = get(serve(teapot))
    assert (response.status, response.headers["x-handle"], response.body) == (418, "yes", b"short and stout")
    assert 0 < response.latency_ms < 5000


def test_method_path_and_body_arrive_as_given(serve: Serve) -> None:
    base = serve(echo)
    response = send(HttpRequest("POST", f"{base}/a%2Fb/%C3%BC?q=1%202&r=%26", (("X-A", "1"),), b"{}"))
    host = base.removeprefix("http://")
    expected = (
        f'{{"method": "POST", "path": "/a%2Fb/%C3%BC?q=1%202&r=%26", "host": "{host}", "body": "{{}}"}}'
    )
    assert response.body.decode() == expected


def test_headers_are_our_own_unless_given(serve: Serve) -> None:
    async def show(request: web.BaseRequest) -> web.Response:
        wanted = ("User-Agent", "Accept", "Accept-Encoding", "Cookie")
        return web.json_response({name: request.headers.getall(name, []) for name in wanted})

    response = send(HttpRequest("GET", serve(show), (("accept", "text/csv"),)))
    assert response.body == (
        b'{"User-Agent": ["toolloom/0.1"], "Accept": ["text/csv"], '
        b'"Accept-Encoding": ["gzip, deflate"], "Cookie": []}'
    )


def test_cookies_are_not_kept(serve: Serve) -> None:
    async def cookie(request: web.BaseRequest) -> web.Response:
        return web.Response(text=str(dict(request.cookies)), headers={"Set-Cookie": "a=1"})

    async def twice(url: str) -> bytes:
        client = HttpClient(
            timeout_s=5, max_bytes=100, concurrency=1, per_host_rps=100, resolve={}, allow_hosts=["127.0.0.1"]
        )
        async with client:
            await client.send(HttpRequest("GET", url))
            return (await client.send(HttpRequest("GET", url))).body

    assert asyncio.run(twice(serve(cookie))) == b"{}"


def test_compressed_bodies_are_decompressed(serve: Serve) -> None:
    async def compressed(_: web.BaseRequest) -> web.Response:
        return web.Response(body=gzip.compress(b"plain"), headers={"Content-Encoding": "gzip"})

    assert get(serve(compressed)).body == b"plain"


def test_the_deadline_holds_for_a_server_that_says_nothing(serve: Serve) -> None:
    async def silent(_: web.BaseRequest) -> web.Response:
        await asyncio.sleep(30)
        raise AssertionError

    with pytest.raises(DeadlinePassed, match=r"127\.0\.0\.1 did not finish within 0\.2 s"):
        get(serve(silent), timeout_s=0.2)


def test_the_deadline_holds_for_a_server_that_trickles(serve: Serve) -> None:
    async def trickle(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b".")
            await asyncio.sleep(0.02)
        return response

    started = time.monotonic()
    with pytest.raises(DeadlinePassed):
        get(serve(trickle), timeout_s=0.3)
    assert time.monotonic() - started < 2


def test_the_deadline_spans_redirects(serve: Serve) -> None:
    async def slow_circle(_: web.BaseRequest) -> web.Response:
        await asyncio.sleep(0.15)
        raise web.HTTPFound("/again")

    with pytest.raises(DeadlinePassed):
        get(serve(slow_circle), timeout_s=0.4)


def test_waiting_for_our_own_limits_is_not_the_servers_fault(serve: Serve) -> None:
    async def slow(_: web.BaseRequest) -> web.Response:
        await asyncio.sleep(0.1)
        return web.Response(text="here")

    request = HttpRequest("GET", serve(slow))
    responses = send_all([request] * 5, timeout_s=0.45, concurrency=1)
    assert [response.body for response in responses] == [b"here"] * 5
    assert max(response.latency_ms for response in responses) < 450


def test_only_so_many_requests_are_in_flight(serve: Serve) -> None:
    in_flight: list[int] = []
    most: list[int] = []

    async def count(_: web.BaseRequest) -> web.Response:
        in_flight.append(1)
        most.append(len(in_flight))
        await asyncio.sleep(0.01)
        in_flight.pop()
        return web.Response()

    send_all([HttpRequest("GET", serve(count))] * 20, concurrency=4)
    assert max(most) == 4


def test_a_body_up_to_the_cap_is_read_and_one_byte_more_is_refused(serve: Serve) -> None:
    async def body(request: web.BaseRequest) -> web.Response:
        return web.Response(status=206, body=b"x" * int(request.path.removeprefix("/")))

    base = serve(body)
    assert len(get(f"{base}/1000", max_bytes=1000).body) == 1000
    with pytest.raises(BodyTooLarge, match=r"127\.0\.0\.1 sent more than 1000 bytes") as caught:
        get(f"{base}/1001", max_bytes=1000)
    assert caught.value.status == 206


def test_a_body_without_end_is_refused_at_the_cap(serve: Serve) -> None:
    sent: list[int] = []

    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 10_000)
            sent.append(10_000)

    with pytest.raises(BodyTooLarge):
        get(serve(endless), max_bytes=50_000)
    assert sum(sent) < 20_000_000


def test_a_decompression_bomb_is_refused_at_the_cap(serve: Serve) -> None:
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)

    async def explode(_: web.BaseRequest) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    base, started = serve(explode), time.process_time()
    with pytest.raises(BodyTooLarge):
        get(base, max_bytes=1_000_000)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"this is no HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut short",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["hangs up", "no HTTP", "cut short", "bad chunk"],
)
def test_an_answer_that_is_no_answer_is_a_failed_connection(serve_bytes: ServeBytes, answer: bytes) -> None:
    with pytest.raises(ConnectionFailed, match=r"^127\.0\.0\.1: \w+$"):
        get(serve_bytes(answer))


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://127.0.0.1:1/?key=s3cret", r"^127\.0\.0\.1: connection refused$"),
        ("http://no-such-name.invalid/?key=s3cret", r"^no-such-name\.invalid: its name cannot be looked up$"),
        (f"http://{'a' * 70}.test/?key=s3cret", r"^a{70}\.test: [\w ]+$"),
        ("ftp://files.test/?key=s3cret", "^ftp: only http and https can be called$"),
        ("http:///path?key=s3cret", "^http: only http and https can be called$"),
        ("/path?key=s3cret", "^a URL without scheme: only http and https can be called$"),
        ("http://host:99999999/?key=s3cret", "^the request's URL cannot be read$"),
    ],
)
def test_what_cannot_be_reached_is_a_failed_connection_and_tells_no_secret(url: str, text: str) -> None:
    with pytest.raises(ConnectionFailed, match=text):
        get(url)


def test_a_host_that_hangs_up_when_tls_begins_is_told_as_such() -> None:
    def hang_up() -> None:
        connection, _ = server.accept()
        connection.recv(10_000)
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as thread:
        hung_up = thread.submit(hang_up)
        with pytest.raises(Unreachable, match=r"^127\.0\.0\.1: it closed the connection$"):
            get(f"https://127.0.0.1:{server.getsockname()[1]}/")
        hung_up.result()


def test_header_values_with_line_breaks_are_not_sent(serve: Serve) -> None:
    with pytest.raises(ConnectionFailed, match=r"127\.0\.0\.1: ValueError"):
        send(HttpRequest("GET", serve(echo), (("X-A", "1\r\nX-B: 2"),)))


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_addresses_of_our_own_network_are_blocked(serve: Serve, host: str) -> None:
    port = serve(echo).rpartition(":")[2]
    with pytest.raises(AddressBlocked, match="is a loopback address"):
        get(f"http://{host}:{port}/", allow_hosts=[])


def test_a_redirect_to_a_private_address_is_blocked(serve: Serve) -> None:
    async def to_metadata(_: web.BaseRequest) -> web.Response:
        raise web.HTTPFound("http://169.254.169.254/latest/meta-data")

    with pytest.raises(AddressBlocked, match=r"169\.254\.169\.254 is a link-local address"):
        get(serve(to_metadata))


def test_a_redirect_to_a_name_with_a_private_address_is_blocked(serve: Serve) -> None:
    target = serve(echo).rpartition(":")[2]

    async def to_localhost(_: web.BaseRequest) -> web.Response:
        raise web.HTTPFound(f"http://localhost:{target}/")

    with pytest.raises(AddressBlocked, match="localhost is a loopback address"):
        get(serve(to_localhost))


class Names(AbstractResolver):
    """Gives these addresses for every name, after a while."""

    def __init__(self, *addresses: str, after_s: float = 0) -> None:
        self.addresses = addresses
        self.after_s = after_s

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        await asyncio.sleep(self.after_s)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        self.addresses = ()


def test_a_name_whose_second_address_is_private_is_blocked(serve: Serve) -> None:
    port = serve(echo).rpartition(":")[2]
    with pytest.raises(AddressBlocked, match=r"rebound\.test is a loopback address"):
        get(f"http://rebound.test:{port}/", names=lambda: Names("8.8.8.8", "127.0.0.1"))


def test_the_deadline_holds_for_a_name_server_that_says_nothing() -> None:
    with pytest.raises(DeadlinePassed, match=r"far\.test did not finish within 0\.2 s"):
        get("http://far.test/", timeout_s=0.2, names=lambda: Names("8.8.8.8", after_s=30))


def test_requests_to_one_host_keep_their_pace(serve: Serve) -> None:
    started = time.monotonic()
    send_all([HttpRequest("GET", serve(echo))] * 7, per_host_rps=40)
    assert 0.1 <= time.monotonic() - started < 2


def test_mapped_hosts_are_served_elsewhere_and_keep_their_name(serve: Serve) -> None:
    base = serve(echo)
    response = get(
        "http://maps.sandbox.test/a%2Fb?q=%20", resolve={"*.sandbox.test": f"{base}/apis/"}, allow_hosts=[]
    )
    expected = b'{"method": "GET", "path": "/apis/a%2Fb?q=%20", "host": "maps.sandbox.test", "body": ""}'
    assert response.body == expected


def test_a_port_of_a_mapped_host_stays_in_its_name(serve: Serve) -> None:
    response = get("http://maps.sandbox.test:8080/", resolve={"*.sandbox.test": serve(echo)}, allow_hosts=[])
    assert b'"host": "maps.sandbox.test:8080"' in response.body


def test_mapping_a_host_opens_the_way_to_no_other(serve: Serve) -> None:
    base = serve(echo)
    port = base.rpartition(":")[2]
    mapped = {"*.sandbox.test": f"http://localhost:{port}"}
    assert get("http://maps.sandbox.test/", resolve=mapped, allow_hosts=[]).status == 200
    with pytest.raises(AddressBlocked):
        get(f"http://localhost:{port}/", resolve=mapped, allow_hosts=[])


def test_a_mapping_to_no_url_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r'"\*\.test" leads to "127\.0\.0\.1:80", which is no URL'):
        get("http://a.test", resolve={"*.test": "127.0.0.1:80"})


def redirecting(status: int, location: str) -> Callable[[web.BaseRequest], Any]:
    """Redirects every path but /end, which shows what arrived."""

    async def handle(request: web.BaseRequest) -> web.Response:
        if request.path != "/end":
            return web.Response(status=status, headers={"Location": location})
        key = request.headers.get("X-Key")
        return web.Response(text=f"{request.method} {request.host} {key} {(await request.read()).decode()}")

    return handle


@pytest.mark.parametrize(
    ("method", "status", "arrived"),
    [
        ("GET", 301, "GET a.test k "),
        ("GET", 307, "GET a.test k "),
        ("POST", 301, "GET a.test k "),
        ("POST", 302, "GET a.test k "),
        ("POST", 303, "GET a.test k "),
        ("PUT", 303, "GET a.test k "),
        ("PUT", 302, "PUT a.test k body"),
        ("POST", 307, "POST a.test k body"),
        ("POST", 308, "POST a.test k body"),
    ],
)
def test_redirects_are_followed_as_browsers_do(serve: Serve, method: str, status: int, arrived: str) -> None:
    request = HttpRequest(
        method, "http://a.test/start", (("X-Key", "k"),), b"body" if method != "GET" else None
    )
    response = send(request, resolve={"*.test": serve(redirecting(status, "/end"))})
    assert response == replace(response, status=200, body=arrived.encode())


@pytest.mark.parametrize(
    ("location", "arrived"),
    [
        ("http://a.test/end", b"GET a.test k "),
        ("https://a.test/end", b"GET a.test k "),
        ("http://b.test/end", b"GET b.test None "),
        ("http://a.test:81/end", b"GET a.test:81 None "),
        ("//b.test/end", b"GET b.test None "),
    ],
    ids=["same host", "made safer", "other host", "other port", "other host without scheme"],
)
def test_credentials_stay_with_the_host_they_are_for(serve: Serve, location: str, arrived: bytes) -> None:
    request = HttpRequest("GET", "http://a.test/start", (("X-Key", "k"),))
    assert send(request, resolve={"*.test": serve(redirecting(302, location))}).body == arrived


def test_a_circle_of_redirects_ends_with_the_sixth(serve: Serve) -> None:
    hits: list[str] = []

    async def circle(request: web.BaseRequest) -> web.Response:
        hits.append(request.path)
        return web.Response(status=302, headers={"Location": f"{request.path}x"})

    response = get(f"{serve(circle)}/")
    assert (response.status, hits) == (302, ["/", "/x", "/xx", "/xxx", "/xxxx", "/xxxxx"])


@pytest.mark.parametrize(
    "location",
    [
        "",
        "http://[broken",
        "http://[::1",
        "//[",
        "http://h:port/",
        "http://xn--/",
        "http://\u00e9[/",
        "http://..xn--/",
    ],
)
def test_a_redirect_to_nowhere_is_the_response(serve: Serve, location: str) -> None:
    assert get(serve(redirecting(302, location))).status == 302


def test_the_environments_proxy_is_not_used(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert get(serve(echo)).status == 200


def test_a_client_can_be_closed_twice_and_unused() -> None:
    async def close_twice() -> None:
        client = HttpClient(
            timeout_s=1, max_bytes=1, concurrency=1, per_host_rps=1, resolve={}, allow_hosts=[]
        )
        await client.close()
        await client.close()

    asyncio.run(close_twice())
