"""What must not go out: calls to addresses inside our network.

The address guard is a resolver: it judges the very addresses that will be connected to, after redirects
as well, so that a name cannot be one thing when judged and another when used.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Annotated
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import AfterValidator

from tasks.errors import ToolloomError

_NAT64 = IPv6Network("64:ff9b::/96")
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


def _without_credentials(url: str) -> str:
    if "@" in urlsplit(url).netloc:
        raise ValueError("an address must hold no credentials: name their environment variable instead")
    return url


PublicUrl = Annotated[str, AfterValidator(_without_credentials)]
"""A URL without user and password."""
