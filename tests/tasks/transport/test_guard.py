import asyncio
import base64
import html
import json
import socket
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tasks.transport.guard import (
    AddressBlocked,
    GuardedResolver,
    forbidden_kind,
    literal_address,
    matches_any,
    refuse_literal,
)
from tasks.transport.redactor import Redactor, is_common, secrets_named


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


WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a URL": lambda key: quote(key, safe=""),
    "in a URL in a URL": lambda key: quote(quote(key, safe=""), safe=""),
    "in a URL in small letters": lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    "in a form": quote_plus,
    "in JSON": lambda key: json.dumps(key)[1:-1],
    "in JSON as Unicode": lambda key: json.dumps(key, ensure_ascii=False)[1:-1],
    "in JSON for pages": lambda key: json.dumps(key).replace("/", "\\/").replace("&", "\\u0026")[1:-1],
    "in JSON in JSON": lambda key: json.dumps(json.dumps({"key": key})),
    "in JSON letter by letter": lambda key: "".join(f"\\u{unit}" for unit in _units(key)),
    "in HTML": html.escape,
    "in HTML in HTML": lambda key: html.escape(html.escape(key)),
    "in HTML letter by letter": lambda key: "".join(f"&#{ord(letter)};" for letter in key),
    "in base64": lambda key: base64.b64encode(key.encode()).decode(),
    "in base64 for URLs": lambda key: base64.urlsafe_b64encode(key.encode()).decode().rstrip("="),
    "in base64 behind a name": lambda key: base64.b64encode(f"ann:{key}".encode()).decode(),
    "in base64 in the midst": lambda key: base64.b64encode(f"xy{key}z".encode()).decode(),
    "in base64 in a URL": lambda key: quote(base64.b64encode(key.encode()).decode(), safe=""),
    "in base64 in JSON": lambda key: base64.b64encode(key.encode()).decode().replace("/", "\\/"),
    "in hexadecimal": lambda key: key.encode().hex(),
}


def _units(text: str) -> list[str]:
    written = text.encode("utf-16-be").hex()
    return [written[at : at + 4] for at in range(0, len(written), 4)]


@pytest.mark.parametrize("key", ["plain-Key-0001", "p@ss/w+rd=&\"x\\y <z>'", "schlüssel-ключ-😀-12"])
@pytest.mark.parametrize("how", WRITTEN)
def test_a_key_is_taken_out_however_it_is_written(key: str, how: str) -> None:
    text = f"before {WRITTEN[how](key)} after"
    redactor = Redactor(["another-one-9", key])

    taken_out = redactor.redact(text)

    assert "[redacted]" in taken_out
    assert taken_out.startswith("before ")
    assert taken_out.endswith(" after")
    assert WRITTEN[how](key) not in taken_out
    assert redactor.redact_bytes(text.encode()) == taken_out.encode()


@pytest.mark.parametrize(
    ("configured", "alone"),
    [
        ("Bearer sk-abc-123", "sk-abc-123"),
        ("Token token=abc-123-def", "abc-123-def"),
        ("ann:bsc-77-word", "bsc-77-word"),
        ("Basic " + base64.b64encode(b"ann:bsc-77-word").decode(), "bsc-77-word"),
        ("sid=cki-55-aa; theme=dark", "cki-55-aa"),
        ("http://ann:bsc%2F77-word@proxy.test:3128", "bsc/77-word"),
        ("https://mcp.test/sse?key=qry-12-ab", "qry-12-ab"),
    ],
)
def test_the_parts_of_a_value_that_are_keys_are_keys(configured: str, alone: str) -> None:
    redactor = Redactor([configured])

    assert redactor.redact(f"<{alone}>") == "<[redacted]>"
    assert redactor.redact("ann, dark, theme, https://mcp.test/sse, proxy.test") == (
        "ann, dark, theme, https://mcp.test/sse, proxy.test"
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        "abc",
        "x9#-",
        "EMPTY",
        "password",
        "DEMO_KEY",
        "your-api-key",
        "lm-studio",
        "admin1",
        "key-2024",
        "123456",
        "/home/me/data",
        "./data/x",
    ],
)
def test_what_anybody_may_say_is_left(value: str) -> None:
    assert is_common(value)
    assert Redactor([value]).redact(f"they said {value}.") == f"they said {value}."


@pytest.mark.parametrize("value", ["s3cret", "sk-its", "token-abc123", "1234567890", "correcthorsebattery"])
def test_what_nobody_says_by_chance_is_taken_out(value: str) -> None:
    assert Redactor([value]).redact(f"they said {value}.") == "they said [redacted]."


def test_json_stays_json_and_what_has_no_key_stays_the_same_text() -> None:
    redactor = Redactor(["1234567890123", "sk-abc-123"])
    said = '{"a": 1234567890123, "b": [1234567890123, 2], "c": "sk-abc-123 \\n \\"x\\""}'
    other = '{"a": 1.50, "b": "100 %, \\u00e9 &amp; so on"}'

    assert json.loads(redactor.redact(said)) == {
        "a": "[redacted]",
        "b": ["[redacted]", 2],
        "c": '[redacted] \n "x"',
    }
    assert redactor.redact(other) is other
    assert redactor.redact_bytes(b"\xff\xfe sk-abc-123") == b"\xff\xfe [redacted]"
    assert redactor.redact_json({"sk-abc-123": ["sk-abc-123", 7, None]}) == {
        "[redacted]": ["[redacted]", 7, None]
    }


def test_keys_are_those_of_the_named_variables_and_what_any_environment_may_hold() -> None:
    environment = {
        "A": "a-key-of-1",
        "B": "EMPTY",
        "C": "c-key-of-1",
        "HTTPS_PROXY": "http://u:px-key-1@proxy.test",
    }
    environment |= {"PREFECT_API_AUTH_STRING": "admin:pf-key-1", "HOME": "/home/me"}

    values, common = secrets_named(["A", "B", "UNSET"], environment)

    assert common == ["B"]
    assert Redactor(values).secrets == ("a-key-of-1", "admin:pf-key-1", "pf-key-1", "px-key-1")
