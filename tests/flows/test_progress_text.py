from __future__ import annotations

import pytest

from flows.text.progress_text import Standing, amount, duration, fitting, parts, plain_line, speed
from tasks.frame.progress import Snapshot
from tasks.llm.spending import Spent

BUSY = Standing(
    "propose",
    Snapshot(
        unit="instruction",
        total=12_000,
        done=3_400,
        rejected=31,
        carried=100,
        in_flight=640,
        spent=Spent(400, 1_200_000, 240_000),
    ),
    seconds=30,
    rate=41.3,
    left_s=208,
)


@pytest.mark.parametrize(
    ("standing", "line"),
    [
        (
            BUSY,
            "  propose   3,400/12,000 instructions, 31 rejected, 640 in flight, 41/s, 1.4M tokens, "
            "3 min left",
        ),
        (Standing("crawl", Snapshot(unit="tool", total=52), 1), "  crawl     0/52 tools"),
        (
            Standing("propose", Snapshot(unit="row", total=9, note="1 batch under way, 3/9 answered"), 1),
            "  propose   0/9 rows, 1 batch under way, 3/9 answered",
        ),
        (Standing("select", Snapshot(), 12.3), "  select    12 s so far"),
        (
            Standing("endpoint", Snapshot(note="1 request tried again: no answer in time"), 130),
            "  endpoint  2 min so far, 1 request tried again: no answer in time",
        ),
        (
            Standing("probe", Snapshot(unit="API", total=9, done=9), 9, rate=0.05, left_s=0),
            "  probe     9/9 APIs",
        ),
    ],
)
def test_a_line_says_what_is_known(standing: Standing, line: str) -> None:
    assert plain_line(standing) == line


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (80, "3,400/12,000 instructions, 31 rejected, 41/s, 1.4M tokens, 3 min left"),
        (60, "3,400/12,000 instructions, 31 rejected, 41/s, 3 min left"),
        (50, "3,400/12,000 instructions, 41/s, 3 min left"),
        (40, "3,400/12,000 instructions, 3 min left"),
        (30, "3,400/12,000 instructions"),
        (10, "3,400/12,000 instructions"),
    ],
)
def test_where_room_is_short_what_matters_least_goes_first(width: int, text: str) -> None:
    assert fitting(parts(BUSY), width) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (950, "950"),
        (999, "999"),
        (1_000, "1k"),
        (45_321, "45k"),
        (999_499, "999k"),
        (999_500, "1.0M"),
        (1_431_796, "1.4M"),
        (9_960_000, "10M"),
        (123_456_789, "123M"),
        (2_100_000_000, "2.1B"),
    ],
)
def test_an_amount_has_three_digits_at_most(number: int, text: str) -> None:
    assert amount(number) == text


@pytest.mark.parametrize(
    ("per_second", "text"),
    [(123.4, "123/s"), (12.3, "12/s"), (9.94, "9.9/s"), (0.31, "0.3/s"), (0.099, "5.9/min"), (0, "0.0/min")],
)
def test_a_slow_speed_is_per_minute(per_second: float, text: str) -> None:
    assert speed(per_second) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "1 s"),
        (89, "89 s"),
        (91, "2 min"),
        (89 * 60, "89 min"),
        (90 * 60, "1 h 30 min"),
        (7_200, "2 h"),
        (23.9 * 3600, "23 h 54 min"),
        (24 * 3600, "1 d"),
        (50.4 * 3600, "2 d 2 h"),
    ],
)
def test_a_duration_is_no_finer_than_one_plans_by(seconds: float, text: str) -> None:
    assert duration(seconds) == text
