"""Answers as servers write them: heads that say a thing twice, packed bodies, texts in any encoding."""

from __future__ import annotations

import asyncio
import codecs
import re
import zlib
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from tasks.errors import ConnectionFailed

# Of what a server may say before its body.  Policies, links and cookies fill dozens of kilobytes.
MOST_HEADERS = 1000
LONGEST_HEAD = 512 * 1024

_GZIP, _ZSTD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
_MOST_LAYERS = 4
_PACKED_ON_PURPOSE = re.compile(
    r"application/(?:octet-stream|zip|(?:x-)?(?:gzip|bzip2|tar|xz)|zstd)|image/|audio/|video/|font/",
    re.IGNORECASE,
)
_CHARSET = re.compile(r"charset=\"?([\w.:-]+)", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"<\?xml[^>]*?\sencoding=[\"']([\w.:-]+)")
# Those of the web.  Python knows others, which decode to half characters, or are no character sets at all.
_KNOWN_CHARSET = re.compile(
    r"ascii|utf-8(?:-sig)?|utf-(?:16|32)(?:-[lb]e)?|iso8859-\d+|cp\d+|koi8-[rtu]|mac-\w+|tis-620|hz"
    r"|big5\w*|gb\w+|euc_\w+|shift_jis\w*|iso2022_\w+|johab"
)
_TEXTUAL = re.compile(r"text/|.*(?:json|xml|javascript|csv|yaml|x-www-form-urlencoded)", re.IGNORECASE)
# The mark of UTF-32 begins as that of UTF-16 does.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Of JSON without a mark, whose first two characters are ASCII.
_BY_ZEROS: dict[tuple[bool, ...], str] = {
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
}
_SHOWN = 2000  # characters by which bytes show that they are no text
_CONTROL = re.compile("[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")


class UnpacksTooLarge(Exception):
    """Unpacked, the body is larger than allowed."""


def unpacked(body: bytes, encodings: str, content_type: str, limit: int) -> bytes:
    """`body` without the compression that `Content-Encoding` names, or that its first bytes show.

    A header may be missing, repeat itself or be wrong; what is sent as an archive stays one.  Raises
    `UnpacksTooLarge` before more than `limit` bytes are unpacked, and `ConnectionFailed` for a body that is
    cut short or packed in a way that was not asked for.
    """
    named = [name for name in encodings.lower().replace(" ", "").split(",") if name]
    for name in reversed(named):
        if name in ("gzip", "x-gzip") and body.startswith(_GZIP):
            body = _inflated(body, limit, whole=True) or b""
        elif name == "deflate":
            body = next((plain for plain in _deflated(body, limit) if plain is not None), body)
        elif name in ("br", "zstd", "compress", "x-compress", "dcb", "dcz") and _is_no_text(
            body[:_SHOWN].decode("utf-8", "replace")
        ):
            raise ConnectionFailed(f"it answered in {name}, which it was not asked for")
    if not _PACKED_ON_PURPOSE.match(content_type):
        for _ in range(_MOST_LAYERS):
            plain = _inflated(body, limit, whole=False) if _may_be_packed(body) else None
            if plain is None:
                break
            body = plain
    return body


def _may_be_packed(body: bytes) -> bool:
    return body.startswith(_GZIP) or (body[:1] == b"x" and body[1:2] in (b"\x01", b"\x5e", b"\x9c", b"\xda"))


def _deflated(body: bytes, limit: int) -> list[bytes | None]:
    """With and without the frame: servers disagree on what "deflate" means."""
    return [_inflated(body, limit, whole=False), _inflated(body, limit, whole=False, wbits=-zlib.MAX_WBITS)]


def _inflated(body: bytes, limit: int, *, whole: bool, wbits: int = zlib.MAX_WBITS | 32) -> bytes | None:
    """All members of `body`; None where it is none, or with `whole` `ConnectionFailed`."""
    plain = bytearray()
    while True:
        member = zlib.decompressobj(wbits)
        try:
            plain += member.decompress(body, limit + 1 - len(plain))
        except zlib.error:
            member = zlib.decompressobj(wbits)
        if len(plain) > limit:
            raise UnpacksTooLarge
        if not member.eof:
            if whole:
                raise ConnectionFailed("its packed answer is cut short or damaged")
            return None
        if not member.unused_data.startswith(_GZIP):
            return bytes(plain)
        body = member.unused_data


def _is_no_text(text: str) -> bool:
    """Whether a text that was made of bytes by force shows that they were none."""
    shown = text[:_SHOWN]
    return len(_CONTROL.findall(shown)) * 20 > len(shown) or shown.count("\ufffd") * 3 > len(shown)


def decoded(body: bytes, content_type: str, *, strict: bool = False) -> str | None:
    """The text of a body; None when there is none or when it is no text, with `strict` not throughout.

    What the bytes themselves tell goes before the header: a byte order mark, the zeros of UTF-16 in JSON.
    """
    if not body:
        return None
    textual = not content_type or _TEXTUAL.match(content_type) is not None
    told = _told_by_bytes(body[:4]) if textual else None
    for charset in (told or _charset(content_type), "utf-8"):
        try:
            return body.decode(charset).removeprefix("\ufeff")
        except UnicodeError:
            continue
    if strict:
        return None
    declared = _XML_ENCODING.match(body)
    if declared is not None:
        return body.decode(_known(declared[1].decode()), "replace")
    text = body.decode("utf-8", "replace") if content_type and textual else None
    return None if text is None or _is_no_text(text) else text


def _told_by_bytes(start: bytes) -> str | None:
    """What the first four bytes say of the encoding, if anything."""
    if start.isascii() and b"\0" not in start:
        return None
    marked = next((charset for mark, charset in _MARKS if start.startswith(mark)), None)
    return marked or _BY_ZEROS.get(tuple(byte == 0 for byte in start))


def _charset(content_type: str) -> str:
    """The declared character set if it is one of the web, else UTF-8."""
    declared = _CHARSET.search(content_type)
    return _known(declared[1]) if declared else "utf-8"


def _known(charset: str) -> str:
    try:
        name = codecs.lookup(charset).name
    except LookupError:
        return "utf-8"
    return name if _KNOWN_CHARSET.fullmatch(name) else "utf-8"


def lenient_heads(connector: aiohttp.BaseConnector) -> None:
    """Makes its connections read heads that HTTP forbids and every browser reads; see `_Mending`."""
    connector._factory = partial(_Mending, loop=asyncio.get_running_loop())  # type: ignore[assignment]


class _Mending(ResponseHandler):
    """Collects the head of each response, mends it where needed, and bounds its length."""

    _head: bytearray | None = None

    def set_response_params(self, **params: Any) -> None:
        self._head = bytearray()
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        if self._head is None or not data:
            super().data_received(data)
            return
        self._head += data
        end = _end_of_head(self._head)
        if end is None and len(self._head) > LONGEST_HEAD:
            self.set_exception(aiohttp.ClientPayloadError("its headers are too long"))
            self.close()
        elif end is not None:
            collected, is_interim = bytes(self._head), self._head[8:10] == b" 1"
            self._head = bytearray() if is_interim else None
            if not is_interim:
                super().data_received(_mended(collected[:end]) + collected[end:])
                return
            super().data_received(collected[:end])
            self.data_received(collected[end:])

    def eof_received(self) -> None:
        self._let_go()
        super().eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._let_go()
        super().connection_lost(exc)

    def _let_go(self) -> None:
        """What came of a head that has no end: it is for the parser to say what is wrong with it."""
        rest, self._head = self._head, None
        if rest:
            super().data_received(bytes(rest))


def _end_of_head(head: bytearray) -> int | None:
    ends = [at + len(mark) for mark in (b"\r\n\r\n", b"\n\n") if (at := head.find(mark)) >= 0]
    return min(ends, default=None)


def _mended(head: bytes) -> bytes:
    """The head with one length at most: none beside chunks, and one for several that are the same."""
    lowered = head.lower()
    lengths, chunked = lowered.count(b"\ncontent-length"), b"\ntransfer-encoding" in lowered
    if lengths == 0 or (lengths == 1 and not chunked and b"," not in _line_at(lowered, b"\ncontent-length")):
        return head
    first, *lines = head.splitlines()
    fields = [(line.partition(b":")[0].strip().lower(), line) for line in lines if line]
    encodings = [line for name, line in fields if name == b"transfer-encoding"]
    by_chunks = any(b"chunked" in line.lower() for line in encodings)
    said = {
        length.strip()
        for name, line in fields
        if name == b"content-length"
        for length in line.partition(b":")[2].split(b",")
    }
    if len(said) > 1 and not by_chunks:
        return head
    kept = [line for name, line in fields if name not in (b"content-length", b"transfer-encoding")]
    framing = b"Transfer-Encoding: chunked" if by_chunks else b"Content-Length: " + next(iter(said))
    return b"\r\n".join([first, *kept, framing, b"", b""])


def _line_at(head: bytes, start: bytes) -> bytes:
    at = head.find(start)
    return head[at : head.find(b"\n", at + 1)]
