from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from candidates import candidate

import seeds
from tasks.errors import BrokenContract
from tasks.exact_json import digest_of
from tasks.instructions.fitting import fit_candidates
from tasks.instructions.names import ApiFacts
from tasks.instructions.params import InstructParams
from tasks.instructions.select import Selected, Selection
from warehouse.tables.accounts import Reject
from warehouse.tables.instructions import Candidate, Instruction, NamedApi, RelevantApi, Sample, Verification

MakeSample = Callable[..., Sample]
PARAMS = InstructParams(min_words=5, language="")


@pytest.fixture
def samples(make_sample: MakeSample) -> list[Sample]:
    scenario = {"a": "G1", "b": "G2", "c": "G3", "d": "G3"}
    return [make_sample(sample_id, scenario[sample_id]) for sample_id in scenario]


@pytest.fixture
def fingerprints(names: Mapping[str, NamedApi]) -> dict[str, str]:
    return {api_id: f"print of {api_id}" for api_id in names}


@pytest.fixture
def select(
    samples: list[Sample], names: Mapping[str, NamedApi], fingerprints: dict[str, str]
) -> Callable[..., Selected]:
    def select(candidates: list[Candidate], params: InstructParams = PARAMS) -> Selected:
        facts = ApiFacts(names, fingerprints, parameters={})
        return Selection(fit_candidates(candidates, samples, facts, params), params).selected({})

    return select


def taken(selected: Selected) -> list[str]:
    return [instruction.sample_id for instruction in selected.instructions]


def test_distractors_are_offered_in_no_place_of_their_own(
    make_sample: MakeSample, names: Mapping[str, NamedApi]
) -> None:
    more = ("Aviation/ports/list", "Weather/sky_watch/almanac")
    sample, known = replace(make_sample("c"), distractors=more), {*names, *more}
    facts = ApiFacts(names, {api_id: f"print of {api_id}" for api_id in known}, parameters={})
    query = "Which flights reach Oslo before noon, and will it rain?"

    (fit,) = fit_candidates([candidate("c", 0, query)], [sample], facts, PARAMS).fit

    row = fit.instruction
    assert row.instruction_id == digest_of(["c", query])
    assert row.api_ids == tuple(sorted({*sample.api_ids, *more}))
    assert row.api_fingerprints == tuple(f"print of {api_id}" for api_id in row.api_ids)
    assert row.distractors == more
    assert not {api.api_id for api in row.relevant_apis} & {*more}


def test_a_fit_candidate_becomes_an_instruction(
    select: Callable[..., Selected], samples: list[Sample], fingerprints: dict[str, str]
) -> None:
    query = "Which flights reach Oslo before noon, and will it rain?"
    assert select([candidate("c", 0, query)]) == Selected(
        instructions=(
            Instruction(
                instruction_id=digest_of(["c", query]),
                sample_id="c",
                scenario="G3",
                split="train",
                query=query,
                relevant_apis=(
                    RelevantApi(tool_name="Flights", api_name="Search", api_id="Travel/flights/search"),
                    RelevantApi(
                        tool_name="Sky Watch", api_name="forecast", api_id="Weather/sky_watch/forecast"
                    ),
                ),
                api_ids=samples[2].api_ids,
                api_fingerprints=tuple(fingerprints[api_id] for api_id in samples[2].api_ids),
                n_words=10,
                model="m",
                prompt_digest="p",
                seed_ids=("seed",),
            ),
        ),
        rejects=(),
    )


def test_a_repeated_instruction_names_the_one_it_repeats(select: Callable[..., Selected]) -> None:
    query = "Which flights reach Oslo before noon, and will it rain on that day in May?"
    selected = select([candidate("d", 0, query + " Thanks!"), candidate("b", 3, query)])
    assert taken(selected) == ["b"]
    assert selected.rejects == (
        Reject(stage="select", row_id="d-0", reason="near_duplicate", detail="repeats b-3"),
    )


def test_a_screened_candidate_hides_no_other_as_its_duplicate(select: Callable[..., Selected]) -> None:
    query = "Which flights reach [city] before noon, and will it rain on that day in May?"
    selected = select([candidate("a", 0, query), candidate("b", 0, query.replace("[city]", "Oslo"))])
    assert taken(selected) == ["b"]
    assert [(reject.row_id, reject.reason) for reject in selected.rejects] == [("a-0", "placeholder")]


@pytest.mark.parametrize(
    ("accepted", "sample_ids"),
    [
        (1, ["a"]),
        (3, ["a", "b", "c"]),
        (5, ["a", "b", "c", "a", "b"]),
        (6, ["a", "b", "c", "a", "b", "d"]),
        (8, ["a", "b", "c", "a", "b", "d", "a", "c"]),
        (None, ["a", "b", "c", "a", "b", "d", "a", "c", "d", "c", "d"]),
        (99, ["a", "b", "c", "a", "b", "d", "a", "c", "d", "c", "d"]),
    ],
)
def test_scenarios_and_samples_take_turns(
    accepted: int | None, sample_ids: list[str], select: Callable[..., Selected]
) -> None:
    written = {"a": 3, "b": 2, "c": 3, "d": 3}
    candidates = [candidate(sample_id, n) for sample_id, count in written.items() for n in range(count)]
    selected = select(candidates, PARAMS.model_copy(update={"accepted": accepted}))
    assert taken(selected) == sample_ids
    assert Counter(reject.reason for reject in selected.rejects) == Counter(over_quota=11 - len(sample_ids))


def test_every_candidate_is_an_instruction_or_one_reject_in_any_order(
    select: Callable[..., Selected],
) -> None:
    random = np.random.default_rng(2)
    candidates = [candidate(sample_id, number) for sample_id in "abcd" for number in range(20)]
    candidates += [candidate(sample_id, 20, candidates[0].query) for sample_id in "abcd"]
    candidates += [candidate(sample_id, 21, "too short") for sample_id in "abcd"]
    params = PARAMS.model_copy(update={"accepted": 40})
    selected = select(candidates, params)
    shuffled = [candidates[place] for place in random.permutation(len(candidates))]
    assert select(shuffled, params) == selected
    kept = {digest_of([each.sample_id, each.query]): each.candidate_id for each in reversed(candidates)}
    rows = [kept[instruction.instruction_id] for instruction in selected.instructions]
    rows += [reject.row_id for reject in selected.rejects]
    assert sorted(rows) == sorted(each.candidate_id for each in candidates)
    assert Counter(reject.reason for reject in selected.rejects) == Counter(
        duplicate=4, too_short=4, over_quota=40
    )


def test_a_candidate_without_a_sample_breaks_the_contract(select: Callable[..., Selected]) -> None:
    with pytest.raises(BrokenContract, match="sample gone"):
        select([candidate("gone", 0)])


def reasons(selected: Selected) -> dict[str, str]:
    return {reject.row_id: reject.reason for reject in selected.rejects}


def test_a_later_round_makes_nothing_unfit_that_was_fit(
    samples: list[Sample], names: Mapping[str, NamedApi], fingerprints: dict[str, str]
) -> None:
    query = "Which flights reach Oslo before noon, and will it rain on that day in May?"
    facts = ApiFacts(names, fingerprints, parameters={})
    # "a" sorts before "d", but is of a later round.
    later = [replace(sample, draw=-1) if sample.sample_id == "a" else sample for sample in samples]
    fitted = fit_candidates([candidate("a", 0, query), candidate("d", 0, query)], later, facts, PARAMS)
    assert [each.candidate_id for each in fitted.fit] == ["d-0"]
    assert [(reject.row_id, reject.reason) for reject in fitted.rejects] == [("a-0", "duplicate")]


def test_a_copied_seed_example_is_refused(select: Callable[..., Selected]) -> None:
    seed = seeds.load_multi_tool()[0]
    copied = seed.query.replace(seed.query.split()[3], "completely")
    assert reasons(select([candidate("a", 0, copied)])) == {"a-0": "resembles_seed"}
    off = PARAMS.model_copy(update={"screens": {"resembles_seed": False}})
    assert reasons(select([candidate("a", 0, copied)], off)) == {}


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("My aunt asks: which flights reach Oslo before noon, and will it rain? Be quick.", "contaminated"),
        ("Which flights reach Rome before noon, and will it rain on that day in May there?", "contaminated"),
        ("Which flights reach Rome after dusk, and is snow to be feared on that day in May?", None),
    ],
    ids=["words in a row", "much the same", "another"],
)
def test_what_a_benchmark_asks_is_refused(
    query: str, reason: str | None, select: Callable[..., Selected], tmp_path: Path
) -> None:
    benchmark = tmp_path / "test.jsonl"
    benchmark.write_text(
        '{"query": "Which flights reach Oslo before noon, and will it rain?"}\n'
        '{"query": "Which flights reach Rome before noon, and will it rain on that day in May?"}\n'
    )
    params = PARAMS.model_copy(update={"decontaminate": (benchmark,), "overlap_words": 8})
    assert reasons(select([candidate("a", 0, query)], params)).get("a-0") == reason
    off = params.model_copy(update={"screens": {"contaminated": False}})
    assert reasons(select([candidate("a", 0, query)], off)) == {}


def test_near_duplicates_may_stay_where_only_duplicates_are_refused(select: Callable[..., Selected]) -> None:
    query = "Which flights reach Oslo before noon, and will it rain on that day in May?"
    written = [candidate("a", 0, query), candidate("b", 0, query + " Thanks!"), candidate("c", 0, query)]
    params = PARAMS.model_copy(update={"screens": {"near_duplicate": False}})
    assert reasons(select(written, params)) == {"c-0": "duplicate"}
    neither = PARAMS.model_copy(update={"screens": {"near_duplicate": False, "duplicate": False}})
    assert reasons(select(written, neither)) == {}


def test_instructions_that_reach_further_apis_come_first(select: Callable[..., Selected]) -> None:
    alone = (NamedApi(tool_name="Flights", api_name="Airport Search"),)
    rare = replace(candidate("a", 5), relevant_apis=alone)
    candidates = [*(candidate("a", number) for number in range(5)), rare]
    selected = select(candidates, PARAMS.model_copy(update={"accepted": 2}))
    assert rare.query in {instruction.query for instruction in selected.instructions}


def test_only_what_would_be_taken_is_judged_and_replaced_where_it_fails(
    samples: list[Sample], names: Mapping[str, NamedApi], fingerprints: dict[str, str]
) -> None:
    candidates = in_order_of_ids("a", 6)
    facts = ApiFacts(names, fingerprints, parameters={})
    params = PARAMS.model_copy(update={"accepted": 3, "verify": True})
    selection = Selection(fit_candidates(candidates, samples, facts, params), params)
    verdicts: dict[str, Verification] = {}
    waves = []
    while unjudged := selection.to_judge(verdicts):
        waves.append([int(candidates.index(_of(candidates, each))) for each in unjudged])
        verdicts |= {each.instruction_id: _verdict(each) for each in unjudged}
    selected = selection.selected(verdicts)
    assert waves == [[0, 1, 2], [3], [4]]
    ids = [each.candidate_id for each in candidates]
    assert [_of(candidates, each).candidate_id for each in selected.instructions] == [ids[0], ids[2], ids[4]]
    assert {reject.row_id: (reject.reason, reject.detail) for reject in selected.rejects} == {
        ids[1]: ("unanswerable", "answerable 2 of 5: No."),
        ids[3]: ("unanswerable", "answerable 2 of 5: No."),
        ids[5]: ("over_quota", "3 wanted, 4 fit"),
    }
    assert (selected.n_pending, selection.selected({}).n_pending) == (0, 6)


def in_order_of_ids(sample_id: str, n: int) -> list[Candidate]:
    """As they are taken within a sample."""
    written = [candidate(sample_id, number) for number in range(n)]
    return sorted(written, key=lambda each: digest_of([each.sample_id, each.query]))


def _of(candidates: list[Candidate], instruction: Instruction) -> Candidate:
    return next(each for each in candidates if each.query == instruction.query)


def _verdict(instruction: Instruction) -> Verification:
    good = instruction.query in {in_order_of_ids("a", 6)[number].query for number in (0, 2, 4, 5)}
    return Verification(
        instruction_id=instruction.instruction_id,
        sample_id=instruction.sample_id,
        query=instruction.query,
        score_natural=5,
        score_answerable=4 if good else 2,
        score_complete=4,
        reason="No.",
        model="m",
        prompt_digest="p",
    )


def test_what_could_not_be_judged_is_refused(
    samples: list[Sample], names: Mapping[str, NamedApi], fingerprints: dict[str, str]
) -> None:
    facts = ApiFacts(names, fingerprints, parameters={})
    params = PARAMS.model_copy(update={"verify": True})
    selection = Selection(fit_candidates([candidate("a", 0)], samples, facts, params), params)
    (instruction,) = selection.to_judge({})
    nothing = replace(_verdict(instruction), score_natural=0, score_answerable=0, score_complete=0)
    selected = selection.selected({instruction.instruction_id: nothing})
    assert [(reject.reason, reject.detail) for reject in selected.rejects] == [("not_verified", "No.")]
