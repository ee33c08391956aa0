"""The ways in which a text may be written: as URLs, JSON, HTML, base64 and hexadecimal spell it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from html import unescape
from html.entities import html5
from urllib.parse import quote, quote_plus, unquote


def forms_of(secret: str) -> Iterator[str]:
    """How a text is found in others without decoding them.

    What URLs, JSON and HTML make of a few characters alone is not among them: see `DECODERS`.
    """
    yield secret
    data = secret.encode()
    yield data.hex()
    yield data.hex().upper()
    for core in {core for alphabet in (None, b"-_") for core in _in_base64(data, alphabet)}:
        yield from {core, quote(core, safe=""), core.replace("/", "\\/"), core.replace("+", "\\u002b")}
    # Of every character, as the most anxious encoders do it.
    for escape in ("%{:02x}", "%{:02X}", "\\x{:02x}"):
        yield "".join(escape.format(byte) for byte in data)
    for escape in ("&#{};", "&#x{:x};"):
        yield "".join(escape.format(ord(character)) for character in secret)
    units = [unit for character in secret for unit in _utf16(character)]
    yield "".join(rf"\u{unit}" for unit in units)
    yield "".join(rf"\u{unit.upper()}" for unit in units)
    yield quote_plus(secret)


def _utf16(character: str) -> list[str]:
    """As JSON escapes it: four hexadecimal digits, or twice four."""
    return re.findall("....", character.encode("utf-16-be", "surrogatepass").hex())


def _in_base64(data: bytes, alphabet: bytes | None) -> Iterator[str]:
    """What of the encoded text depends on the data alone, wherever in the whole they stand."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + data, alphabet).decode()
        yield encoded[-(-offset * 8 // 6) : (offset + len(data)) * 8 // 6]


def _from_url(text: str) -> str:
    for _ in range(2):  # twice: an address in an address
        if "%" not in text:
            break
        text = unquote(text)
    return text


def _from_json(text: str) -> str:
    for _ in range(2):  # twice: JSON in JSON
        if "\\" not in text:
            break
        text = _JSON_ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text)
        if _HALF.search(text):
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _from_html(text: str) -> str:
    return unescape(unescape(text)) if "&" in text else text


_HALF = re.compile("[\ud800-\udfff]")  # of a character that JSON writes as two
_JSON_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/]))')
DECODERS: tuple[tuple[Callable[[str], str], Callable[[str], bool]], ...] = (
    (
        _from_url,
        lambda character: not (character.isascii() and character.isalnum()) and character not in "-._~",
    ),
    (_from_json, lambda character: character in "\"\\/<>&'=+`" or not character.isascii()),
    (_from_html, lambda c: c in "\"&<>'=+/`" or not c.isascii()),
)
"""How texts are decoded, and which characters the encoding changes: a text without them needs no decoding."""


def any_spelling(character: str) -> str:
    """A pattern of all the ways in which URLs, JSON and HTML spell a character, also twice over."""
    ways = [
        rf"\\*{re.escape(character)}",
        "".join(f"%(?:25)*(?i:{byte:02x})" for byte in character.encode()),
        "".join(rf"\\+u(?i:{unit})" for unit in _utf16(character)),
        rf"&(?:amp;)*#0*{ord(character)};",
        rf"&(?:amp;)*#[xX]0*(?i:{ord(character):x});",
        *(f"&(?:amp;)*{name}" for name, said in html5.items() if said == character and name.endswith(";")),
        *([r"\+"] if character == " " else []),
    ]
    return f"(?:{'|'.join(ways)})"
