"""Who asked what, and what it cost: rows of `llm_calls`, collected until a shard writes them."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Protocol

from tasks.llm.spending import SpendingLog
from warehouse.tables.accounts import LlmCall

_TRIAL = "endpoint"
# Fewer refusals may be the rows' own.
_FEWEST_REFUSED = 3


class Recorder(Protocol):
    """Where a model reports its requests."""

    def record(self, call: LlmCall) -> None: ...


class UsageLog:
    """The requests of all stages of a run; any thread may record and take.

    One row for each (stage, row, ordinal).  When a shard is run again within a run, its replies come
    from the store the second time: the row that says what they cost is kept.  log: where a run that was
    killed finds the rows of what it had paid for.
    """

    def __init__(self, log: SpendingLog | None = None) -> None:
        self._log = log
        self._calls: defaultdict[tuple[str, str], dict[int, LlmCall]] = defaultdict(dict)
        self._guard = threading.Lock()
        for call in () if log is None else log.calls():
            self._keep(call)

    def record(self, call: LlmCall) -> None:
        if self._log is not None and not call.from_store:
            self._log.asked(call)
        with self._guard:
            self._keep(call)

    def _keep(self, call: LlmCall) -> None:
        of_row = self._calls[call.stage, call.row_id]
        earlier = of_row.get(call.ordinal)
        if not (call.from_store and earlier is not None and earlier.error is None):
            of_row[call.ordinal] = call

    def take(self, stage: str, row_ids: Iterable[str]) -> list[LlmCall]:
        """Removes and returns the rows of these row ids, ordered by row id and ordinal."""
        with self._guard:
            taken = {row_id: self._calls.pop((stage, row_id), {}) for row_id in row_ids}
        return [taken[row_id][ordinal] for row_id in sorted(taken) for ordinal in sorted(taken[row_id])]

    def take_all(self, stage: str) -> list[LlmCall]:
        """Removes and returns all rows of a stage, ordered alike."""
        with self._guard:
            row_ids = [row_id for of_stage, row_id in self._calls if of_stage == stage]
        return self.take(stage, row_ids)


def mostly_refused(calls: Iterable[LlmCall]) -> tuple[str, ...]:
    """A sentence for each stage whose requests were mostly refused, or the last ones of most of its rows.

    In a trial those are findings.
    """
    by_stage: defaultdict[str, list[LlmCall]] = defaultdict(list)
    for call in sorted(calls, key=lambda call: call.ordinal):
        if call.stage != _TRIAL:
            by_stage[call.stage].append(call)
    told: list[str] = []
    for stage, asked in by_stage.items():
        errors = [call.error or "" for call in asked if _is_refused(call)]
        last = {call.row_id: call for call in asked}
        n_ended = sum(map(_is_refused, last.values()))
        if len(errors) >= _FEWEST_REFUSED and (2 * len(errors) > len(asked) or 2 * n_ended > len(last)):
            ((error, _),) = Counter(errors).most_common(1)
            told.append(
                f"the model endpoint refused {len(errors):,} of {len(asked):,} requests of {stage}, the last "
                f"one of {n_ended:,} of {len(last):,} rows; most often so: {error.partition(': ')[2]}"
            )
    return tuple(told)


def _is_refused(call: LlmCall) -> bool:
    """A refusal is told with its reason and what was said, other failures in a word (`tasks.llm.model`)."""
    return call.error is not None and ": " in call.error
