"""Secrets: taken from the environment, and out of texts, in whatever way they are written there.

URLs, JSON, HTML, base64 and hexadecimal spell a text each in their own way.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from html import unescape
from html.entities import html5
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from tasks.errors import UsageError

REDACTED = "[redacted]"
_SHORTEST_SECRET = 6


class Redactor:
    """Takes secrets out of what others say, in whatever form they say them.

    A server that repeats a key (in its answer, its error, its log) would else bring it into a table.  Of a
    configured value such as "Bearer KEY", "user:password" or "a=KEY; b=KEY" the keys alone are secrets, too.
    Values that are short or that anybody may say (`is_common`) are left: taking them out would falsify what
    is said.

    The forms looked for: as it is, in base64 at any place of what was encoded, in hexadecimal, and as URLs,
    JSON (also in JSON) and HTML escape it.  Where nothing is found this costs some looks for texts in a text.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self.secrets = tuple(
            sorted({part for secret in secrets for part in _parts(secret) if not is_common(part)})
        )
        forms = sorted({form for secret in self.secrets for form in forms_of(secret)}, key=len, reverse=True)
        # Most texts have none of these signs, which is found out faster than anything longer.
        by_sign = {sign: tuple(form for form in forms if form.startswith(sign)) for sign in ("%", "\\", "&#")}
        self._escaped = tuple((sign, escaped) for sign, escaped in by_sign.items() if escaped)
        self._forms = tuple(form for form in forms if not form.startswith(tuple(by_sign)))
        characters = {character for secret in self.secrets for character in secret}
        # What no encoding changes is found as it is: then nothing has to be decoded.
        self._decoders = [decode for decode, changed in DECODERS if any(map(changed, characters))]

    def __bool__(self) -> bool:
        return bool(self.secrets)

    def redact(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                return self._without(text)
        for sign, forms in self._escaped:
            if sign in text and any(form in text for form in forms):
                return self._without(text)
        for decode in self._decoders:
            said = decode(text)
            if said is not text and any(secret in said for secret in self.secrets):
                return self._without(text)
        return text

    def redact_bytes(self, body: bytes) -> bytes:
        """The same of a body in UTF-8, or in anything that writes ASCII as it is."""
        if not self.secrets:
            return body
        text = body.decode("utf-8", "surrogateescape")
        said = self.redact(text)
        return body if said is text else said.encode("utf-8", "surrogateescape")

    def redact_json(self, value: Any) -> Any:
        """The same of every text of a JSON value, names included."""
        if not self.secrets:
            return value
        match value:
            case str():
                return self.redact(value)
            case list() | tuple():
                return [self.redact_json(each) for each in value]
            case dict():
                return {self.redact(name): self.redact_json(inner) for name, inner in value.items()}
        return value

    def _without(self, text: str) -> str:
        """Taken out; slow, and only for a text that holds one."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            if secret.isdigit():  # a number of JSON: what stands for it must be JSON as well
                text = re.sub(rf"(?<=[:\[,])(\s*){secret}(?=\s*[,}}\]])", rf'\1"{REDACTED}"', text)
            text = re.sub("".join(map(any_spelling, secret)), REDACTED, text)
        for form in self._forms:
            if form in text:  # base64 goes on before and behind it
                text = re.sub(rf"[\w+/-]*{re.escape(form)}[\w+/-]*=*", REDACTED, text, flags=re.ASCII)
        return text


# A word with a number, a number, a path: what variables of a server's environment hold as well.
_COMMON = re.compile(r"[a-z]{0,11}[-_. ]?\d{0,4}|\d{0,9}|\W*|[~.]{0,2}(/[\w.-]*){2,}", re.IGNORECASE)
_PLACEHOLDERS = frozenset(
    (
        "apikey",
        "changeme",
        "demokey",
        "dummykey",
        "lmstudio",
        "mykey",
        "mysecret",
        "nokey",
        "nokeyrequired",
        "noneneeded",
        "notneeded",
        "placeholder",
        "sknokeyrequired",
        "skdummy",
        "sktest",
        "testkey",
        "testtoken",
        "yourapikey",
        "yourkey",
    )
)


def is_common(secret: str) -> bool:
    """Whether a value is so short, or so common a word or number, that others say it by chance."""
    letters = re.sub(r"[\W_]", "", secret).lower()
    return len(secret) < _SHORTEST_SECRET or letters in _PLACEHOLDERS or _COMMON.fullmatch(secret) is not None


def key_from(
    variable: str, named_by: str, *, otherwise: str = "", environment: Mapping[str, str] = os.environ
) -> str:
    """The value of a variable that holds a key.

    named_by: the setting that names it, up to the name; otherwise: what else may be done about it, where
    something may.  Raises `UsageError` when it is not set.
    """
    key = environment.get(variable, "")
    if not key.strip():
        raise UsageError(
            f"{named_by} {variable}, which is not set",
            fix=f"export {variable}=<your key>" + (f", or {otherwise}" if otherwise else ""),
        )
    return key


def secrets_named(
    variables: Iterable[str], environment: Mapping[str, str] = os.environ
) -> tuple[list[str], list[str]]:
    """Values of variables that hold keys, and of those for Prefect and proxies that any environment may have;
    and the names of the variables whose values are too common to be taken out of what is said.
    """
    values = {name: environment[name] for name in variables if environment.get(name)}
    common = sorted(name for name, value in values.items() if all(map(is_common, _parts(value))))
    ambient = [environment[name] for name in _AMBIENT if environment.get(name)]
    proxies = [value for name, value in environment.items() if name.lower() in _PROXIES]
    addresses = [value if "://" in value else f"http://{value}" for value in proxies]
    return [*values.values(), *ambient, *addresses], common


_AMBIENT = ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING")
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})


def _parts(secret: str) -> Iterator[str]:
    """The value and what of it is a secret by itself."""
    secret = secret.strip()
    if "://" in secret:  # of an address only what is a key in it
        with suppress(ValueError):
            parts = urlsplit(secret)
            yield from (unquote(parts.password or ""), *(value for _, value in parse_qsl(parts.query)))
        return
    yield secret
    scheme, _, key = secret.partition(" ")
    if key and scheme.lower() == "basic":
        with suppress(ValueError):
            yield from _parts(base64.b64decode(key, validate=True).decode())
    if key:
        yield key
    if ":" in secret:
        yield secret.partition(":")[2]
    if "=" in secret.rstrip("="):
        yield from (pair.partition("=")[2].strip() for pair in secret.split(";"))


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


NO_SECRETS = Redactor()
