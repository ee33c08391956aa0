from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tasks.errors import BadRow, RateLimited, ServerFailed
from tasks.transport.retry import Backoff, pause_asked_for, retry_after, retrying, retrying_in_thread

ROOT = Path(__file__).parents[3]
LAST_MINUTE = {"date": "Fri, 31 Dec 2027 23:59:29 GMT"}
NEVER = 1e9


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 7 "}, 7.0),
        ({"retry-after": "+7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "1.5e2"}, 150.0),
        ({"retry-after": "6m0.5s"}, 360.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "-3.5e400"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": "1²"}, None),
        ({"retry-after": "③"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "\uff13"}, None),
        ({"retry-after": "٣s"}, None),
        ({"retry-after": "1_000"}, None),
        ({"retry-after": "0x10"}, None),
        ({"retry-after": "7, 9"}, None),
        ({"retry-after": "\udcff7"}, None),
        ({"retry-after": "9" * 5000}, NEVER),
        ({"retry-after": "9" * 5000 + "h"}, NEVER),
        ({"retry-after": "9", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "9", "retry-after-ms": "²"}, 9.0),
        ({"retry-after-ms": "-20"}, 0.0),
        ({"retry-after-ms": "9" * 400}, NEVER),
        ({"retry-after": "Fri, 31 Dec 2027 23:59:59 GMT", **LAST_MINUTE}, 30.0),
        ({"retry-after": "Friday, 31-Dec-27 23:59:59 GMT", **LAST_MINUTE}, 30.0),
        ({"retry-after": "Fri Dec 31 23:59:59 2027", **LAST_MINUTE}, 30.0),
        ({"retry-after": "2027-12-31T23:59:59Z", **LAST_MINUTE}, 30.0),
        ({"retry-after": "1830297599", **LAST_MINUTE}, 30.0),
        ({"retry-after": "Fri, 31 Dec 2027 23:59:²9 GMT", **LAST_MINUTE}, None),
        ({"retry-after": "Mon, 01 Jan 99999999999 00:00:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT", "date": "²"}, 0.0),
        ({"x-ratelimit-reset": "9"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3", "x-ratelimit-reset-tokens": "6m0s"}, 3.0),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 1.0),
        (
            {
                "x-ratelimit-reset-requests": "20ms",
                "x-ratelimit-remaining-requests": "4999",
                "x-ratelimit-reset-tokens": "6m1.5s",
                "x-ratelimit-remaining-tokens": "0",
            },
            361.5,
        ),
        ({"x-ratelimit-reset": "1830297600", "date": "Fri, 31 Dec 2027 23:59:50 GMT"}, 10.0),
        ({"x-ratelimit-reset": "1830297600000", "date": "Fri, 31 Dec 2027 23:59:50 GMT"}, 10.0),
        (
            {
                "anthropic-ratelimit-tokens-reset": "2028-01-01T00:00:10Z",
                "date": "Fri, 31 Dec 2027 23:59:50 GMT",
            },
            20.0,
        ),
        ({"x-ratelimit-reset-tokens": "a while"}, None),
        ({"x-ratelimit-reset-tokens": "²", "x-ratelimit-remaining-tokens": "²"}, None),
        ({"x-ratelimit-limit-tokens": "9"}, None),
    ],
)
def test_the_pause_asked_for(headers: dict[str, str], seconds: float | None) -> None:
    assert pause_asked_for(headers) == seconds


def test_pauses_double_up_to_the_longest_however_often_it_fails() -> None:
    backoff = Backoff(0.5, 20.0)

    assert [backoff.pause_s(n) for n in (1, 2, 3, 6, 7, 5000)] == [0.5, 1.0, 2.0, 16.0, 20.0, 20.0]


def test_jitter_is_added_and_no_pause_is_longer_than_the_longest() -> None:
    pauses = [Backoff(1.0, 2.5, jitter_s=1.0).pause_s(n) for n in (1, 2) for _ in range(50)]

    assert 1.0 <= min(pauses) < max(pauses) <= 2.5
    assert len(set(pauses[:50])) > 1


def test_the_longest_pauses_differ_as_well() -> None:
    pauses = {Backoff(0.01, 0.05, jitter_s=0.04).pause_s(9) for _ in range(50)}

    assert 0.01 <= min(pauses) < max(pauses) <= 0.05


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        (None, 4.0),
        (ServerFailed("500"), 4.0),
        (RateLimited("429"), 4.0),
        (RateLimited("429", retry_after=0.0), 0.0),
        (RateLimited("429", retry_after=7.5), 7.5),
        (RateLimited("429", retry_after=3600.0), 20.0),
    ],
)
def test_a_server_says_how_long_to_wait(failure: Exception | None, seconds: float) -> None:
    assert Backoff(1.0, 20.0).pause_after(3, failure) == seconds


class Failing:
    """Fails in the given ways, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self.left = [*failures]
        self.n_calls = 0

    def __call__(self) -> str:
        self.n_calls += 1
        if self.left:
            raise self.left.pop(0)
        return "here"

    async def later(self) -> str:
        return self()


@pytest.mark.parametrize(
    ("failures", "outcome", "n_calls"),
    [
        ((), "here", 1),
        ((ServerFailed("a"), RateLimited("b", retry_after=0)), "here", 3),
        ((ServerFailed("a"), ServerFailed("b"), ServerFailed("c")), "c", 3),
        ((BadRow("no", "use"),), "use", 1),
    ],
)
def test_what_may_pass_is_tried_again_and_the_last_failure_raised(
    failures: tuple[Exception, ...], outcome: str, n_calls: int
) -> None:
    def told(way: str) -> tuple[str, int]:
        work = Failing(*failures)
        try:
            if way == "thread":
                said = retrying_in_thread(Backoff(0.001, 0.01), attempts=3)(work)
            else:
                said = asyncio.run(retrying(Backoff(0.001, 0.01), attempts=3)(work.later))
        except (ServerFailed, BadRow) as error:
            said = error.message
        return said, work.n_calls

    assert told("thread") == told("coroutine") == (outcome, n_calls)


def test_tenacity_is_set_up_in_one_place() -> None:
    using = [
        str(path.relative_to(ROOT))
        for folder in ("flows", "tasks", "warehouse", "sandbox")
        for path in (ROOT / folder).rglob("*.py")
        if "tenacity import" in path.read_text(encoding="utf-8")
    ]

    assert using == ["tasks/transport/retry.py"]
