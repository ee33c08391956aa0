import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tasks.transport.guard import (
    AddressBlocked,
    GuardedResolver,
    Redactor,
    forbidden_kind,
    literal_address,
    matches_any,
    refuse_literal,
)


class Names(AbstractResolver):
    """Resolves from a table."""

    def __init__(self, **addresses: list[str]) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses[host]
        ]

    async def close(self) -> None:
        self.addresses = {}


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.8.9.1", "loopback"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("169.254.169.254", "link-local"),
        ("0.0.0.0", "unspecified"),  # noqa: S104
        ("224.0.0.1", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("192.0.2.1", "private"),
        ("8.8.8.8", None),
        ("::1", "loopback"),
        ("::", "unspecified"),
        ("fe80::1%eth0", "link-local"),
        ("fc00::1", "private"),
        ("fec0::1", "private"),
        ("ff02::1", "multicast"),
        ("::127.0.0.1", "reserved"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:10.1.2.3", "private"),
        ("::ffff:8.8.8.8", None),
        ("64:ff9b::7f00:1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "link-local"),
        ("64:ff9b::808:808", None),
        ("64:ff9b:1::808:808", "reserved"),
        ("2002:7f00:1::", "loopback"),
        ("2002:808:808::", None),
        ("2001:db8::1", "private"),
        ("2606:4700::1", None),
    ],
)
def test_addresses_inside_a_network_are_told_from_public_ones(address: str, kind: str | None) -> None:
    assert forbidden_kind(address) == kind


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("example.com", None),
        ("127.1", None),
        ("2130706433", None),
    ],
)
def test_literal_addresses_are_recognised(host: str, address: str | None) -> None:
    assert literal_address(host) == address


def test_a_forbidden_literal_is_refused_with_the_way_out() -> None:
    with pytest.raises(AddressBlocked) as caught:
        refuse_literal("169.254.169.254", ["10.*"])
    assert str(caught.value) == (
        "169.254.169.254 is a link-local address\n"
        '  fix: when it is meant, list "169.254.169.254" in [calling] allow_hosts'
    )


@pytest.mark.parametrize("host", ["8.8.8.8", "example.com", "10.1.1.1"])
def test_public_listed_and_named_hosts_pass_as_literals(host: str) -> None:
    refuse_literal(host, ["10.*"])


def test_a_name_with_any_forbidden_address_is_refused() -> None:
    resolver = GuardedResolver(Names(mixed=["8.8.8.8", "10.0.0.7"]), [])
    with pytest.raises(AddressBlocked, match="mixed is a private address"):
        asyncio.run(resolver.resolve("mixed", 80))


def test_a_name_that_becomes_private_is_refused_from_then_on() -> None:
    names = Names(flips=["8.8.8.8"])
    resolver = GuardedResolver(names, [])

    async def resolve_twice() -> None:
        await resolver.resolve("flips", 80)
        names.addresses["flips"] = ["10.0.0.7"]
        with pytest.raises(AddressBlocked, match="flips is a private address"):
            await resolver.resolve("flips", 80)

    asyncio.run(resolve_twice())


def test_public_and_listed_names_resolve() -> None:
    resolver = GuardedResolver(Names(public=["8.8.8.8"], inside=["10.0.0.7"]), ["INS*"])

    async def resolve(host: str) -> list[str]:
        return [address["host"] for address in await resolver.resolve(host, 80)]

    assert (asyncio.run(resolve("public")), asyncio.run(resolve("inside"))) == (["8.8.8.8"], ["10.0.0.7"])


def test_host_globs_ignore_case() -> None:
    assert matches_any("API.Sandbox.Test", ["*.sandbox.test"])
    assert not matches_any("sandbox.test.evil.com", ["*.sandbox.test"])


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("key=p@ss/word!", "key=[redacted]"),
        ("https://api.test/?key=p%40ss%2Fword%21&q=1", "https://api.test/?key=[redacted]&q=1"),
        ("Authorization: Basic cEBzcy93b3JkIQ==", "Authorization: Basic [redacted]"),
        ('{"echo":"p@ss\\/word!"}', '{"echo":"[redacted]"}'),
        ("a short word: abc", "a short word: abc"),
    ],
)
def test_secrets_are_taken_out_in_all_their_forms(text: str, redacted: str) -> None:
    assert Redactor(["p@ss/word!", "abc", ""]).redact(text) == redacted
