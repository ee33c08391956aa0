"""Probing every API of a crawl against the servers themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.calling.call import DirectCaller
from tasks.calling.outcome import CallResult
from tasks.calling.params import CallingParams
from tasks.probing.params import ProbeParams
from tasks.probing.probe import Prober, probe_api
from tasks.probing.siblings import Answers, levels_first, plans_of
from tasks.transport.client import HttpClient
from warehouse.tables.catalogue import Api
from warehouse.tables.probing import Verdict


def verdicts(apis: Sequence[Api], calling: CallingParams, *, attempts: int = 2) -> dict[str, Verdict]:
    """What probing finds out of each API, by the API's name."""
    return asyncio.run(_verdicts(apis, calling, ProbeParams(attempts=attempts, spacing_s=0)))


def called(api: Api, arguments: Mapping[str, Any], calling: CallingParams) -> CallResult:
    """What one call gives."""

    async def call() -> CallResult:
        async with _client(calling) as client:
            return await DirectCaller(client, calling).call(api, arguments)

    return asyncio.run(call())


def _client(calling: CallingParams) -> HttpClient:
    return HttpClient(
        timeout_s=calling.timeout_s,
        max_bytes=calling.max_bytes,
        concurrency=calling.concurrency,
        per_host_rps=calling.per_host_rps,
        resolve=calling.resolve,
        allow_hosts=calling.allow_hosts,
    )


async def _verdicts(apis: Sequence[Api], calling: CallingParams, params: ProbeParams) -> dict[str, Verdict]:
    plans = plans_of(apis)
    answers = Answers(source for plan in plans.values() for source in plan.sources)
    async with _client(calling) as client:
        caller = DirectCaller(client, calling)
        prober = Prober(caller=caller, params=params, run_id="run", plans=plans, answers=answers)
        reports = await asyncio.gather(*(probe_api(api, prober) for api in levels_first(apis, plans)))
    names = {api.api_id: api.api_name for api in apis}
    return {names[report.verdict.api_id]: report.verdict for report in reports}
