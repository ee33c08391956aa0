"""What the tries to call an API amount to (paper section 2.1: keep what works and says something).

And which verdicts of earlier runs still stand, so that their APIs need not be tried again.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from tasks.calling.outcome import CallResult, Outcome
from tasks.probing.contents import has_contents, value_of
from tasks.text_budget.shorten import json_text
from warehouse.tables.probing import Verdict

SLOW = "slow"
INEFFECTIVE = "ineffective"
NOTHING_CAME_BACK = frozenset({Outcome.CONNECTION_ERROR, Outcome.TIMEOUT})


def judge(
    api_id: str,
    results: Sequence[CallResult],
    *,
    max_latency_s: float,
    probed_at: datetime,
    conditions: str | None = None,
    arguments: Sequence[Mapping[str, Any]] = (),
) -> Verdict:
    """The verdict on an API from its tries, at least one, in order.  arguments: of each of them.

    works: it answered at the last try, or at most of them (an API that needs to wake up works, one that
    answered once and then broke does not).  effective: an answer has contents, and the median latency of
    its answers is at most `max_latency_s`.  kept: both.  reason: "ok", "ineffective", "slow", or else the
    most frequent outcome among the failures.
    """
    answers = [result for result in results if result.outcome is Outcome.OK]
    works = results[-1].outcome is Outcome.OK or len(answers) * 2 > len(results)
    example, answered = _best_answer(results, arguments)
    latency_ms = statistics.median(answer.latency_ms for answer in answers) if answers else None
    slow = latency_ms is not None and latency_ms > max_latency_s * 1000
    effective = works and example is not None and not slow
    reason = _reason(results, works=works, effective=effective, slow=slow)
    why = (result.detail for result in results if result.outcome in NOTHING_CAME_BACK and result.detail)
    return Verdict(
        api_id=api_id,
        works=works,
        effective=effective,
        kept=effective,
        reason=reason,
        detail=next(why, None) if reason in NOTHING_CAME_BACK else None,
        median_latency_ms=latency_ms,
        n_attempts=len(results),
        example_response=example,
        example_arguments=answered,
        probed_at=probed_at,
        conditions=conditions,
    )


def _reason(results: Sequence[CallResult], *, works: bool, effective: bool, slow: bool) -> str:
    if works:
        return SLOW if slow else Outcome.OK.value if effective else INEFFECTIVE
    failures = Counter(result.outcome.value for result in results if result.outcome is not Outcome.OK)
    most = max(failures.values())
    return next(
        word for word in reversed([result.outcome.value for result in results]) if failures[word] == most
    )


def _best_answer(
    results: Sequence[CallResult], arguments: Sequence[Mapping[str, Any]]
) -> tuple[str | None, str | None]:
    """JSON text of the answer with most to say, the first of equals, and of what it was called with; plain
    text as a JSON string.
    """
    bodies = {
        position: body
        for position, result in enumerate(results)
        if result.outcome is Outcome.OK and result.body is not None
        if has_contents(body := value_of(result.body))
    }
    texts = {position: json_text(body) for position, body in bodies.items()}
    best = max(texts, key=lambda position: len(texts[position]), default=None)
    if best is None:
        return None, None
    return texts[best], json_text(arguments[best]) if arguments else None


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
