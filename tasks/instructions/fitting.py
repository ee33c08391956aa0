"""Which candidates are fit: every screen, over all of them together, in canonical order.

First come the instructions that are kept, then all others, each in the order of rounds, samples and ordinals,
and never of time: whatever was accepted before is never taken for a repetition of itself or of what is new,
and what a further round of draws adds makes nothing unfit that was fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import groupby

import seeds
from tasks.errors import BadRow, BrokenContract
from tasks.exact_json import digest_of
from tasks.instructions.benchmark import read_benchmark
from tasks.instructions.names import ApiFacts, OfferedNames
from tasks.instructions.params import InstructParams
from tasks.instructions.screens import screened
from tasks.instructions.similarity import Resembling, WordsInARow, earlier_alike, words_of
from warehouse.tables.accounts import Reject
from warehouse.tables.instructions import Candidate, Instruction, RelevantApi, Sample

STAGE = "select"

ALIKE = 0.7
"""Jaccard similarity of three-word shingles from which an instruction repeats another."""
LIKE_A_SEED = 0.4
"""Likewise, from which it copies a seed example: the words in common are then no accident."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A candidate that passed the screens, as the instruction it becomes when it is taken."""

    candidate_id: str
    instruction: Instruction


@dataclass(frozen=True, slots=True)
class Fitted:
    """Every candidate once: fit, in canonical order, or refused with the reason."""

    fit: tuple[Fit, ...]
    rejects: tuple[Reject, ...]


def fit_candidates(
    candidates: Iterable[Candidate],
    samples: Iterable[Sample],
    facts: ApiFacts,
    params: InstructParams,
    kept: Set[str] = frozenset(),
) -> Fitted:
    """facts: of all APIs the samples offer.  kept: ids of instructions that come first.

    The order of the arguments has no part in the result.

    Raises BrokenContract when a candidate's sample is not among `samples`.
    """
    rejects: list[Reject] = []
    fit = _screened(_in_canonical_order(candidates, samples, kept), facts, params, rejects)
    fit = _unlike_seeds(fit, params, rejects)
    fit = _unlike_each_other_and_benchmarks(fit, params, rejects)
    return Fitted(tuple(fit), tuple(rejects))


def refused(candidate_id: str, reason: str, detail: str) -> Reject:
    return Reject(stage=STAGE, row_id=candidate_id, reason=reason, detail=detail)


def _in_canonical_order(
    candidates: Iterable[Candidate], samples: Iterable[Sample], kept: Set[str]
) -> list[tuple[Candidate, Sample]]:
    by_id = {sample.sample_id: sample for sample in samples}
    pairs = [(candidate, by_id.get(candidate.sample_id)) for candidate in candidates]
    orphan = next((candidate for candidate, sample in pairs if sample is None), None)
    if orphan is not None:
        raise BrokenContract(
            f"candidate {orphan.candidate_id} is of sample {orphan.sample_id}, which does not exist",
            fix="samples and candidates must come from the same run: refresh again",
        )
    known = [(candidate, sample) for candidate, sample in pairs if sample is not None]
    return sorted(
        known,
        key=lambda pair: (
            instruction_id_of(*pair) not in kept,
            pair[1].round_no,
            pair[1].sample_id,
            pair[0].ordinal,
        ),
    )


def instruction_id_of(candidate: Candidate, sample: Sample) -> str:
    return digest_of([sample.sample_id, candidate.query])


def _screened(
    candidates: Iterable[tuple[Candidate, Sample]],
    facts: ApiFacts,
    params: InstructParams,
    rejects: list[Reject],
) -> list[Fit]:
    fit: list[Fit] = []
    for sample, of_sample in groupby(candidates, key=lambda pair: pair[1]):
        offered = OfferedNames(sample.api_ids, facts.names)
        for candidate, _ in of_sample:
            try:
                needed = screened(candidate, sample.scenario, offered, facts.parameters, params)
            except BadRow as error:
                rejects.append(refused(candidate.candidate_id, error.reason, error.message))
            else:
                fit.append(Fit(candidate.candidate_id, _instruction(candidate, sample, needed, facts)))
    return fit


def _unlike_seeds(fit: Iterable[Fit], params: InstructParams, rejects: list[Reject]) -> list[Fit]:
    """Those that do not copy an example they may have been shown."""
    if not params.is_on("resembles_seed"):
        return list(fit)
    examples = (*seeds.load_single_tool(), *seeds.load_multi_tool())
    resembling = Resembling([example.query for example in examples], LIKE_A_SEED)
    kept: list[Fit] = []
    for each in fit:
        like = resembling.like(each.instruction.query)
        if like is None:
            kept.append(each)
        else:
            detail = f"says what the seed example {examples[like].id} says"
            rejects.append(refused(each.candidate_id, "resembles_seed", detail))
    return kept


def _unlike_each_other_and_benchmarks(
    fit: Sequence[Fit], params: InstructParams, rejects: list[Reject]
) -> list[Fit]:
    files = params.decontaminate if params.is_on("contaminated") else ()
    benchmark = [text for file in files for text in read_benchmark(file)]
    overlap = WordsInARow(benchmark, params.overlap_words)
    queries = [each.instruction.query for each in fit]
    earlier = _earlier([*benchmark, *queries], params)[len(benchmark) :]
    kept: list[Fit] = []
    ids: set[str] = set()
    for each, first in zip(fit, earlier, strict=True):
        shared = overlap.shared(each.instruction.query) if benchmark else None
        fault = _fault(each, None if first is None else first - len(benchmark), fit, shared)
        if each.instruction.instruction_id in ids:  # were it kept, two rows would be one
            fault = "duplicate", "says what another of its sample says"
        if fault is None:
            kept.append(each)
            ids.add(each.instruction.instruction_id)
        else:
            rejects.append(refused(each.candidate_id, *fault))
    return kept


def _fault(each: Fit, first: int | None, fit: Sequence[Fit], shared: str | None) -> tuple[str, str] | None:
    """first: the text that it repeats, negative when that is a benchmark's."""
    if shared is not None:
        return "contaminated", f"has words of a benchmark's text: {shared!r}"
    if first is None:
        return None
    if first < 0:
        return "contaminated", "is much like a benchmark's text"
    same = words_of(each.instruction.query) == words_of(fit[first].instruction.query)
    return ("duplicate" if same else "near_duplicate"), f"repeats {fit[first].candidate_id}"


def _earlier(texts: Sequence[str], params: InstructParams) -> Sequence[int | None]:
    """For each text the first earlier one that it repeats."""
    if params.is_on("near_duplicate"):
        return earlier_alike(texts, ALIKE)
    if not params.is_on("duplicate"):
        return [None] * len(texts)
    first: dict[tuple[str, ...], int] = {}
    found = [first.setdefault(tuple(words_of(text)), number) for number, text in enumerate(texts)]
    return [None if earlier == number else earlier for number, earlier in enumerate(found)]


def _instruction(
    candidate: Candidate, sample: Sample, needed: tuple[RelevantApi, ...], facts: ApiFacts
) -> Instruction:
    return Instruction(
        instruction_id=instruction_id_of(candidate, sample),
        sample_id=sample.sample_id,
        scenario=sample.scenario,
        split=sample.split,
        query=candidate.query,
        relevant_apis=needed,
        api_ids=sample.offered,
        api_fingerprints=tuple(facts.fingerprints[api_id] for api_id in sample.offered),
        n_words=len(words_of(candidate.query)),
        model=candidate.model,
        prompt_digest=candidate.prompt_digest,
        seed_ids=candidate.seed_ids,
        distractors=sample.distractors,
    )
