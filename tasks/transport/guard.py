"""What must not go out or come in: calls to addresses inside our network, and secrets in texts.

The address guard is a resolver: it judges the very addresses that will be connected to, after redirects
as well, so that a name cannot be one thing when judged and another when used.
"""

from __future__ import annotations

import base64
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from tasks.errors import ToolloomError
from tasks.transport.spelling import DECODERS, any_spelling, forms_of

REDACTED = "[redacted]"

_NAT64 = IPv6Network("64:ff9b::/96")
_SHORTEST_SECRET = 6
_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*")
_ZONES = "localhost local localdomain internal intranet private lan home corp home.arpa"
_INSIDE = tuple(f".{zone}" for zone in _ZONES.split())


class AddressBlocked(ToolloomError):
    """The host is, or resolves to, an address that catalogue entries must not reach."""


def matches_any(host: str, globs: Iterable[str]) -> bool:
    """Whether a host name matches one of the globs, whatever the case."""
    return any(fnmatchcase(host.lower(), glob.lower()) for glob in globs)


def literal_address(host: str) -> str | None:
    """`host` without brackets and zone when it is an IP address; None for names."""
    bare = host.strip("[]").partition("%")[0]
    try:
        return str(ip_address(bare))
    except ValueError:
        return None


def forbidden_kind(address: str) -> str | None:
    """Why an IP address is off limits ("loopback", "private", ...); None when it is public."""
    kinds = (_kind(meant) for meant in _meant_by(ip_address(address.partition("%")[0])))
    return next((kind for kind in kinds if kind is not None), None)


def _meant_by(address: IPv4Address | IPv6Address) -> tuple[IPv4Address | IPv6Address, ...]:
    """The addresses a packet may end up at: IPv6 has several ways to carry an IPv4 address."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return (address.ipv4_mapped,)
        if address in _NAT64:
            return (IPv4Address(int(address) & 0xFFFF_FFFF),)
        if address.sixtofour is not None:
            return (address.sixtofour, address)
    return (address,)


def _kind(address: IPv4Address | IPv6Address) -> str | None:
    for name in ("unspecified", "loopback", "link_local", "multicast", "reserved"):
        if getattr(address, f"is_{name}"):
            return name.replace("_", "-")
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    return "private" if site_local or not address.is_global else None


def refuse_literal(host: str, allow_hosts: Sequence[str]) -> None:
    """Raises `AddressBlocked` for a forbidden IP address written in a URL: no resolver ever sees it."""
    address = literal_address(host)
    kind = None if address is None else forbidden_kind(address)
    if kind is not None and not matches_any(host.strip("[]"), allow_hosts):
        raise _blocked(host, kind)


def refuse_unseen(host: str, allow_hosts: Sequence[str]) -> None:
    """Raises `AddressBlocked` for what is inside a network by its looks: a proxy resolves names, not we.

    Addresses however they are written, localhost, names without a dot and those that only networks have.
    """
    name = host.strip("[]").rstrip(".").lower()
    if matches_any(name, allow_hosts):
        return
    refuse_literal(host, allow_hosts)
    if _NUMBERS.fullmatch(name):
        try:  # what C takes for an address: 127.1, 0x7f000001, 017700000001
            kind = forbidden_kind(socket.inet_ntoa(socket.inet_aton(name)))
        except OSError:
            kind = "malformed"
        if kind is not None:
            raise _blocked(host, kind)
    elif ":" not in name and ("." not in name or name.endswith(_INSIDE)):
        raise _blocked(host, "private")


def _blocked(host: str, kind: str) -> AddressBlocked:
    return AddressBlocked(
        f"{host} is a {kind} address", fix=f'when it is meant, list "{host}" in [calling] allow_hosts'
    )


class GuardedResolver(AbstractResolver):
    """Resolves as `inner` does, and refuses hosts with a forbidden address unless they are listed."""

    def __init__(self, inner: AbstractResolver, allow_hosts: Sequence[str]) -> None:
        self._inner = inner
        self._allow_hosts = allow_hosts

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses of `host`.  Raises `AddressBlocked` when any of them is forbidden."""
        addresses = await self._inner.resolve(host, port, family)
        if matches_any(host, self._allow_hosts):
            return addresses
        for address in addresses:
            kind = forbidden_kind(address["host"])
            if kind is not None:
                raise _blocked(host, kind)
        return addresses

    async def close(self) -> None:
        await self._inner.close()


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


NO_SECRETS = Redactor()
