"""Showing how far a stage is: a line that moves in a terminal, lines now and then elsewhere, a bar in the
Prefect UI.

All of it looks at the counters (`tasks.frame.progress`) from threads of its own: no row waits for a display.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Protocol, cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.logging import get_logger
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flows.report import Voice, say, voice
from flows.text.progress_text import Standing, fitting, parts, plain_line
from tasks.frame.progress import Progress

MEMORY_S = 60.0
ENOUGH_STEPS = 3
ENOUGH_S = 3.0
SHORTEST_S = 1.0


class Pace:
    """The rate of the recent past: rows and seconds count the less, the longer ago they were.

    What they weigh falls to a third within `MEMORY_S`.  A stall shows, since seconds go on counting.
    """

    def __init__(self) -> None:
        self._at: float | None = None
        self._done = 0
        self._steps = 0
        self._age = 0.0
        self._silence = 0.0
        self._rows = 0.0
        self._seconds = 0.0

    def observe(self, now: float, done: int) -> None:
        """`done` rows are finished at the time `now`, in seconds on any clock."""
        if done < self._done:  # something else is counted from here on
            self._at, self._steps = None, 0
            self._age = self._silence = self._rows = self._seconds = 0.0
        if self._at is not None:
            passed = now - self._at
            fading = math.exp(-passed / MEMORY_S)
            self._rows = self._rows * fading + (done - self._done)
            self._seconds = self._seconds * fading + passed
            self._age += passed
            self._silence += passed
            if done > self._done:
                self._steps += 1
                self._silence = 0.0
        self._at, self._done = now, done

    @property
    def rate(self) -> float | None:
        """Rows per second; None before there is enough to tell."""
        if self._steps < ENOUGH_STEPS or self._age < ENOUGH_S:
            return None
        return self._rows / self._seconds

    def seconds_for(self, rows: int) -> float | None:
        """How long so many more rows will take; None while nobody can tell.

        That is the case before there is enough to go by, and again when nothing at all was finished in a
        time that was said to be enough for everything: the last rows are the slow ones.
        """
        rate = self.rate
        if not rate:
            return None
        seconds = rows / rate
        return None if seconds < max(self._silence, SHORTEST_S) else seconds


LIVE_EVERY_S = 0.2
LINE_EVERY_S = 10.0
ARTIFACT_EVERY_S = 4.0
# A stage that is over sooner, a cached one above all, leaves no flicker.
WORTH_SHOWING_S = 0.5
LONG_S = 1.0  # where nothing is counted, only the time can be shown

STAGE_WIDTH = 9
SHORTEST_BAR, LONGEST_BAR = 10, 30
WORDS_WIDTH = 70  # where there is room for more, the bar has it

Clock = Callable[[], float]


@contextmanager
def shown(stage: str, progress: Progress) -> Iterator[None]:
    """Shows the stage while the block runs, as `flows.report.voice` wants it."""
    with _displayed(Watch(stage, progress)), _published(stage, progress):
        yield


class Watch:
    """Looks at a stage again and again, and so knows how fast it is."""

    def __init__(self, stage: str, progress: Progress, clock: Clock = time.monotonic) -> None:
        self._stage = stage
        self._progress = progress
        self._clock = clock
        self._began = clock()
        self._pace = Pace()

    def look(self) -> Standing:
        now, at = self._progress.snapshot(), self._clock()
        if now.total is None:
            return Standing(self._stage, now, at - self._began)
        self._pace.observe(at, now.worked)
        left_s = self._pace.seconds_for(now.total - now.done)
        return Standing(self._stage, now, at - self._began, self._pace.rate, left_s)


class Display(Protocol):
    """Draws when it is told to, until it is closed."""

    every_s: float

    def draw(self) -> None: ...

    def close(self) -> None: ...


@contextmanager
def _displayed(watch: Watch) -> Iterator[None]:
    display = display_of(watch)
    if display is None:
        yield
        return
    with _again_and_again(display.draw, display.every_s):
        try:
            yield
        finally:
            display.close()


def display_of(watch: Watch) -> Display | None:
    """What suits the voice and the standard output."""
    if voice() is Voice.QUIET:
        return None
    console = Console()
    if voice() is Voice.VERBOSE or not _can_move(console):
        return PlainLines(watch, say)
    return LiveLine(watch, console)


def _can_move(console: Console) -> bool:
    """FORCE_COLOR makes rich take a file for a terminal; who asks for no colours wants no codes at all."""
    return sys.stdout.isatty() and console.is_interactive and not os.environ.get("NO_COLOR")


class LiveLine:
    """One line at the bottom of the terminal; nothing is left of it when it is closed."""

    every_s = LIVE_EVERY_S

    def __init__(self, watch: Watch, console: Console) -> None:
        self._watch = watch
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._closed = False
        self._drawing = threading.Lock()

    def draw(self) -> None:
        standing = self._watch.look()
        if standing.seconds < (WORTH_SHOWING_S if standing.now.total is not None else LONG_S):
            return
        with self._drawing:
            if not self._closed:
                self._live.start()
                self._live.update(live_line(standing, self._live.console.width), refresh=True)

    def close(self) -> None:
        with self._drawing:
            self._closed = True
            if self._live.is_started:
                try:
                    self._live.stop()
                finally:  # a Ctrl-C at this very moment must not leave the cursor hidden
                    self._live.console.show_cursor()


def live_line(standing: Standing, width: int) -> RenderableType:
    """Stage, bar and words within `width` columns; the bar's length does not depend on the words."""
    now = standing.now
    stage = f"  {standing.stage:<{STAGE_WIDTH}}"
    room = width - len(stage) - 3
    length = max(SHORTEST_BAR, min(LONGEST_BAR, room - WORDS_WIDTH))
    bar = ProgressBar(total=now.total, completed=now.done, width=length, pulse=now.total is None)
    words = Text(fitting(parts(standing), room - length))
    words.truncate(room - length, overflow="crop")
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_row(Text(stage), bar, words)
    return line


class PlainLines:
    """A line every ten seconds, none for a stage that takes less."""

    every_s = 1.0

    def __init__(self, watch: Watch, say: Callable[[str], None]) -> None:
        self._watch = watch
        self._say = say
        self._due_s = LINE_EVERY_S
        self._closed = threading.Event()

    def draw(self) -> None:
        standing = self._watch.look()
        if standing.seconds >= self._due_s and not self._closed.is_set():
            self._due_s = standing.seconds + LINE_EVERY_S
            self._say(plain_line(standing))

    def close(self) -> None:
        self._closed.set()


@contextmanager
def _published(stage: str, progress: Progress) -> Iterator[None]:
    """The stage's progress artifact, up to date to a few seconds, and in the end exactly."""
    artifact = ProgressArtifact(stage, progress)
    with _again_and_again(artifact.publish, ARTIFACT_EVERY_S):
        yield
    artifact.publish()


class ProgressArtifact:
    """A bar in the Prefect UI, there from the first row on that this run works at."""

    def __init__(self, stage: str, progress: Progress) -> None:
        self._stage = stage
        self._progress = progress
        self._id: UUID | None = None
        self._published: tuple[float, str] | None = None
        self._failure = ""
        self._publishing = threading.Lock()

    def publish(self) -> None:
        now = self._progress.snapshot()
        if not now.total or not (now.worked or now.in_flight):
            return
        percent = min(100.0, 100 * now.done / now.total)
        words = f"{self._stage}: {now.done:,} of {now.total:,} {now.unit}s, {now.rejected:,} rejected"
        words += f", {now.told}" if now.told else ""
        with self._publishing:
            if (percent, words) != self._published:
                self._send(percent, words)

    def _send(self, percent: float, words: str) -> None:
        try:
            if self._id is None:
                key = f"progress-{self._stage}"
                self._id = cast("UUID", create_progress_artifact(percent, key=key, description=words))
            else:
                update_progress_artifact(self._id, percent, description=words)
        except Exception as error:  # noqa: BLE001 - whatever the server or its client may fail with: no run fails for a bar
            failure = f"{type(error).__name__}: {error}"
            if failure != self._failure:  # a server that stays away is told of once, not at every look
                get_logger("toolloom").warning("no progress artifact of %s: %s", self._stage, failure)
            self._failure = failure
        else:
            self._published, self._failure = (percent, words), ""


@contextmanager
def _again_and_again(act: Callable[[], None], every_s: float) -> Iterator[None]:
    """Calls `act` every so often, in a thread that knows the flow run, until the block ends."""
    ended = threading.Event()

    def go() -> None:
        while not ended.wait(every_s):
            try:
                act()
            except OSError:
                return  # nobody reads any more; what else is printed will say so

    threading.Thread(target=copy_context().run, args=(go,), name="toolloom-progress", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
