from __future__ import annotations

from collections.abc import Callable

import pytest

from flows.text.progress import Pace


def paced(seconds: int, done_at: Callable[[int], int]) -> Pace:
    pace = Pace()
    for second in range(seconds + 1):
        pace.observe(second, done_at(second))
    return pace


@pytest.mark.parametrize(
    ("seconds", "done_at", "rate"),
    [
        pytest.param(2, lambda second: 10 * second, None, id="too soon"),
        pytest.param(60, lambda second: 10 * (second > 5), None, id="one burst"),
        pytest.param(3, lambda second: 10 * second, 10.0, id="just enough"),
        pytest.param(600, lambda second: 10 * second, 10.0, id="steady"),
        pytest.param(600, lambda second: max(1000, 10 * second - 1000), 10.0, id="after a long stall"),
        pytest.param(600, lambda second: min(20 * second, 11_000), 8.7, id="in a stall for 50 s"),
    ],
)
def test_the_rate_is_that_of_the_recent_past(
    seconds: int, done_at: Callable[[int], int], rate: float | None
) -> None:
    assert paced(seconds, done_at).rate == (None if rate is None else pytest.approx(rate, rel=0.05))


def test_what_was_there_at_the_first_look_counts_as_nothing() -> None:
    assert paced(10, lambda second: 5000 + 2 * second).rate == pytest.approx(2)


@pytest.mark.parametrize(
    ("silent_s", "rows", "left_s"),
    [
        pytest.param(0, 300, 30, id="steady"),
        pytest.param(0, 5, None, id="too short to name"),
        pytest.param(5, 300, 32.5, id="a short silence"),
        pytest.param(20, 100, None, id="longer silent than all the rest was to take"),
    ],
)
def test_the_time_left_is_said_only_while_it_can_be_told(
    silent_s: int, rows: int, left_s: float | None
) -> None:
    pace = paced(100 + silent_s, lambda second: 10 * min(second, 100))

    assert pace.seconds_for(rows) == (None if left_s is None else pytest.approx(left_s, rel=0.05))
