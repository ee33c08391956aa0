from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from tasks.sampling.coverage import forced_draws, wanted_apis
from tasks.sampling.draw import Drawn, draw_samples
from tasks.sampling.params import SampleParams
from warehouse.tables.catalogue import Tool
from warehouse.tables.instructions import Instruction, RelevantApi, Sample

MakeTool = Callable[..., Tool]
MakeInstruction = Callable[[list[str]], Instruction]
Catalogue = tuple[list[Tool], list[str]]
MULTI_TOOL_ONLY = SampleParams(draws_per_tool=0)


def uncovered_apis(kept_api_ids: Iterable[str], samples: Iterable[Sample]) -> tuple[str, ...]:
    """The kept APIs that no sample contains, sorted."""
    covered = {api_id for sample in samples for api_id in sample.api_ids}
    return tuple(sorted(set(kept_api_ids) - covered))


@pytest.fixture
def catalogue(make_catalogue: Callable[..., Catalogue]) -> Catalogue:
    return make_catalogue(120, n_categories=6, n_collections=12, mean_apis=9)


@pytest.fixture
def make_instruction() -> MakeInstruction:
    def make(needed: list[str]) -> Instruction:
        return Instruction(
            instruction_id=" ".join(needed),
            sample_id="s",
            scenario="G1",
            split="train",
            query="?",
            relevant_apis=tuple(RelevantApi(tool_name="a", api_name=each, api_id=each) for each in needed),
            api_ids=tuple(needed),
            api_fingerprints=tuple("f" for _ in needed),
            n_words=1,
            model="m",
            prompt_digest="p",
            seed_ids=(),
        )

    return make


def forced(catalogue: Catalogue, before: Drawn, round_no: int, params: SampleParams) -> Drawn:
    wanted = uncovered_apis(catalogue[1], before.samples)
    return forced_draws(*catalogue, wanted, before.samples, round_no=round_no, params=params)


@pytest.mark.parametrize("params", [SampleParams(), MULTI_TOOL_ONLY], ids=["all", "multi-tool"])
def test_one_round_covers_whatever_can_be_drawn(catalogue: Catalogue, params: SampleParams) -> None:
    before = draw_samples(*catalogue, params)
    more = forced(catalogue, before, 1, params)
    left = uncovered_apis(catalogue[1], [*before.samples, *more.samples])
    assert uncovered_apis(catalogue[1], before.samples)
    assert {reject.row_id.rpartition(":")[2] for reject in more.rejects} == set(left)
    assert {reject.reason for reject in more.rejects} <= {"too_few_tools"}
    assert len(more.samples) + len(more.rejects) == more.n_draws


def test_forced_draws_are_of_one_tool_where_such_are_wanted(catalogue: Catalogue) -> None:
    before = draw_samples(*catalogue, SampleParams())
    more = forced(catalogue, before, 3, SampleParams())
    assert {(sample.scenario, sample.draw) for sample in more.samples} == {("G1", -3)}


def test_forced_draws_keep_to_the_sizes_of_a_multi_tool_set(catalogue: Catalogue) -> None:
    more = forced(catalogue, draw_samples(*catalogue, MULTI_TOOL_ONLY), 1, MULTI_TOOL_ONLY)
    assert {sample.scenario for sample in more.samples} <= {"G2", "G3"}
    assert all(2 <= len(sample.tool_ids) <= 5 for sample in more.samples)
    assert all(len(sample.api_ids) <= 3 * len(sample.tool_ids) for sample in more.samples)


def test_an_api_that_an_earlier_draw_of_the_round_contains_needs_none(make_tool: MakeTool) -> None:
    apis = [f"Food/a/x{number}" for number in range(40)]
    catalogue = ([make_tool("Food/a")], apis)
    more = forced_draws(*catalogue, apis, (), round_no=1, params=SampleParams())
    assert 4 <= more.n_draws < 20
    assert uncovered_apis(apis, more.samples) == ()


def test_rounds_draw_other_sets_whatever_the_order(catalogue: Catalogue) -> None:
    tools, apis = catalogue
    before = draw_samples(tools, apis, SampleParams())
    shuffled = (tools[::-1], [*apis[99:], *apis[:99]])
    first = forced(catalogue, before, 1, SampleParams())
    assert forced(shuffled, before, 1, SampleParams()) == first
    second = forced(catalogue, before, 2, SampleParams())
    ids = {sample.sample_id for sample in first.samples}
    assert not ids & {sample.sample_id for sample in second.samples}


def test_where_all_apis_of_a_tool_were_drawn_fewer_are(make_tool: MakeTool) -> None:
    apis = [f"Food/a/x{number}" for number in range(6)]
    catalogue = ([make_tool("Food/a")], apis)
    before = draw_samples(*catalogue, SampleParams())
    (more,) = forced_draws(*catalogue, [apis[3]], before.samples, round_no=1, params=SampleParams()).samples
    assert set(before.samples[0].api_ids) == set(apis)
    assert apis[3] in more.api_ids
    assert len(more.api_ids) < len(apis)


def test_a_set_that_was_drawn_before_is_a_duplicate(make_tool: MakeTool) -> None:
    catalogue = ([make_tool("Food/a")], ["Food/a/x"])
    before = draw_samples(*catalogue, SampleParams())
    again = forced_draws(*catalogue, ["Food/a/x"], before.samples, round_no=1, params=SampleParams())
    assert again.samples == ()
    assert [(r.row_id, r.reason) for r in again.rejects] == [
        ("G1/train/Food/a#-1:Food/a/x", "duplicate_draw")
    ]


APIS = [f"Food/a/x{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("needed", "accepted", "wanted"),
    [
        ([["x0"], ["x1", "x2"]], None, {"x3", "x4"}),
        ([["x0"], ["x1", "x2"], ["x3"], ["x4"]], None, set()),
        ([["x0"], ["x1", "x2"]], 2, set()),
        ([["x0"], ["x1", "x2"], ["x1", "x0"], ["x2"]], 4, {"x3", "x4"}),
        ([["x0"], ["x1", "x2"], ["x1", "x0"]], 5, {"x3", "x4"}),
        ([["x0", "x1", "x2", "x3", "x4"], ["x0"]], 2, set()),
        ([["x0", "x1", "x2", "x3", "x4"], ["x0", "x1"]], 9, {"x2", "x3", "x4"}),
    ],
    ids=["all", "none", "no room", "two can give way", "also wanting", "full", "wanting alone"],
)
def test_apis_that_are_wanted_of_a_round(
    needed: list[list[str]],
    accepted: int | None,
    wanted: set[str],
    make_tool: MakeTool,
    make_instruction: MakeInstruction,
) -> None:
    samples = draw_samples([make_tool("Food/a")], APIS, SampleParams()).samples * 2
    instructions = [make_instruction([f"Food/a/{name}" for name in names]) for names in needed]
    found = wanted_apis(APIS, samples, instructions, accepted=accepted, round_no=1, params=SampleParams())
    # Those that few need are wanted in an order of chance; here as many as there are.
    assert {api_id.rpartition("/")[2] for api_id in found} >= wanted
    assert bool(found) == bool(wanted)
