"""What a person sees while a stage runs: parts on their own with a clock of the test's."""

from __future__ import annotations

import io
import os
import pty
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import NoneType

import pytest
from rich.console import Console
from terminal import Screen

from flows.report import Voice, speaking
from flows.text.progress import LiveLine, PlainLines, Watch, display_of, live_line
from flows.text.progress_text import Standing
from tasks.frame.progress import Progress, ShardProgress, Snapshot
from tasks.llm.spending import Spent


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def progress() -> Progress:
    return Progress(Spent)


def terminal(width: int) -> tuple[Console, io.StringIO]:
    """Colours are what tells the bar's two halves apart: without them there is no second half."""
    out = io.StringIO()
    environ = {"TERM": "xterm"}
    return Console(file=out, width=width, force_terminal=True, color_system="standard", _environ=environ), out


def worked_on(shard: ShardProgress, size: int, *, rejected: int = 0) -> None:
    shard.take_up(size)
    shard.finish(size, rejected=rejected)


def ticking(seconds: int, clock: Clock, draw: Callable[[], object], each_second: Callable[[], None]) -> None:
    for _ in range(seconds):
        clock.now += 1
        each_second()
        draw()


def test_lines_come_every_ten_seconds(clock: Clock, progress: Progress) -> None:
    said: list[str] = []
    lines = PlainLines(Watch("probe", progress, clock), said.append)
    progress.expect(300, "API")
    shard = progress.shard(0)

    ticking(35, clock, lines.draw, lambda: worked_on(shard, 2, rejected=1))

    assert said == [
        "  probe     20/300 APIs, 10 rejected, 2.0/s, 2 min left",
        "  probe     40/300 APIs, 20 rejected, 2.0/s, 2 min left",
        "  probe     60/300 APIs, 30 rejected, 2.0/s, 2 min left",
    ]


def test_a_stage_of_less_than_ten_seconds_has_no_line(clock: Clock, progress: Progress) -> None:
    said: list[str] = []
    lines = PlainLines(Watch("probe", progress, clock), said.append)

    ticking(9, clock, lines.draw, lambda: None)
    lines.close()
    ticking(9, clock, lines.draw, lambda: None)

    assert said == []


def test_rows_that_an_earlier_run_finished_do_not_count_as_speed(clock: Clock, progress: Progress) -> None:
    watch = Watch("probe", progress, clock)
    progress.expect(1000, "API")
    watch.look()
    progress.settle(0, 900, 9, carried=True)
    shard = progress.shard(1)

    ticking(20, clock, watch.look, lambda: worked_on(shard, 1))

    standing = watch.look()
    assert standing.now.done == 920
    assert (standing.rate, standing.left_s) == pytest.approx((1, 80))


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (
            120,
            "  propose   "
            + "━╺"
            + "━" * 28
            + " 30/780 instructions, 4 rejected, 64 in flight, 12/s, 45k tokens, 62 s left",
        ),
        (80, "  propose   " + "━" * 10 + " 30/780 instructions, 4 rejected, 12/s, 62 s left"),
        (40, "  propose   " + "━" * 10 + " 30/780 instructi"),
    ],
)
def test_the_moving_line_fits_the_terminal(width: int, text: str) -> None:
    now = Snapshot(
        unit="instruction", total=780, done=30, rejected=4, in_flight=64, spent=Spent(9, 40_000, 5_000)
    )
    console, out = terminal(width)

    console.print(live_line(Standing("propose", now, 9, 12, 62), width))

    assert Screen(out.getvalue()).lines == [text]


@contextmanager
def standard_output_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ours, theirs = pty.openpty()
    with open(theirs, "w") as output, monkeypatch.context() as patch:  # noqa: PTH123 - no path
        patch.setattr(sys, "stdout", output)
        yield
    os.close(ours)


@pytest.mark.parametrize(
    ("env", "voice", "expected"),
    [
        ({"TERM": "xterm"}, Voice.NORMAL, LiveLine),
        ({"TERM": "dumb"}, Voice.NORMAL, PlainLines),
        ({"TERM": "xterm", "NO_COLOR": "1"}, Voice.NORMAL, PlainLines),
        ({"TERM": "xterm"}, Voice.VERBOSE, PlainLines),
        ({"TERM": "xterm"}, Voice.QUIET, NoneType),
    ],
)
def test_what_is_shown_in_a_terminal(
    env: dict[str, str], voice: Voice, expected: type, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    with speaking(voice), standard_output_of_a_terminal(monkeypatch):
        assert type(display_of(Watch("probe", progress))) is expected


@pytest.mark.parametrize("env", ["PATH", "FORCE_COLOR"])
def test_a_file_gets_plain_lines_even_with_colours_forced(
    env: str, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(env, "1")

    assert isinstance(display_of(Watch("probe", progress)), PlainLines)


def test_nothing_is_left_of_the_moving_line(clock: Clock, progress: Progress) -> None:
    console, out = terminal(100)
    line = LiveLine(Watch("probe", progress, clock), console)
    progress.expect(300, "API")

    ticking(3, clock, line.draw, lambda: None)
    shown = Screen(out.getvalue())
    line.close()
    line.draw()

    assert (shown.lines, shown.cursor_visible) == (["  probe     ━━━━━━━━━━━━━━━━ 0/300 APIs"], False)
    after = Screen(out.getvalue())
    assert (after.lines, after.cursor_visible) == ([], True)


def test_a_stage_that_is_over_at_once_writes_nothing(clock: Clock, progress: Progress) -> None:
    console, out = terminal(100)
    line = LiveLine(Watch("probe", progress, clock), console)
    progress.expect(300, "API")

    line.draw()
    line.close()

    assert out.getvalue() == ""
