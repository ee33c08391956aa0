"""Trying an API a few times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tasks.calling.outcome import Caller, CallResult, Outcome
from tasks.llm.chat import ChatModel
from tasks.probing.answers import Answers
from tasks.probing.arguments import Found, Trials
from tasks.probing.asking import asked_arguments
from tasks.probing.contents import has_contents, value_of
from tasks.probing.judge import judge
from tasks.probing.leaves import leaves_of
from tasks.probing.params import ProbeParams
from tasks.probing.siblings import Answered, Source, identifiers
from tasks.shaping.shorten import json_text
from warehouse.tables.catalogue import Api
from warehouse.tables.probing import Probe, ShapeLeaf, Verdict

_BODY_HEAD = 1000  # characters kept of a body in the history of probes
_LONGEST_PAUSE_S = 30.0

# Decided on our side: the same again, every time.
POINTLESS = frozenset({Outcome.UNSAFE_SKIPPED, Outcome.BLOCKED, Outcome.INVALID_ARGUMENTS})
# The API's answer to these very arguments: others may fare better.
_ABOUT_ARGUMENTS = frozenset({Outcome.CLIENT_ERROR, Outcome.NOT_FOUND, Outcome.ERROR_MESSAGE, Outcome.EMPTY})

_ALWAYS_SENT = frozenset({"GET", "HEAD"})


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Prober:
    """What the probes of many APIs have in common.

    caller: must not retry by itself.  sources, answers: see `siblings`.  model: fills in what nothing else
    does; None: nobody does.  conditions: what decides a verdict besides the world, by `api_id`.
    """

    caller: Caller
    params: ProbeParams
    run_id: str
    sources: Mapping[str, Source] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    model: ChatModel | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], datetime] = _now


@dataclass(frozen=True)
class ProbeReport:
    """One row a try, and the verdict they add up to."""

    probes: tuple[Probe, ...]
    verdict: Verdict


async def probe_api(api: Api, prober: Prober) -> ProbeReport:
    """Calls an API `attempts` times, `spacing_s` apart, and judges the results.

    The same request is sent again, so that an API which only stumbled is seen to work; other arguments are
    tried only after an answer that finds fault with these, or has nothing to say.  Raises StopRun as the
    model does.
    """
    with prober.answers.probing(api.api_id):
        probing = _Probing(api, prober)
        for attempt in range(prober.params.attempts):
            if attempt:
                await asyncio.sleep(_pause_s(probing.tried[-1][1], prober.params))
            if await probing.attempt(attempt) in POINTLESS:
                break
        return probing.report()


def _pause_s(result: CallResult, params: ProbeParams) -> float:
    return max(params.spacing_s, min(result.retry_after or 0.0, _LONGEST_PAUSE_S))


class _Probing:
    """The tries of one API so far."""

    def __init__(self, api: Api, prober: Prober) -> None:
        self.tried: list[tuple[dict[str, Any], CallResult]] = []
        self._api = api
        self._prober = prober
        self._trials = Trials(api)
        self._probes: list[Probe] = []
        self._variant = 0
        self._siblings: Sequence[Mapping[str, Any]] | None = None
        self._guessed: dict[str, Any] | None = None

    def report(self) -> ProbeReport:
        verdict = judge(
            self._api.api_id,
            [result for _, result in self.tried],
            max_latency_s=self._prober.params.max_latency_s,
            probed_at=self._probes[-1].probed_at,
            conditions=self._prober.conditions.get(self._api.api_id),
        )
        return ProbeReport(tuple(self._probes), verdict)

    async def attempt(self, attempt: int) -> Outcome:
        """One more try; its outcome."""
        arguments = await self._arguments(last=attempt + 1 == self._prober.params.attempts)
        began = self._prober.clock()
        result = await self._prober.caller.call(self._api, arguments)
        self.tried.append((arguments, result))
        value = value_of(result.body) if result.outcome is Outcome.OK and result.body is not None else None
        self._learn(arguments, result, value)
        shape = None if value is None else leaves_of(value)
        self._probes.append(self._row(attempt, arguments, result, began, shape))
        return result.outcome

    def _learn(self, arguments: dict[str, Any], result: CallResult, value: Any) -> None:
        """What to try next, and what siblings may take from the answer."""
        if value is not None and result.body is not None and has_contents(value):
            self._prober.answers.put_up(self._api.api_id, Answered(arguments, result.body))
        elif value is not None or result.outcome in _ABOUT_ARGUMENTS:
            self._variant += 1

    async def _arguments(self, *, last: bool) -> dict[str, Any]:
        found = Found(siblings=await self._from_siblings())
        missing = self._trials.unfilled(found)
        # All tries so far found fault with the arguments, and there are some to change.
        refused = last and 0 < self._variant == len(self.tried) and bool(self._api.parameters)
        model = self._prober.model
        # Whether another method may be used at all, the first try shows at no cost.
        sent = bool(self.tried) or self._api.method.upper() in _ALWAYS_SENT
        if model is not None and self._guessed is None and sent and (missing or refused):
            wanted = missing or self._trials.needed
            self._guessed = await asked_arguments(self._api, wanted, self.tried, model)
        guessed = self._guessed or {}
        arguments = self._trials.arguments(self._variant, replace(found, guessed=guessed))
        return arguments | guessed if refused else arguments

    async def _from_siblings(self) -> Sequence[Mapping[str, Any]]:
        """Identifiers from the list operation, awaited where the documentation shows none that works."""
        source = self._prober.sources.get(self._api.api_id)
        if source is None:
            return ()
        needed = self._variant > 0 or not self._trials.shows(source.parameter.arg_name)
        if self._siblings is None and needed:
            answered = await self._prober.answers.of(source.list_api_id)
            self._siblings = () if answered is None else identifiers(source, answered)
        return self._siblings or ()

    def _row(
        self,
        attempt: int,
        arguments: Mapping[str, Any],
        result: CallResult,
        began: datetime,
        shape: tuple[ShapeLeaf, ...] | None,
    ) -> Probe:
        return Probe(
            run_id=self._prober.run_id,
            api_id=self._api.api_id,
            attempt=attempt,
            arguments=json_text(arguments),
            outcome=result.outcome.value,
            http_status=result.http_status,
            latency_ms=result.latency_ms,
            content_type=result.content_type,
            n_bytes=result.n_bytes,
            body_head=None if result.body is None else result.body[:_BODY_HEAD],
            probed_at=began,
            shape=shape,
        )
