"""Which operations of a tool tell the identifiers that others need: `/pets` says which `{petId}` there is.

An operation waits only for those of a lower level, so that nobody waits in a circle, and what it is tried
with depends on answers alone, never on which came first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from tasks.errors import StopRun
from tasks.probing.identifiers import Answered, Candidate, Kind, candidates, value_in
from tasks.probing.known import is_well_known
from tasks.probing.operations import Operation
from warehouse.tables.catalogue import Api, Parameter

IDENTIFIERS = 6  # so many are told
_IN_A_ROW = 2  # of equally likely ones, before one of the next likely
_SOURCES = 4  # of one parameter are waited for
_ELSEWHERE = 40  # operations are asked where those do not tell


@dataclass(frozen=True)
class Sought:
    """A parameter whose values others may tell.

    sources: operations that list what it identifies, the likeliest first, by `api_id`; above: that which
    stands right above it in the address.  shown: the documentation has values; first: found ones go before
    those that anybody knows.
    """

    parameter: Parameter
    kind: Kind
    sources: tuple[str, ...]
    above: str | None
    shown: bool
    first: bool

    @property
    def arg_name(self) -> str:
        return self.parameter.arg_name


@dataclass(frozen=True)
class Plan:
    """Where an API's identifiers come from.

    sought: in the order of the address, then of the documentation.  elsewhere: operations whose answers may
    name them all the same.  operations: all of the tool at this host.
    """

    operation: Operation
    level: int
    sought: tuple[Sought, ...]
    elsewhere: tuple[str, ...]
    operations: Mapping[str, Operation] = field(repr=False)

    @property
    def sources(self) -> set[str]:
        """Those that may be waited for."""
        return {*self.elsewhere, *(source for each in self.sought for source in each.sources)}


def plans_of(apis: Iterable[Api]) -> dict[str, Plan]:
    """By `api_id`, the plans of APIs; operations of one tool at one host tell each other."""
    by_place: dict[tuple[str, str], dict[str, Operation]] = {}
    for api in apis:
        place = (api.tool_id, urlsplit(api.url).netloc)
        by_place.setdefault(place, {})[api.api_id] = Operation(api)
    return {api_id: plan for operations in by_place.values() for api_id, plan in _plans(operations).items()}


def levels_first(apis: Sequence[Api], plans: Mapping[str, Plan]) -> list[Api]:
    """The APIs with every source before those it is a source of; otherwise in the order given."""
    return sorted(apis, key=lambda api: plans[api.api_id].level if api.api_id in plans else 0)


def _plans(operations: Mapping[str, Operation]) -> dict[str, Plan]:
    about: dict[str, list[Operation]] = {}
    places: dict[tuple[str, ...], Operation] = {}
    aliases: dict[str, tuple[str, ...]] = {}
    for operation in operations.values():
        if operation.tells:
            places.setdefault(tuple(operation.place), operation)
            for noun in operation.about:
                about.setdefault(noun, []).append(operation)
        for wanted in operation.needed:
            kind = operation.kinds.get(wanted.arg_name)
            if kind is not None and not kind.generic:
                aliases[kind.name] = (*aliases.get(kind.name, ()), *operation.before(wanted.parameter))
    sought = {
        api_id: tuple(_sought(operation, about, places, aliases)) for api_id, operation in operations.items()
    }
    levels = _levels(sought)
    order = sorted(
        (api_id for api_id, operation in operations.items() if operation.tells),
        key=lambda api_id: (levels[api_id], len(operations[api_id].needed)),
    )
    elsewhere = {
        level: tuple(api_id for api_id in order if levels[api_id] < level)[:_ELSEWHERE]
        for level in set(levels.values())
    }
    return {
        api_id: Plan(
            operation,
            levels[api_id],
            tuple(
                replace(each, sources=tuple(one for one in each.sources if levels[one] < levels[api_id]))
                for each in sought[api_id]
            ),
            elsewhere[levels[api_id]] if sought[api_id] else (),
            operations,
        )
        for api_id, operation in operations.items()
    }


def _sought(
    operation: Operation,
    about: Mapping[str, Sequence[Operation]],
    places: Mapping[tuple[str, ...], Operation],
    aliases: Mapping[str, tuple[str, ...]],
) -> Iterator[Sought]:
    for wanted in operation.needed:
        kind = operation.kinds.get(wanted.arg_name)
        if kind is None:
            continue
        if not kind.searches and not kind.generic:
            # The same parameter elsewhere: `/projects/{pid}` says what the pid of `/reports/{pid}` is.
            kind = replace(kind, nouns=tuple(dict.fromkeys((*kind.nouns, *aliases.get(kind.name, ())))))
        at = operation.position(wanted.parameter)
        above = places.get(tuple(operation.place[:at])) if at < len(operation.path) else None
        listing = [above] if above is not None else []
        for noun in kind.nouns:
            others = [other for other in about.get(noun, ()) if not _needs(other, kind)]
            listing += sorted(others, key=lambda other: len(other.needed))
        sources = dict.fromkeys(each.api.api_id for each in listing if each is not operation)
        known = is_well_known(wanted)
        yield Sought(
            wanted.parameter,
            kind,
            tuple(sources)[:_SOURCES],
            None if above is None or above is operation else above.api.api_id,
            shown=bool(wanted.documented),
            first=not known or (bool(sources) and not kind.searches),
        )


def _needs(operation: Operation, kind: Kind) -> bool:
    """Whether an operation itself wants to be told what it would be asked for."""
    return any(
        not own.searches and (own.name == kind.name or own.nouns[:1] == kind.nouns[:1] != ())
        for own in operation.kinds.values()
    )


def _levels(sought: Mapping[str, Sequence[Sought]]) -> dict[str, int]:
    """Level 0 needs nobody; every other needs lower ones, as many of its sources as can be had."""
    levels: dict[str, int] = {}
    for level in count():
        waiting = {api_id: each for api_id, each in sought.items() if api_id not in levels}
        if not waiting:
            return levels
        ready = next((found for fits in _FITTING if (found := _fitting(fits, waiting, levels))), None)
        # What is left waits in a circle: one of them has to begin.
        levels |= dict.fromkeys(ready or [next(iter(waiting))], level)
    return levels


_Fits: TypeAlias = Callable[[Sought, Mapping[str, int]], bool]


def _all(each: Sought, levels: Mapping[str, int]) -> bool:
    return all(source in levels for source in each.sources) and bool(each.sources or _has_a_start(each))


def _any(each: Sought, levels: Mapping[str, int]) -> bool:
    return any(source in levels for source in each.sources) or (not each.sources and _has_a_start(each))


def _has_a_start(each: Sought) -> bool:
    return each.shown or not each.first


_FITTING: tuple[_Fits, ...] = (
    _all,
    _any,
    lambda each, levels: _any(each, levels) or each.shown,
    lambda each, levels: _any(each, levels) or each.shown or not each.sources,
)


def _fitting(fits: _Fits, waiting: Mapping[str, Sequence[Sought]], levels: Mapping[str, int]) -> list[str]:
    return [api_id for api_id, sought in waiting.items() if all(fits(each, levels) for each in sought)]


def fillings(
    plan: Plan, wanted: Sequence[Sought], answers: Mapping[str, Answered]
) -> tuple[dict[str, Any], ...]:
    """Sets of arguments that go together, the likeliest first, from what others answered.

    The last parameter that something was found for leads: an item goes with the arguments that its list
    was asked for, and with what stands around it; what is found apart fills the rest.
    """
    found = {each.arg_name: ranked for each in wanted if (ranked := _ranked(each, answers))}
    if not found:
        return ()
    leading = list(found)[-1]
    sure = {name: [each for each in ranked if each.rank == ranked[0].rank] for name, ranked in found.items()}
    sets: list[dict[str, Any]] = []
    # Where another parameter goes on to guesses, those around it keep to what is sure.
    for turn, candidate in enumerate((found if leading == wanted[-1].arg_name else sure)[leading]):
        given = {name: others[turn % len(others)].value for name, others in sure.items()}
        given |= _around(plan, candidate) | {leading: candidate.value}
        if given not in sets:
            sets.append(given)
    lists = {each.arg_name for each in plan.sought if each.parameter.type == "array"}
    return tuple(
        {name: [value] if name in lists else value for name, value in given.items()} for given in sets
    )


def _ranked(each: Sought, answers: Mapping[str, Answered]) -> list[Candidate]:
    """The surest first, but after two equally sure ones the next sure: an item may go by its name."""
    sources = dict.fromkeys((*(source for source in each.sources if source in answers), *answers))
    found = [
        candidate
        for source in sources
        for candidate in candidates(each.kind, answers[source], own_list=source == each.above)
    ]
    distinct: dict[str, Candidate] = {}
    for candidate in sorted(found, key=lambda candidate: candidate.rank):
        distinct.setdefault(str(candidate.value), candidate)
    ranked = list(distinct.values())
    other = next((at for at, candidate in enumerate(ranked) if candidate.rank > ranked[0].rank), 0)
    if other > _IN_A_ROW:
        ranked.insert(_IN_A_ROW, ranked.pop(other))
    return ranked[:IDENTIFIERS]


def _around(plan: Plan, candidate: Candidate) -> dict[str, Any]:
    """The other sought arguments that a found value goes with, by `arg_name`."""
    own, source = plan.operation, plan.operations.get(candidate.answered.api_id)
    given = {}
    for each in plan.sought:
        name = each.arg_name
        asked = None if source is None else _same(own, each, source)
        if asked is not None and asked in candidate.answered.arguments:
            given[name] = candidate.answered.arguments[asked]
        elif not each.kind.searches and (value := value_in(each.kind, candidate.thing)) is not None:
            given[name] = value
    return given


def _same(own: Operation, each: Sought, source: Operation) -> str | None:
    """The argument of a source that stands for one of the operation: in its place, or of its name."""
    at = own.position(each.parameter)
    if at < len(own.path) and own.place[: at + 1] == source.place[: at + 1]:
        return next(
            (other.arg_name for other in source.needed if source.position(other.parameter) == at), None
        )
    if each.kind.generic:
        return None
    return next((name for name, kind in source.kinds.items() if kind.name == each.kind.name), None)


class Answers:
    """A board on which the first good answer of each operation that tells is put up; used in one event loop.

    expected: `api_id`s of those that are probed now.  earlier: good answers from before, of others.
    """

    def __init__(self, expected: Iterable[str] = (), earlier: Mapping[str, Answered] | None = None) -> None:
        self._settled = {api_id: asyncio.Event() for api_id in expected}
        self._answers = dict(earlier or {})
        self._stops: dict[str, StopRun] = {}

    def expects(self, api_id: str) -> bool:
        """Whether others may wait for an answer of this operation."""
        return api_id in self._settled

    def settle(self, api_id: str, answered: Answered | None) -> None:
        """What came of an operation that was probed before, whose answer was kept."""
        with self.probing(api_id):
            if answered is not None:
                self.put_up(api_id, answered)

    def put_up(self, api_id: str, answered: Answered) -> None:
        """A good answer; later ones of the same operation change nothing."""
        if api_id in self._settled and not self._settled[api_id].is_set():
            self._answers[api_id] = answered
            self._settled[api_id].set()

    @contextmanager
    def probing(self, api_id: str) -> Iterator[None]:
        """The block in which the operation is probed: at its end nobody need wait for an answer any more."""
        try:
            yield
        except StopRun as stop:
            self._stops[api_id] = stop
            raise
        finally:
            if api_id in self._settled:
                self._settled[api_id].set()

    async def of(self, api_id: str) -> Answered | None:
        """The operation's good answer, awaited; None when it has none.

        Raises the `StopRun` that ended its probing: without the answer, other arguments would be tried.
        """
        if api_id in self._settled:
            await self._settled[api_id].wait()
        if api_id in self._stops and api_id not in self._answers:
            raise self._stops[api_id]
        return self._answers.get(api_id)
