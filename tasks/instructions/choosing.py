"""Which of the fit instructions are taken when fewer are wanted."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import zip_longest
from typing import TypeVar

from tasks.instructions.fitting import Fit

T = TypeVar("T")


def in_order_of_choice(fit: Iterable[Fit], kept: Set[str] = frozenset()) -> list[Fit]:
    """All of them, by turns of the scenarios; at each turn one that needs an API which none before needs.

    kept: ids of instructions that all come before all others.

    Where a scenario has no such left, one of each of its samples in turn.  So any number of first ones is
    balanced, and reaches as many APIs as it then can.
    """
    choice = _Choice()
    fit = list(fit)
    choice.take([each for each in fit if each.instruction.instruction_id in kept])
    choice.take([each for each in fit if each.instruction.instruction_id not in kept])
    return choice.chosen


class _Choice:
    """What is chosen, one after the other."""

    def __init__(self) -> None:
        self.chosen: list[Fit] = []
        self._taken: Counter[str] = Counter()
        self._covered: set[str] = set()

    def take(self, fit: Iterable[Fit]) -> None:
        queues = {scenario: _Queue(turns) for scenario, turns in sorted(_in_turns(fit).items())}
        while open_ := [scenario for scenario, queue in queues.items() if queue]:
            scenario = min(open_, key=lambda name: self._taken[name])
            each = queues[scenario].pop(self._covered)
            self._taken[scenario] += 1
            self._covered |= _needed(each)
            self.chosen.append(each)


class _Queue:
    """Those of a scenario that wait, in turns."""

    def __init__(self, turns: Iterable[Fit]) -> None:
        self._fresh = deque(turns)
        self._passed_over: deque[Fit] = deque()

    def __bool__(self) -> bool:
        return bool(self._fresh or self._passed_over)

    def pop(self, covered: set[str]) -> Fit:
        """The first that needs more than what is covered; what is passed over once will never do so."""
        while self._fresh:
            each = self._fresh.popleft()
            if not _needed(each) <= covered:
                return each
            self._passed_over.append(each)
        return self._passed_over.popleft()


def _needed(fit: Fit) -> set[str]:
    return {api.api_id for api in fit.instruction.relevant_apis}


def _in_turns(fit: Iterable[Fit]) -> dict[str, list[Fit]]:
    """By scenario, one of each sample in turn; of a sample any first, not the specific ones before the
    complex ones.
    """
    by_sample: defaultdict[tuple[str, str], list[Fit]] = defaultdict(list)
    for each in fit:
        by_sample[each.instruction.scenario, each.instruction.sample_id].append(each)
    by_scenario: defaultdict[str, list[list[Fit]]] = defaultdict(list)
    for scenario, sample_id in sorted(by_sample):
        of_sample = sorted(by_sample[scenario, sample_id], key=lambda each: each.instruction.instruction_id)
        by_scenario[scenario].append(of_sample)
    return {scenario: list(_alternately(queues)) for scenario, queues in by_scenario.items()}


def _alternately(queues: Iterable[Sequence[T]]) -> Iterator[T]:
    """The first of each queue, then the second of each, and so on."""
    return (item for turn in zip_longest(*queues) for item in turn if item is not None)
