from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from tasks.errors import BrokenContract
from tasks.instructions.params import InstructParams
from tasks.instructions.select import Selected, select_instructions
from tasks.llm.chat import digest_of
from warehouse.tables.accounts import Reject
from warehouse.tables.instructions import Candidate, Instruction, NamedApi, RelevantApi, Sample

MakeSample = Callable[..., Sample]
PARAMS = InstructParams(min_words=5)
RELEVANT = (
    NamedApi(tool_name="Flights", api_name="Search"),
    NamedApi(tool_name="Sky Watch", api_name="forecast"),
)


def candidate(sample_id: str, ordinal: int, query: str | None = None) -> Candidate:
    # Words that no other candidate has, so that none repeats another by accident.
    query = query or " ".join(digest_of([sample_id, ordinal, number])[:8] for number in range(12))
    return Candidate(
        candidate_id=f"{sample_id}-{ordinal}",
        sample_id=sample_id,
        ordinal=ordinal,
        query=query,
        relevant_apis=RELEVANT,
        model="m",
        prompt_digest="p",
        seed_ids=("seed",),
    )


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
        return select_instructions(candidates, samples, names, fingerprints, params)

    return select


def taken(selected: Selected) -> list[str]:
    return [instruction.sample_id for instruction in selected.instructions]


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
        Reject(stage="select", row_id="d-0", reason="duplicate", detail="repeats b-3"),
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
