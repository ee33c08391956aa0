"""Which candidates become instructions: the one place where all of them are looked at together."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

from tasks.instructions.fitting import Fit, Fitted, refused
from tasks.instructions.params import InstructParams
from tasks.instructions.verify import fault_of
from warehouse.tables.accounts import Reject
from warehouse.tables.instructions import Instruction, Verification

Verdicts: TypeAlias = Mapping[str, Verification]
"""What the judge said, by instruction_id."""


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
    return {
        scenario: [each for turn in zip_longest(*queues) for each in turn if each is not None]
        for scenario, queues in by_scenario.items()
    }


@dataclass(frozen=True, slots=True)
class Selected:
    """The account of all candidates: each is one instruction, one reject, or waits for the judge.

    instructions: in the order they were taken.  Reasons of rejects: `params.SCREEN_NAMES`, unnatural,
    unanswerable, incomplete and not_verified (the judge's), over_quota.
    """

    instructions: tuple[Instruction, ...]
    rejects: tuple[Reject, ...]
    n_pending: int = 0


class Selection:
    """Takes `params.accepted` of the fit; with `params.verify` only such as the judge has passed.

    Only those are judged that would be taken; for each that fails the next one is, until as many as are
    wanted have passed or none is left.
    """

    def __init__(self, fitted: Fitted, params: InstructParams, kept: Set[str] = frozenset()) -> None:
        """kept: ids of instructions that are taken before others."""
        self._fitted = fitted
        self._params = params
        self._kept = kept
        self._order = in_order_of_choice(fitted.fit, kept)

    def to_judge(self, verdicts: Verdicts) -> list[Instruction]:
        """Those that would be taken and are not judged yet."""
        if not self._params.verify:
            return []
        taken = self._taken(verdicts)
        return [each.instruction for each in taken if each.instruction.instruction_id not in verdicts]

    def selected(self, verdicts: Verdicts) -> Selected:
        """What is decided by these verdicts; while some are wanting, what depends on them is pending."""
        undecided = {instruction.instruction_id for instruction in self.to_judge(verdicts)}
        taken = [each for each in self._taken(verdicts) if each.instruction.instruction_id not in undecided]
        failed = {
            each.candidate_id: refused(each.candidate_id, *fault)
            for each in self._order
            if (fault := self._fault(each, verdicts)) is not None
        }
        decided = {each.candidate_id for each in taken} | failed.keys()
        left = [each for each in self._order if each.candidate_id not in decided]
        extra = [] if undecided else [self._over_quota(each, len(self._order) - len(failed)) for each in left]
        rejects = [*self._fitted.rejects, *failed.values(), *extra]
        return Selected(
            instructions=tuple(each.instruction for each in taken),
            rejects=tuple(sorted(rejects, key=lambda reject: reject.row_id)),
            n_pending=len(left) if undecided else 0,
        )

    def _taken(self, verdicts: Verdicts) -> list[Fit]:
        passing = [each for each in self._order if self._fault(each, verdicts) is None]
        if len(passing) < len(self._order):
            # What failed reaches no API: others come first in its place.
            passing = in_order_of_choice(passing, self._kept)
        return passing[: self._params.accepted]

    def _fault(self, each: Fit, verdicts: Verdicts) -> tuple[str, str] | None:
        verdict = verdicts.get(each.instruction.instruction_id)
        return None if verdict is None else fault_of(verdict, self._params.verify_score)

    def _over_quota(self, each: Fit, n_fit: int) -> Reject:
        return refused(each.candidate_id, "over_quota", f"{self._params.accepted} wanted, {n_fit} fit")
