"""What a search request shows, read once: the plan, what was tried, what was found."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sandbox.teaching.functions import Function, Offer, Offers
from sandbox.teaching.observation import Fact, Observation, read
from sandbox.teaching.plan import Plan, Plans, Subtask
from sandbox.teaching.stages import Search

# Parsed offers and plans are pure functions of a request's text; remembering them only saves time.
_offers = Offers()
_plans = Plans()


@dataclass(frozen=True, eq=False)
class Try:
    """A call that was made of an offered function, with arguments that were JSON."""

    function: Function
    arguments: dict[str, Any]
    observation: Observation


class Situation:
    """seed: what choices of this search depend on, whatever the step."""

    def __init__(self, search: Search, seed: int) -> None:
        self.search = search
        self.offer: Offer = _offers.of(search.tools)
        self.plan: Plan = _plans.of(search.query, self.offer)
        self.seed: tuple[object, ...] = (seed, search.query)

    @property
    def all_tasks(self) -> tuple[Subtask, ...]:
        return (*self.plan.subtasks, *self.plan.others)

    @cached_property
    def tries(self) -> list[Try]:
        return [
            Try(function, arguments, read(exchange.observation or ""))
            for exchange in self.search.history
            if exchange.function
            and (function := self.offer.get(exchange.function)) is not None
            and (arguments := _parsed(exchange.arguments)) is not None
        ]

    @cached_property
    def found(self) -> dict[Function, Try]:
        """The first successful try of each function."""
        found: dict[Function, Try] = {}
        for one in self.tries:
            if one.observation.ok:
                found.setdefault(one.function, one)
        return found

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        return tuple(
            replace(fact, origin=function.own_name)
            for function, one in self.found.items()
            for fact in one.observation.facts
        )

    @cached_property
    def pending(self) -> list[Subtask]:
        """Parts of the plan that were not tried on this path."""
        tried = {one.function for one in self.tries}
        return [task for task in self.plan.subtasks if task.function not in tried]

    @cached_property
    def _barred(self) -> list[tuple[str, dict[str, Any]]]:
        """Calls not to be made again: those of this path and those of earlier candidates."""
        calls = [(one.function.name, one.arguments) for one in self.tries]
        for candidate in self.search.candidates:
            arguments = _parsed(candidate.arguments)
            if candidate.function and arguments is not None:
                calls.append((candidate.function, arguments))
        return calls

    def is_barred(self, function: Function, arguments: dict[str, Any]) -> bool:
        return (function.name, arguments) in self._barred

    @property
    def called(self) -> set[str]:
        """Names of the functions called on this path or by earlier candidates."""
        return {name for name, _ in self._barred}

    def failures(self, function: Function) -> list[Try]:
        return [one for one in self.tries if one.function is function and not one.observation.ok]

    @cached_property
    def trail(self) -> str:
        """The calls so far, as one text: what tells this branch from the others."""
        return "|".join(
            f"{one.function.name}{json.dumps(one.arguments, sort_keys=True)}" for one in self.tries
        )


def _parsed(arguments: str) -> dict[str, Any] | None:
    """Arguments that are a JSON object, else None."""
    try:
        value = json.loads(arguments or "{}")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
