"""Who may ask the Prefect server: programs of this machine and the server's own pages."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flows.prefect.guarded_server import guarded, is_loopback, refused

PORT = 4200
OURS = "127.0.0.1:4200"


def asks(host: str | None = OURS, **others: str) -> bool:
    """Whether the request is let through."""
    named = {name.replace("_", "-"): value for name, value in others.items()}
    headers = {**({} if host is None else {"host": host}), **named}
    return not refused([(name.encode(), value.encode()) for name, value in headers.items()], PORT)


@pytest.mark.parametrize(
    "host", [OURS, "localhost:4200", "LOCALHOST:4200", "[::1]:4200", "localhost:8080", "localhost"]
)
def test_a_program_of_this_machine_may_ask(host: str) -> None:
    assert asks(host)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.test",
        "evil.test:4200",
        "127.0.0.1.evil.test:4200",
        "localhost.evil.test:4200",
        "localhost.:4200",
        "localhost@evil.test",
        "evil.test@localhost",
        "localhost:4200/evil.test",
        "192.168.0.7:4200",
        "0.0.0.0:4200",
        "localhost:port",
        "[::1",
    ],
)
def test_whoever_takes_us_for_another_host_may_not(host: str | None) -> None:
    assert not asks(host)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (OURS, "http://127.0.0.1:4200"),
        (OURS, "http://localhost:4200"),  # the UI opened by this name asks the address it was told
        ("localhost:8080", "http://localhost:8080"),  # a port forwarded to ours
    ],
)
def test_our_own_pages_may_ask(host: str, origin: str) -> None:
    assert asks(host, origin=origin, sec_fetch_site="same-origin")


def test_a_link_is_followed_and_a_form_is_not_sent() -> None:
    page = {"host": OURS, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    headers = [
        (name.encode(), value.encode()) for name, value in {**page, "sec-fetch-dest": "document"}.items()
    ]
    assert [refused(headers, PORT, method) for method in ("GET", "POST", "DELETE")] == [False, True, True]


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.test",
        "http://evil.test:4200",
        "http://127.0.0.1:3000",
        "http://localhost",
        "https://127.0.0.1:4200",
        "file://",
        "http://127.0.0.1:4200.evil.test",
        "http://evil.test@127.0.0.1:4200",
    ],
)
def test_pages_of_others_may_not(origin: str) -> None:
    assert not asks(OURS, origin=origin)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_from_elsewhere_opens_and_nothing_else_does(site: str) -> None:
    assert asks(sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest="document")
    assert not asks(sec_fetch_site=site, sec_fetch_mode="navigate", sec_fetch_dest="iframe")
    assert not asks(sec_fetch_site=site, sec_fetch_mode="no-cors", sec_fetch_dest="image")
    assert not asks(sec_fetch_site=site)


def test_a_header_that_comes_twice_has_to_do_both_times() -> None:
    twice = [(b"host", OURS.encode()), (b"host", b"evil.test")]
    origins = [
        (b"host", OURS.encode()),
        (b"origin", b"http://127.0.0.1:4200"),
        (b"origin", b"http://evil.test"),
    ]

    assert refused(twice, PORT)
    assert refused(origins, PORT)
    assert refused(
        [(b"host", OURS.encode()), (b"sec-fetch-site", b"none"), (b"sec-fetch-site", b"cross-site")], PORT
    )


@pytest.mark.parametrize(
    ("kind", "sent"), [("http", {"status": 403}), ("websocket", {"type": "websocket.close", "code": 1008})]
)
def test_what_is_refused_never_reaches_prefect(kind: str, sent: dict[str, Any]) -> None:
    answers: list[Any] = []

    async def prefect(*_: Any) -> None:
        answers.append("reached")

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        answers.append(message)

    async def ask(host: bytes) -> None:
        await guarded(prefect, PORT)({"type": kind, "headers": [(b"host", host)]}, receive, send)

    asyncio.run(ask(b"evil.test"))
    refusal, answers = answers, []
    asyncio.run(ask(OURS.encode()))

    assert sent.items() <= refusal[0].items()
    assert "reached" not in refusal
    assert answers == ["reached"]


def test_reports_are_held_to_the_same_hosts() -> None:
    assert is_loopback("127.0.0.1:4201")
    assert not is_loopback("evil.test:4201")
