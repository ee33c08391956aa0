"""How fast a source is asked."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

from tasks.catalogue.crawl_state import HostLimiter


def test_requests_are_spaced() -> None:
    limiter = HostLimiter(at_once=4, per_second=50)
    moments = []
    for _ in range(4):
        with limiter:
            moments.append(time.monotonic())
    assert all(later - earlier >= 0.019 for earlier, later in pairwise(moments))


def test_no_more_are_let_in_than_at_once() -> None:
    limiter, inside, most = HostLimiter(at_once=2, per_second=10_000), [], []

    def ask() -> None:
        with limiter:
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 2


def test_a_pause_holds_for_those_who_wait_already() -> None:
    limiter, entered = HostLimiter(at_once=2, per_second=20), []

    def ask() -> None:
        with limiter:
            entered.append(time.monotonic())

    with limiter:
        waiting = threading.Thread(target=ask)
        waiting.start()
        limiter.pause(0.2)
        began = time.monotonic()
    waiting.join()
    assert entered[0] - began >= 0.19
