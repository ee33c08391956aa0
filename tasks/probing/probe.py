"""Trying an API a few times."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from tasks.calling.outcome import Caller, CallResult, Outcome
from tasks.calling.request import host_of
from tasks.llm.chat import ChatModel
from tasks.probing.arguments import Fault, Found, Trials
from tasks.probing.asking import asked_arguments
from tasks.probing.contents import has_contents, leaves_of, value_of
from tasks.probing.identifiers import Answered
from tasks.probing.judge import POINTLESS, judge, was_unreachable
from tasks.probing.params import ProbeParams
from tasks.probing.siblings import Answers, Plan, Sought, fillings, plans_of
from tasks.text_budget.shorten import json_text
from tasks.transport.kvstore import Scratch
from warehouse.tables.catalogue import Api
from warehouse.tables.probing import Probe, ShapeLeaf, Verdict

_BODY_HEAD = 1000  # characters kept of a body in the history of probes
_LONGEST_PAUSE_S = 30.0

# The API's answer to these very arguments: others may fare better.
_ABOUT_ARGUMENTS = frozenset({Outcome.CLIENT_ERROR, Outcome.NOT_FOUND, Outcome.ERROR_MESSAGE, Outcome.EMPTY})

# What the arguments name is not there, or holds nothing: the same with more options would not be, either.
_GONE = frozenset({Outcome.OK, Outcome.EMPTY, Outcome.NOT_FOUND})

_ALWAYS_SENT = frozenset({"GET", "HEAD"})


PAUSE_S = 1.0  # between tries to reach a host that has never answered, at most
_FAILURES = 3
_FOR_S = 2.0  # so long a host has to be out of reach; one that restarts is back


@dataclass
class _Host:
    heard: bool = False
    failures: list[float] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = ""


class Hosts:
    """Which hosts were heard of, and which are out of reach; used in one event loop.

    One is out of reach when nothing of it was ever heard, and some calls in a row, over a time, did not get
    as far as to it.  What is called there afterwards, or waits for its turn, fails with the same words: the
    rows are those that further calls would have given.  clock: for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._hosts: dict[str, _Host] = {}
        self._clock = clock

    def is_silent(self, name: str) -> bool:
        """Whether it was called, and nothing has come back yet."""
        host = self._hosts.get(name)
        return host is not None and bool(host.failures) and not host.heard

    async def called(self, name: str, call: Callable[[], Awaitable[CallResult]]) -> CallResult:
        """The result of the call, or of one like it to a host that is out of reach."""
        host = self._hosts.setdefault(name, _Host())
        if host.heard:
            return await call()
        if host.gone.is_set():
            return _out_of_reach(host)
        calling = asyncio.ensure_future(call())
        giving_up = asyncio.ensure_future(host.gone.wait())
        try:
            await asyncio.wait((calling, giving_up), return_when=asyncio.FIRST_COMPLETED)
            if not calling.done():
                return _out_of_reach(host)
            result = calling.result()
        finally:
            for task in (calling, giving_up):
                task.cancel()
            await asyncio.gather(calling, giving_up, return_exceptions=True)
        self._note(host, result)
        return result

    def _note(self, host: _Host, result: CallResult) -> None:
        if not result.unreached:
            host.heard = host.heard or result.outcome not in {
                Outcome.UNSAFE_SKIPPED,
                Outcome.INVALID_ARGUMENTS,
            }
            return
        host.failures.append(self._clock())
        host.why = host.why or result.detail
        lasting = self._clock() - host.failures[0] >= _FOR_S
        if not host.heard and len(host.failures) >= _FAILURES and lasting:
            host.gone.set()


def _out_of_reach(host: _Host) -> CallResult:
    return CallResult(outcome=Outcome.CONNECTION_ERROR, detail=host.why, unreached=True)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Prober:
    """What the probes of many APIs have in common.

    caller: must not retry by itself.  plans, answers: see `siblings`.  given: values that somebody wrote
    down, by `api_id` and `arg_name`.  model: fills in what nothing else does; None: nobody does.
    conditions: what decides a verdict besides the world, by `api_id`.
    """

    caller: Caller
    params: ProbeParams
    run_id: str
    plans: Mapping[str, Plan] = field(default_factory=dict)
    given: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    model: ChatModel | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)
    hosts: Hosts = field(default_factory=Hosts)
    clock: Callable[[], datetime] = _now

    @classmethod
    def of(cls, apis: Sequence[Api], standing: Mapping[str, Verdict], **shared: Any) -> Prober:
        """For these APIs, some of which need not be tried, as their earlier verdicts stand: others take what
        they need from the answers that those hold.
        """
        plans = plans_of(apis)
        sources = {source for plan in plans.values() for source in plan.sources}
        earlier = {
            api_id: Answered(
                json.loads(verdict.example_arguments or "{}"),
                verdict.example_response,
                api_id,
                plans[api_id].operation.about,
            )
            for api_id, verdict in standing.items()
            if api_id in sources and verdict.example_response is not None
        }
        answers = Answers(expected=sources - standing.keys(), earlier=earlier)
        return cls(plans=plans, answers=answers, **shared)


@dataclass(frozen=True)
class ProbeReport:
    """One row a try, the verdict they add up to, and the answer that others may learn from."""

    probes: tuple[Probe, ...]
    verdict: Verdict
    told: Answered | None = None


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
                await asyncio.sleep(probing.pause_s())
            if await probing.attempt(attempt) in POINTLESS:
                break
        return probing.report()


class _Probing:
    """The tries of one API so far."""

    def __init__(self, api: Api, prober: Prober) -> None:
        self.tried: list[tuple[dict[str, Any], CallResult]] = []
        self._api = api
        self._prober = prober
        self._host = urlsplit(api.url).netloc
        self._given = prober.given.get(api.api_id, {})
        self._trials = Trials(api, self._given)
        self._probes: list[Probe] = []
        self._faults: list[Fault] = []
        self._told: Answered | None = None
        self._found: dict[tuple[str, ...], Found] = {}
        self._guessed: dict[str, Any] | None = None

    def report(self) -> ProbeReport:
        verdict = judge(
            self._api.api_id,
            [result for _, result in self.tried],
            max_latency_s=self._prober.params.max_latency_at(host_of(self._api)),
            probed_at=self._probes[-1].probed_at,
            conditions=self._prober.conditions.get(self._api.api_id),
            arguments=[arguments for arguments, _ in self.tried],
        )
        # A copy, without what was looked through in it meanwhile.
        told = None if self._told is None else replace(self._told)
        return ProbeReport(tuple(self._probes), verdict, told)

    def pause_s(self) -> float:
        """Before the next try; short where it is the host that is not there."""
        spacing_s = self._prober.params.spacing_at(host_of(self._api))
        if self._prober.hosts.is_silent(self._host):
            return min(spacing_s, PAUSE_S)
        return max(spacing_s, min(self.tried[-1][1].retry_after or 0.0, _LONGEST_PAUSE_S))

    async def attempt(self, attempt: int) -> Outcome:
        """One more try; its outcome."""
        arguments = await self._arguments(last=attempt + 1 == self._prober.params.attempts)
        began = self._prober.clock()
        result = await self._prober.hosts.called(
            self._host, lambda: self._prober.caller.call(self._api, arguments)
        )
        self.tried.append((arguments, result))
        value = value_of(result.body) if result.outcome is Outcome.OK and result.body is not None else None
        self._learn(arguments, result, value)
        shape = None if value is None else leaves_of(value)
        self._probes.append(self._row(attempt, arguments, result, began, shape))
        return result.outcome

    def _learn(self, arguments: dict[str, Any], result: CallResult, value: Any) -> None:
        """What to try next, and what siblings may take from the answer."""
        api_id = self._api.api_id
        if value is not None and result.body is not None and has_contents(value):
            if self._told is None and self._prober.answers.expects(api_id):
                about = self._prober.plans[api_id].operation.about if api_id in self._prober.plans else ()
                self._told = Answered(arguments, result.body, api_id, about)
                self._prober.answers.put_up(api_id, self._told)
        elif value is not None or result.outcome in _ABOUT_ARGUMENTS:
            self._faults.append(Fault(arguments, gone=result.outcome in _GONE))

    async def _arguments(self, *, last: bool) -> dict[str, Any]:
        found = await self._from_siblings()
        missing = self._trials.unfilled(found)
        # All tries so far found fault with the arguments, and there are some to change.
        refused = last and 0 < len(self._faults) == len(self.tried) and bool(self._api.parameters)
        model = self._prober.model
        # Whether another method may be used at all, the first try shows at no cost.
        sent = bool(self.tried) or self._api.method.upper() in _ALWAYS_SENT
        if model is not None and self._guessed is None and sent and (missing or refused):
            wanted = missing or self._trials.needed
            self._guessed = await asked_arguments(self._api, wanted, self.tried, model)
        guessed = {name: value for name, value in (self._guessed or {}).items() if name not in self._given}
        arguments = self._trials.arguments(self._faults, replace(found, guessed=guessed))
        return arguments | guessed if refused else arguments

    async def _from_siblings(self) -> Found:
        """What siblings tell, awaited where nothing else shows a value that works.

        Those that list such things are heard first, and all others only about what these do not tell.
        """
        plan = self._prober.plans.get(self._api.api_id)
        wanted = () if plan is None else tuple(filter(self._wants, plan.sought))
        names = tuple(each.arg_name for each in wanted)
        if plan is None or not wanted:
            return Found()
        if names not in self._found:
            answers = await self._answers(source for each in wanted for source in each.sources)
            sets = fillings(plan, wanted, answers)
            if {name for each in sets for name in each} < set(names):
                answers |= await self._answers(plan.elsewhere)
                sets = fillings(plan, wanted, answers)
            self._found[names] = Found(sets, last=names[-1])
        return self._found[names]

    def _wants(self, each: Sought) -> bool:
        if each.arg_name in self._given:
            return False
        return bool(self._faults) or (each.first and not self._trials.shows(each.arg_name))

    async def _answers(self, sources: Iterable[str]) -> dict[str, Answered]:
        told = {source: await self._prober.answers.of(source) for source in dict.fromkeys(sources)}
        return {source: answered for source, answered in told.items() if answered is not None}

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


_REPORT = TypeAdapter(ProbeReport)


class Journal:
    """Reports by API and the conditions it was tried under."""

    def __init__(self, kept: Scratch) -> None:
        self._kept = kept

    async def report(
        self, api_id: str, conditions: str | None, probe: Callable[[], Awaitable[ProbeReport]]
    ) -> ProbeReport:
        """The report there is, or a new one of `probe`, given out once it is kept.

        An API that could not be reached is not written down: it may be our network that is down, and the
        shard's next try must look again.
        """
        key = [api_id, conditions]
        kept = await self._kept.get(key)
        if kept is not None:
            return _REPORT.validate_python(kept)
        report = await probe()
        if not was_unreachable(report.verdict):
            await self._kept.put(key, report)
        return report
