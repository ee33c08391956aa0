"""Verdicts of earlier runs: which of them still stand, so that their APIs need not be tried again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from tasks.calling.outcome import Outcome
from tasks.probing.judge import NOTHING_CAME_BACK, SLOW
from warehouse.tables.probing import Verdict

_MAY_PASS = frozenset({outcome.value for outcome in Outcome if outcome.transient} | {SLOW})


class Again(StrEnum):
    """Which APIs are tried again although there is a verdict on them, under the same conditions."""

    OLD = "old"
    """Those whose verdict is older than `[probe] max_age`."""
    STALE = "stale"
    """Those, and those whose failure may have passed."""
    ALL = "all"


def stands(verdict: Verdict, conditions: str, *, now: datetime, max_age: timedelta, again: Again) -> bool:
    """Whether a verdict is as good as a new one.

    conditions: those that a new one would be made under.
    """
    if again is Again.ALL or verdict.conditions != conditions or now - verdict.probed_at > max_age:
        return False
    return again is Again.OLD or verdict.reason not in _MAY_PASS


def was_unreachable(verdict: Verdict | None) -> bool:
    """Whether nothing at all came back when the API was last tried."""
    return verdict is not None and verdict.reason in NOTHING_CAME_BACK


def reached_nothing(reasons: Iterable[str]) -> bool:
    """Whether all were out of reach: then it is worth another look, whatever was mended meanwhile."""
    told = list(reasons)
    return bool(told) and all(reason == Outcome.CONNECTION_ERROR for reason in told)
