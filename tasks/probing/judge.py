"""What the tries to call an API amount to (paper section 2.1: keep what works and says something).

And which verdicts of earlier runs still stand, so that their APIs need not be tried again; why an API is
refused; and when so many are that it is the network.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.request import host_of
from tasks.errors import ConnectionFailed
from tasks.exact_json import digest_of
from tasks.probing.contents import has_contents, value_of
from tasks.text_budget.shorten import json_text
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Api
from warehouse.tables.probing import Verdict

STAGE = "probe"
SLOW = "slow"
INEFFECTIVE = "ineffective"
NOTHING_CAME_BACK = frozenset({Outcome.CONNECTION_ERROR, Outcome.TIMEOUT})
# Of these the call itself says why, without latencies or anything else that varies.
EXPLAINED = NOTHING_CAME_BACK | {Outcome.BLOCKED, Outcome.UNSAFE_SKIPPED}


# Decided on our side: the same again, every time.
POINTLESS = frozenset({Outcome.UNSAFE_SKIPPED, Outcome.BLOCKED, Outcome.INVALID_ARGUMENTS})


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
    why = (result.detail for result in results if result.outcome in EXPLAINED and result.detail)
    return Verdict(
        api_id=api_id,
        works=works,
        effective=effective,
        kept=effective,
        reason=reason,
        detail=next(why, None) if reason in EXPLAINED else None,
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


def conditions_of(apis: Iterable[Api], given: Mapping[str, object], shared: str) -> dict[str, str]:
    """What decides the verdict on each API besides the world, by `api_id`; a verdict stands while it is so.

    given: values that somebody wrote down for it.  shared: what decides those on all APIs alike.
    """
    return {
        api.api_id: digest_of(
            [api.fingerprint, shared, *([given[api.api_id]] if api.api_id in given else [])]
        )
        for api in apis
    }


def standing_verdicts(
    earlier: Mapping[str, Verdict],
    conditions: Mapping[str, str],
    *,
    now: datetime,
    max_age: timedelta,
    again: Again,
) -> dict[str, Verdict]:
    """Those of the earlier verdicts that stand, by `api_id`; none where all APIs were out of reach."""
    if reached_nothing(verdict.reason for verdict in earlier.values()):
        return {}
    return {
        api_id: verdict
        for api_id, verdict in earlier.items()
        if stands(verdict, conditions[api_id], now=now, max_age=max_age, again=again)
    }


ENOUGH_TO_TELL = 5


def refuse_lost_network(
    apis: Sequence[Api], verdicts: Sequence[Verdict], before: Mapping[str, Verdict]
) -> None:
    """A network that is down must not pass for a catalogue of dead APIs.

    It may be down when none of several hosts could be reached, or one that was before; a host alone that
    never was is its own trouble.  APIs that could not be reached before, either, or that were not called,
    tell nothing.  Raises `ConnectionFailed`, so that Prefect tries the shard again and nothing is cached.
    """
    telling = [
        verdict
        for verdict in verdicts
        if verdict.reason not in POINTLESS and not was_unreachable(before.get(verdict.api_id))
    ]
    if len(telling) < ENOUGH_TO_TELL or not all(map(was_unreachable, telling)):
        return
    hosts = {api.api_id: host_of(api) for api in apis}
    named = {hosts[verdict.api_id]: verdict.detail or hosts[verdict.api_id] for verdict in reversed(telling)}
    if len(named) > 1 or any(verdict.api_id in before for verdict in telling):
        raise ConnectionFailed(
            f"none of {len(telling)} APIs could be reached at {len(named)} "
            f"{'host' if len(named) == 1 else 'hosts'} ({'; '.join(sorted(named.values())[:3])})",
            fix="check the network and `[calling] resolve`, then run the same command again",
        )


TO_DO: Mapping[str, str] = {
    Outcome.BLOCKED: "[calling] allow_hosts names private addresses that may be called",
    Outcome.UNAUTHORIZED: "`[calling] keys` names the keys of hosts",
    Outcome.LOGIN_PAGE: "it shows a page to log in at; `[calling] keys` names the keys of hosts, `key_as` "
    "how they are sent",
}


def reject_of(verdict: Verdict, skipped: Mapping[str, str]) -> Reject:
    """skipped: why an API is not called at all, by `api_id`.

    Nothing in it varies from run to run: the latencies are in `probes`.
    """
    why, to_do = verdict.detail, TO_DO.get(verdict.reason)
    if verdict.api_id in skipped:
        detail = skipped[verdict.api_id]
    elif verdict.reason in {Outcome.BLOCKED, Outcome.UNSAFE_SKIPPED}:
        detail = "; ".join(
            ["not called" if why is None else f"not called: {why}", *([to_do] if to_do else [])]
        )
    else:
        tries = "1 try" if verdict.n_attempts == 1 else f"{verdict.n_attempts} tries"
        said = "it answered, but" if verdict.works else "no usable answer,"
        why = why or to_do
        detail = f"{tries}: {said} {verdict.reason}" + (f" ({why})" if why else "")
    return Reject(stage=STAGE, row_id=verdict.api_id, reason=verdict.reason, detail=detail)
