"""What a refresh took before, it takes again while its APIs are what they were, whatever is new."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

import pytest
from candidates import candidate

from tasks.instructions.fitting import fit_candidates, instruction_id_of
from tasks.instructions.names import ApiFacts
from tasks.instructions.params import InstructParams
from tasks.instructions.select import Selected, Selection
from warehouse.tables.instructions import Candidate, NamedApi, Sample

PARAMS = InstructParams(min_words=5, language="")
RAIN = "Which flights reach Oslo before noon, and will it rain on that day in May?"


@pytest.fixture
def samples(make_sample: Callable[..., Sample]) -> dict[str, Sample]:
    scenario = {"a": "G1", "b": "G2", "c": "G3", "d": "G3"}
    return {sample_id: make_sample(sample_id, scenario[sample_id]) for sample_id in scenario}


@pytest.fixture
def select(samples: dict[str, Sample], names: Mapping[str, NamedApi]) -> Callable[..., Selected]:
    facts = ApiFacts(names, {api_id: f"print of {api_id}" for api_id in names}, parameters={})

    def select(candidates: list[Candidate], kept: Set[str], accepted: int | None = None) -> Selected:
        params = PARAMS.model_copy(update={"accepted": accepted})
        fitted = fit_candidates(candidates, samples.values(), facts, params, kept)
        return Selection(fitted, params, kept).selected({})

    return select


def queries(selected: Selected) -> set[str]:
    return {instruction.query for instruction in selected.instructions}


def ids(samples: dict[str, Sample], *candidates: Candidate) -> set[str]:
    return {instruction_id_of(each, samples[each.sample_id]) for each in candidates}


def test_what_was_taken_is_no_repetition_of_what_is_new(
    samples: dict[str, Sample], select: Callable[..., Selected]
) -> None:
    """Sample a comes before d, and has been drawn only now."""
    new, old = candidate("a", 0, RAIN), candidate("d", 0, RAIN)

    selected = select([new, old], ids(samples, old))

    assert [each.sample_id for each in selected.instructions] == ["d"]
    assert [(reject.row_id, reject.reason) for reject in selected.rejects] == [("a-0", "duplicate")]


def test_new_samples_take_the_places_of_those_that_went_and_no_others(
    select: Callable[..., Selected],
) -> None:
    before = [candidate(sample_id, number) for sample_id in "bcd" for number in range(4)]
    first = select(before, frozenset(), accepted=6)
    taken = {each.instruction_id for each in first.instructions}
    new = [candidate("a", number) for number in range(4)]
    left = [each for each in before if each.sample_id != "c"]

    second = select([*new, *left], taken, accepted=6)

    still = queries(first) & {each.query for each in left}
    assert len(second.instructions) == 6
    assert queries(second) > still
    assert {each.sample_id for each in second.instructions if each.query not in still} == {"a"}


def test_fewer_wanted_are_a_balanced_part_of_what_was_taken(select: Callable[..., Selected]) -> None:
    candidates = [candidate(sample_id, number) for sample_id in "abcd" for number in range(4)]
    first = select(candidates, frozenset(), accepted=12)

    second = select(candidates, {each.instruction_id for each in first.instructions}, accepted=6)

    assert queries(second) < queries(first)
    assert sorted(each.scenario for each in second.instructions) == ["G1", "G1", "G2", "G2", "G3", "G3"]
