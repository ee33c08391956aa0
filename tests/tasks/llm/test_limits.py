from __future__ import annotations

import pytest

from tasks.llm.limits import pause_asked_for


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9", "retry-after-ms": "1500"}, 1.5),
        (
            {"retry-after": "Fri, 31 Dec 2027 23:59:59 GMT", "date": "Fri, 31 Dec 2027 23:59:29 GMT"},
            30.0,
        ),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
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
        ({"x-ratelimit-limit-tokens": "9"}, None),
    ],
)
def test_the_pause_asked_for(headers: dict[str, str], seconds: float | None) -> None:
    assert pause_asked_for(headers) == seconds
