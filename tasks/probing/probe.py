"""Trying an API a few times."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.calling.outcome import Caller, CallResult, Outcome
from tasks.probing.arguments import probe_arguments
from tasks.probing.judge import judge
from tasks.probing.params import ProbeParams
from tasks.shaping.shorten import json_text
from warehouse.tables.catalogue import Api
from warehouse.tables.probing import Probe, Verdict

_BODY_HEAD = 1000  # characters kept of a body in the history of probes
_LONGEST_PAUSE_S = 5.0

# Decided on our side: the same again, every time.
_POINTLESS = frozenset({Outcome.UNSAFE_SKIPPED, Outcome.BLOCKED, Outcome.INVALID_ARGUMENTS})
# The API's answer to these very arguments: others may fare better.
_ABOUT_ARGUMENTS = frozenset({Outcome.CLIENT_ERROR, Outcome.NOT_FOUND, Outcome.ERROR_MESSAGE, Outcome.EMPTY})


@dataclass(frozen=True)
class ProbeReport:
    """One row a try, and the verdict they add up to."""

    probes: tuple[Probe, ...]
    verdict: Verdict


async def probe_api(
    api: Api, caller: Caller, params: ProbeParams, *, run_id: str, now: datetime
) -> ProbeReport:
    """Calls an API `params.attempts` times and judges the results; `now` is the time of all its rows.

    The same request is sent again, so that an API which only stumbled is seen to work; other arguments are
    tried only after an answer that finds fault with these.  `caller` must not retry by itself.
    """
    probes: list[Probe] = []
    results: list[CallResult] = []
    variant = 0
    for attempt in range(params.attempts):
        arguments = probe_arguments(api, variant)
        result = await caller.call(api, arguments)
        results.append(result)
        probes.append(_probe(api, attempt, arguments, result, run_id=run_id, now=now))
        if result.outcome in _POINTLESS:
            break
        variant += result.outcome in _ABOUT_ARGUMENTS
        if attempt + 1 < params.attempts:
            await asyncio.sleep(_pause_s(result, params))
    verdict = judge(api.api_id, results, max_latency_s=params.max_latency_s, probed_at=now)
    return ProbeReport(tuple(probes), verdict)


def _pause_s(result: CallResult, params: ProbeParams) -> float:
    return max(params.spacing_s, min(result.retry_after or 0.0, _LONGEST_PAUSE_S))


def _probe(
    api: Api, attempt: int, arguments: Mapping[str, Any], result: CallResult, *, run_id: str, now: datetime
) -> Probe:
    return Probe(
        run_id=run_id,
        api_id=api.api_id,
        attempt=attempt,
        arguments=json_text(arguments),
        outcome=result.outcome.value,
        http_status=result.http_status,
        latency_ms=result.latency_ms,
        content_type=result.content_type,
        n_bytes=result.n_bytes,
        body_head=None if result.body is None else result.body[:_BODY_HEAD],
        probed_at=now,
    )
