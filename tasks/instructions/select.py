"""Which candidates become instructions: the one place where all of them are looked at together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import TypeVar

from tasks.errors import BadRow, BrokenContract
from tasks.instructions.duplicates import earlier_alike
from tasks.instructions.names import OfferedNames
from tasks.instructions.params import InstructParams
from tasks.instructions.screen import screened
from tasks.instructions.words import words_of
from tasks.llm.chat import digest_of
from warehouse.tables.accounts import Reject
from warehouse.tables.instructions import Candidate, Instruction, NamedApi, RelevantApi, Sample

STAGE = "select"

ALIKE = 0.7
"""Jaccard similarity of three-word shingles from which an instruction repeats another."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Selected:
    """The account of all candidates: each is one instruction or one reject.

    instructions: in the order they were taken, so that any beginning of it is balanced over scenarios and
    samples.  Reasons of rejects: those of `screen.SCREENS`, duplicate, over_quota.
    """

    instructions: tuple[Instruction, ...]
    rejects: tuple[Reject, ...]


@dataclass(frozen=True, slots=True)
class _Fit:
    """A candidate that passed the screens."""

    candidate: Candidate
    sample: Sample
    relevant_apis: tuple[RelevantApi, ...]


def select_instructions(
    candidates: Iterable[Candidate],
    samples: Iterable[Sample],
    names: Mapping[str, NamedApi],
    fingerprints: Mapping[str, str],
    params: InstructParams,
) -> Selected:
    """Screen all candidates, drop those that repeat another, and take `params.accepted` in turns.

    names, fingerprints: by api_id, of all APIs the samples offer.  The order of the arguments has no
    part in the result.  Fewer than `accepted` come out when fewer are fit.  Raises BrokenContract when a
    candidate's sample is not among `samples`.
    """
    rejects: list[Reject] = []
    fit = _screened(_in_canonical_order(candidates, samples), names, params, rejects)
    taken = _in_turns(_without_repeats(fit, rejects))
    n_taken = len(taken) if params.accepted is None else params.accepted
    detail = f"{params.accepted} wanted, {len(taken)} fit"
    rejects += [_reject(extra.candidate, "over_quota", detail) for extra in taken[n_taken:]]
    instructions = tuple(_instruction(each, fingerprints) for each in taken[:n_taken])
    return Selected(instructions, tuple(sorted(rejects, key=lambda reject: reject.row_id)))


def _reject(candidate: Candidate, reason: str, detail: str) -> Reject:
    return Reject(stage=STAGE, row_id=candidate.candidate_id, reason=reason, detail=detail)


def _in_canonical_order(
    candidates: Iterable[Candidate], samples: Iterable[Sample]
) -> list[tuple[Candidate, Sample]]:
    by_id = {sample.sample_id: sample for sample in samples}
    ordered = sorted(candidates, key=lambda candidate: (candidate.sample_id, candidate.ordinal))
    orphan = next((candidate for candidate in ordered if candidate.sample_id not in by_id), None)
    if orphan is not None:
        raise BrokenContract(
            f"candidate {orphan.candidate_id} is of sample {orphan.sample_id}, which does not exist",
            fix="samples and candidates must come from the same run: refresh again",
        )
    return [(candidate, by_id[candidate.sample_id]) for candidate in ordered]


def _screened(
    candidates: Iterable[tuple[Candidate, Sample]],
    names: Mapping[str, NamedApi],
    params: InstructParams,
    rejects: list[Reject],
) -> list[_Fit]:
    fit: list[_Fit] = []
    for sample, of_sample in groupby(candidates, key=lambda pair: pair[1]):
        offered = OfferedNames(sample.api_ids, names)
        for candidate, _ in of_sample:
            try:
                needed = screened(candidate, sample.scenario, offered, min_words=params.min_words)
            except BadRow as error:
                rejects.append(_reject(candidate, error.reason, error.message))
            else:
                fit.append(_Fit(candidate, sample, needed))
    return fit


def _without_repeats(fit: Sequence[_Fit], rejects: list[Reject]) -> list[_Fit]:
    kept: list[_Fit] = []
    earlier = earlier_alike([each.candidate.query for each in fit], ALIKE)
    for each, first in zip(fit, earlier, strict=True):
        if first is None:
            kept.append(each)
        else:
            detail = f"repeats {fit[first].candidate.candidate_id}"
            rejects.append(_reject(each.candidate, "duplicate", detail))
    return kept


def _in_turns(fit: Iterable[_Fit]) -> list[_Fit]:
    """One of each scenario in turn, and within a scenario one of each sample in turn."""
    by_sample: defaultdict[str, list[_Fit]] = defaultdict(list)
    for each in fit:
        by_sample[each.candidate.sample_id].append(each)
    by_scenario: defaultdict[str, list[list[_Fit]]] = defaultdict(list)
    for sample_id in sorted(by_sample):
        by_scenario[by_sample[sample_id][0].sample.scenario].append(by_sample[sample_id])
    return list(_alternately(list(_alternately(by_scenario[scenario])) for scenario in sorted(by_scenario)))


def _alternately(queues: Iterable[Sequence[T]]) -> Iterator[T]:
    """The first of each queue, then the second of each, and so on."""
    return (item for turn in zip_longest(*queues) for item in turn if item is not None)


def _instruction(fit: _Fit, fingerprints: Mapping[str, str]) -> Instruction:
    candidate, sample = fit.candidate, fit.sample
    return Instruction(
        instruction_id=digest_of([sample.sample_id, candidate.query]),
        sample_id=sample.sample_id,
        scenario=sample.scenario,
        split=sample.split,
        query=candidate.query,
        relevant_apis=fit.relevant_apis,
        api_ids=sample.api_ids,
        api_fingerprints=tuple(fingerprints[api_id] for api_id in sample.api_ids),
        n_words=len(words_of(candidate.query)),
        model=candidate.model,
        prompt_digest=candidate.prompt_digest,
        seed_ids=candidate.seed_ids,
    )
