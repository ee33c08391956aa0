from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from tasks.sampling.draw import Drawn, draw_samples, number_of_draws
from tasks.sampling.hierarchy import Group, tool_of
from tasks.sampling.params import SampleParams
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Tool
from warehouse.tables.instructions import Sample

MakeTool = Callable[..., Tool]
MakeCatalogue = Callable[..., tuple[list[Tool], list[str]]]
PARAMS = SampleParams()
TWICE = SampleParams(draws_per_tool=2, draws_per_tool_in_category=2, draws_per_tool_in_collection=2)


def ids(drawn: Drawn) -> set[str]:
    return {sample.sample_id for sample in drawn.samples}


@pytest.fixture
def catalogue(make_catalogue: MakeCatalogue) -> tuple[list[Tool], list[str]]:
    return make_catalogue(300, n_categories=12, n_collections=30, mean_apis=4)


def test_one_tool_gives_one_sample_and_too_few_tools_elsewhere(make_tool: MakeTool) -> None:
    drawn = draw_samples([make_tool("Food/a", collections=["fun"])], ["Food/a/y", "Food/a/x"], PARAMS)
    assert drawn == Drawn(
        samples=(
            Sample(
                sample_id="fdc946266d361b519c7774f416a32dc7",
                scenario="G1",
                group="Food/a",
                draw=0,
                api_ids=("Food/a/x", "Food/a/y"),
                tool_ids=("Food/a",),
                split="train",
            ),
        ),
        rejects=(
            Reject(
                stage="sample",
                row_id="G2/train/Food#0",
                reason="too_few_tools",
                detail="tools with a kept API: 1, needed: 2",
            ),
            Reject(
                stage="sample",
                row_id="G3/train/fun#0",
                reason="too_few_tools",
                detail="tools with a kept API: 1, needed: 2",
            ),
        ),
        n_draws=3,
    )


def test_an_equal_set_is_the_sample_of_its_lowest_draw(make_tool: MakeTool) -> None:
    tools = [make_tool("Food/a", collections=["fun"]), make_tool("Food/b", collections=["fun"])]
    drawn = draw_samples(tools, ["Food/a/x", "Food/b/x"], PARAMS)
    assert [(s.scenario, s.group, s.draw) for s in drawn.samples] == [
        ("G1", "Food/a", 0),
        ("G1", "Food/b", 0),
        ("G2", "Food", 0),
    ]
    assert [(r.row_id, r.reason) for r in drawn.rejects] == [
        ("G2/train/Food#1", "duplicate_draw"),
        ("G3/train/fun#0", "duplicate_draw"),
        ("G3/train/fun#1", "duplicate_draw"),
    ]


def test_every_draw_is_a_sample_or_a_reject(catalogue: tuple[list[Tool], list[str]]) -> None:
    drawn = draw_samples(*catalogue, TWICE)
    rows = {reject.row_id for reject in drawn.rejects}
    assert len(rows) == len(drawn.rejects)
    assert len(drawn.samples) + len(drawn.rejects) == drawn.n_draws
    assert {reject.reason for reject in drawn.rejects} == {"too_few_tools", "duplicate_draw"}


def test_no_two_samples_have_the_same_set(catalogue: tuple[list[Tool], list[str]]) -> None:
    drawn = draw_samples(*catalogue, TWICE)
    assert max(Counter(sample.api_ids for sample in drawn.samples).values()) == 1


def test_a_draw_keeps_to_its_split_and_group(catalogue: tuple[list[Tool], list[str]]) -> None:
    tools = {tool.tool_id: tool for tool in catalogue[0]}
    for sample in draw_samples(*catalogue, TWICE).samples:
        drawn_from = [tools[tool_id] for tool_id in sample.tool_ids]
        assert {tool.split for tool in drawn_from} == {sample.split}
        if sample.scenario == "G1":
            assert sample.tool_ids == (sample.group,)
        elif sample.scenario == "G2":
            assert {tool.category for tool in drawn_from} == {sample.group}
        else:
            assert all(sample.group in tool.collections for tool in drawn_from)


def test_sizes_keep_to_the_parameters(catalogue: tuple[list[Tool], list[str]]) -> None:
    params = TWICE.model_copy(update={"tools": (2, 4), "apis_per_tool": 2, "apis_single_tool": 5})
    n_tools: set[int] = set()
    for sample in draw_samples(*catalogue, params).samples:
        per_tool = Counter(tool_of(api_id) for api_id in sample.api_ids)
        assert tuple(sorted(per_tool)) == sample.tool_ids
        assert max(per_tool.values()) <= (5 if sample.scenario == "G1" else 2)
        if sample.scenario != "G1":
            n_tools.add(len(per_tool))
    assert n_tools == {2, 3, 4}


def test_the_first_draw_of_a_tool_offers_all_it_may(make_tool: MakeTool) -> None:
    apis = [f"Food/a/x{number}" for number in range(14)]
    (sample,) = draw_samples([make_tool("Food/a")], apis, PARAMS).samples
    assert len(sample.api_ids) == 10


def test_the_order_of_the_catalogue_has_no_part(catalogue: tuple[list[Tool], list[str]]) -> None:
    tools, apis = catalogue
    assert draw_samples(tools[::-1], [*apis[99:], *apis[:99]], TWICE) == draw_samples(tools, apis, TWICE)


def test_another_seed_draws_other_sets(catalogue: tuple[list[Tool], list[str]]) -> None:
    one = draw_samples(*catalogue, PARAMS)
    other = draw_samples(*catalogue, PARAMS.model_copy(update={"seed": 1}))
    multi = {sample.sample_id for sample in one.samples if sample.scenario != "G1"}
    assert len(multi & ids(other)) < len(multi) / 4
    assert one.n_draws == other.n_draws


def _draws_of_groups(drawn: Drawn) -> dict[tuple[str, str, str], int]:
    """How many draws each group had, counted from what came out of it."""
    counted = Counter((s.scenario, s.split, s.group) for s in drawn.samples)
    for reject in drawn.rejects:
        scenario, split, rest = reject.row_id.split("/", 2)
        counted[scenario, split, rest.rpartition("#")[0]] += 1
    return dict(counted)


@pytest.mark.parametrize("chosen", [0, 77, 158, 299])
def test_a_dead_tool_changes_only_the_draws_it_was_in(
    catalogue: tuple[list[Tool], list[str]], chosen: int
) -> None:
    tools, apis = catalogue
    dead = tools[chosen].tool_id
    before = draw_samples(tools, apis, PARAMS)
    after = draw_samples(tools, [api_id for api_id in apis if tool_of(api_id) != dead], PARAMS)
    n_draws = _draws_of_groups(after)
    for sample in before.samples:
        shrunk = sample.draw >= n_draws.get((sample.scenario, sample.split, sample.group), 0)
        assert sample.sample_id in ids(after) or dead in sample.tool_ids or shrunk
    lost = {sample.sample_id for sample in before.samples if dead in sample.tool_ids}
    # A draw the tool was in is drawn without it; nothing else is new.
    assert len(ids(after) - ids(before)) <= len(lost)
    assert not lost & ids(after)


def test_a_new_api_changes_only_the_draws_it_enters(catalogue: tuple[list[Tool], list[str]]) -> None:
    tools, apis = catalogue
    new = f"{tools[42].tool_id}/brand_new"
    before, after = draw_samples(tools, apis, PARAMS), draw_samples(tools, [*apis, new], PARAMS)
    assert {s.sample_id for s in after.samples if new not in s.api_ids} <= ids(before)
    assert any(new in sample.api_ids for sample in after.samples)


@pytest.mark.parametrize(
    ("rate", "members", "draws"),
    [(0.0, 50, {0}), (1.0, 50, {50}), (2.0, 3, {6}), (0.1, 5, {0, 1}), (0.5, 7, {3, 4})],
)
def test_a_fraction_of_a_draw_is_left_to_the_hash(rate: float, members: int, draws: set[int]) -> None:
    params = SampleParams(draws_per_tool_in_category=rate)
    tool_ids = tuple(f"c/t{number}" for number in range(members))
    found = {number_of_draws(Group("G2", f"c{n}", "train", tool_ids), params) for n in range(40)}
    assert found == draws


def test_a_further_member_never_means_fewer_draws() -> None:
    params = SampleParams(draws_per_tool_in_collection=0.37)
    numbers = [
        number_of_draws(Group("G3", "fun", "train", tuple(f"c/t{n}" for n in range(members))), params)
        for members in range(60)
    ]
    assert numbers == sorted(numbers)
    assert numbers[-1] in (21, 22)
