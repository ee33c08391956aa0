"""Answers as servers write them, over real connections."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import pytest

from tasks.errors import ConnectionFailed
from tasks.transport.client import BodyTooLarge, HttpClient, HttpRequest, HttpResponse
from tasks.transport.reading import LONGEST_HEAD, decoded

JSON = b'{"price": 4}'
CHUNKS = b"c\r\n" + JSON + b"\r\n0\r\n\r\n"
LENGTH = b"Content-Length: 12"


def packed(body: bytes) -> bytes:
    """With no time in it: bytes name the test, and must be the same in every process."""
    return gzip.compress(body, mtime=0)


PACKED = packed(JSON)


def answer(*fields: bytes, body: bytes = JSON) -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", *fields, b"", body])


def exchange(*answers: bytes, times: int = 1, max_bytes: int = 10_000) -> list[HttpResponse]:
    """What the client makes of the answers that one connection gives, in turn; in pieces if several."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for raw in answers:
            await reader.readuntil(b"\r\n\r\n")
            for at in range(0, len(raw), len(raw) if times == 1 else 7):
                writer.write(raw[at : at + (len(raw) if times == 1 else 7)])
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()

    async def run() -> list[HttpResponse]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        client = HttpClient(
            timeout_s=5,
            max_bytes=max_bytes,
            concurrency=1,
            per_host_rps=1000,
            resolve={},
            allow_hosts=("127.0.0.1",),
        )
        async with server, client:
            return [await client.send(HttpRequest("GET", url)) for _ in range(times)]

    return asyncio.run(run())


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(answer(b"X-Policy: " + b"a" * 9_000, LENGTH), id="a long field"),
        pytest.param(answer(b"X-Policy: " + b"a" * 200_000, LENGTH), id="a very long field"),
        pytest.param(answer(*(b"Set-Cookie: a%d=1" % n for n in range(500)), LENGTH), id="many fields"),
        pytest.param(answer(LENGTH, LENGTH), id="the length twice"),
        pytest.param(answer(b"Content-Length: 12, 12"), id="the length twice in one field"),
        pytest.param(answer(LENGTH, b"Transfer-Encoding: chunked", body=CHUNKS), id="length and chunks"),
        pytest.param(
            answer(b"Transfer-Encoding: chunked", b"transfer-encoding: chunked", body=CHUNKS),
            id="chunks twice",
        ),
        pytest.param(answer(LENGTH, b"Transfer-Encoding: identity"), id="no encoding by name"),
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + answer(LENGTH, LENGTH), id="after hints"
        ),
        pytest.param(answer(LENGTH, LENGTH).replace(b"\r\n", b"\n"), id="bare line feeds"),
    ],
)
def test_a_head_that_every_browser_reads_is_read(raw: bytes) -> None:
    assert [(each.status, each.body) for each in exchange(raw)] == [(200, JSON)]


def test_heads_in_pieces_on_one_connection() -> None:
    answers = (answer(LENGTH, LENGTH), answer(b"X-A: " + b"a" * 9_000, LENGTH), answer(LENGTH))

    assert [each.body for each in exchange(*answers, times=3)] == [JSON] * 3


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(answer(LENGTH, b"Content-Length: 3"), id="two lengths that differ"),
        pytest.param(answer(b"X: " + b"a" * LONGEST_HEAD, LENGTH), id="a head without end"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: a", id="a head cut short"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", id="not HTTP"),
    ],
)
def test_a_head_that_nobody_reads_is_a_failed_connection(raw: bytes) -> None:
    with pytest.raises(ConnectionFailed):
        exchange(raw)


RAW_DEFLATE = zlib.compress(JSON, wbits=-15)


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ([b"Content-Encoding: gzip"], PACKED),
        ([b"Content-Encoding: x-gzip"], PACKED),
        ([b"Content-Encoding: GZIP"], PACKED[:-1] + PACKED[-1:]),
        ([b"Content-Encoding: gzip", b"Content-Encoding: gzip"], PACKED),
        ([b"Content-Encoding: gzip, gzip"], packed(PACKED)),
        ([b"Content-Encoding: gzip"], packed(PACKED)),
        ([b"Content-Encoding: gzip"], packed(JSON[:5]) + packed(JSON[5:])),
        ([b"Content-Encoding: gzip"], JSON),
        ([b"Content-Encoding: br"], JSON),
        ([b"Content-Encoding: identity"], PACKED),
        ([b"Content-Encoding: deflate"], zlib.compress(JSON)),
        ([b"Content-Encoding: deflate"], RAW_DEFLATE),
        ([], PACKED),
        ([], zlib.compress(JSON)),
        ([b"Content-Type: application/json"], PACKED),
        ([b"Content-Type: text/plain"], packed(PACKED)),
    ],
)
def test_a_packed_body_is_unpacked_whatever_the_header_says(fields: list[bytes], body: bytes) -> None:
    (response,) = exchange(answer(*fields, b"Content-Length: %d" % len(body), body=body))

    assert response.body == JSON


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (b"application/gzip", PACKED),
        (b"application/octet-stream", PACKED),
        (b"image/png", b"x\x9cpixels"),
        (b"text/plain", b"x^2 + y^2"),
        (b"text/plain", PACKED[:-9]),
    ],
)
def test_what_is_no_packed_text_stays_as_it_is(content_type: bytes, body: bytes) -> None:
    fields = (b"Content-Type: " + content_type, b"Content-Length: %d" % len(body))

    assert exchange(answer(*fields, body=body))[0].body == body


BOMB = packed(b"0" * 50_000_000)


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ([b"Content-Encoding: gzip"], BOMB),
        ([], BOMB),
        ([], packed(BOMB)),
        ([b"Content-Encoding: deflate"], zlib.compress(b"0" * 50_000_000)),
        ([b"Content-Encoding: deflate"], zlib.compress(b"0" * 50_000_000, wbits=-15)),
        ([b"Content-Encoding: gzip"], packed(b"0" * 60_000) * 3),
    ],
)
def test_a_bomb_is_not_unpacked(fields: list[bytes], body: bytes) -> None:
    with pytest.raises(BodyTooLarge):
        exchange(answer(*fields, b"Content-Length: %d" % len(body), body=body), max_bytes=100_000)


@pytest.mark.parametrize(
    ("fields", "body", "said"),
    [
        ([b"Content-Encoding: gzip"], PACKED[:-9], "its packed answer is cut short or damaged"),
        (
            [b"Content-Encoding: br"],
            b"\x0b\x05\x80\x9c\xfe\x03",
            "it answered in br, which it was not asked for",
        ),
        (
            [b"Content-Encoding: zstd"],
            b"\x28\xb5\x2f\xfd\x04\x61\x01\x02",
            "it answered in zstd, which it was not asked for",
        ),
    ],
)
def test_what_cannot_be_unpacked_is_told(fields: list[bytes], body: bytes, said: str) -> None:
    with pytest.raises(ConnectionFailed) as failure:
        exchange(answer(*fields, b"Content-Length: %d" % len(body), body=body))

    assert failure.value.message == f"127.0.0.1: {said}"


TEXT = '{"city": "Łódź"}'
XML = "<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>"


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (TEXT.encode("utf-16"), "application/json", TEXT),
        (TEXT.encode("utf-16"), "application/json; charset=utf-8", TEXT),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "text/plain", TEXT),
        (TEXT.encode("utf-32"), "application/json", TEXT),
        (b"\x00\x00\xfe\xff" + TEXT.encode("utf-32-be"), "", TEXT),
        (TEXT.encode("utf-8-sig"), "application/json", TEXT),
        (TEXT.encode("utf-16-le"), "application/json", TEXT),
        (TEXT.encode("utf-16-be"), "application/json", TEXT),
        (TEXT.encode("utf-32-le"), "application/json", TEXT),
        (TEXT.encode("utf-16-le"), "application/json; charset=utf-16le", TEXT),
        (TEXT.encode("iso8859-2"), "application/json; charset=iso-8859-2", TEXT),
        (TEXT.encode(), "application/json; charset=nonsense", TEXT),
        (TEXT.encode(), "", TEXT),
        (XML.encode("latin-1"), "text/xml", XML),
        ("caf\xe9 noir".encode("latin-1"), "text/plain", "caf\ufffd noir"),
        (b"", "application/json", None),
        (b"\xff\xfe\x01\x00\xd8\x00", "application/octet-stream", None),
        (b"\x89PNG\xff\x00", "image/png", None),
        (b"\x0b\x05\x80\x9c\xfe\x03\xee\x8a", "application/json", None),
    ],
)
def test_the_text_of_a_body(body: bytes, content_type: str, text: str | None) -> None:
    assert decoded(body, content_type) == text
