from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks.errors import BrokenContract
from tasks.sampling.hierarchy import Group, hierarchy_of
from warehouse.tables.catalogue import Tool

MakeTool = Callable[..., Tool]


def test_groups_are_tools_categories_and_collections_by_split(make_tool: MakeTool) -> None:
    tools = [
        make_tool("Food/b", collections=["dinner"]),
        make_tool("Food/a", collections=["dinner", "fun"]),
        make_tool("Food/held", split="test_tool", collections=["dinner"]),
    ]
    hierarchy = hierarchy_of(tools, ["Food/b/x", "Food/a/y", "Food/a/x", "Food/held/x"])
    assert hierarchy.groups == (
        Group("G1", "Food/a", "train", ("Food/a",)),
        Group("G1", "Food/b", "train", ("Food/b",)),
        Group("G1", "Food/held", "test_tool", ("Food/held",)),
        Group("G2", "Food", "test_tool", ("Food/held",)),
        Group("G2", "Food", "train", ("Food/a", "Food/b")),
        Group("G3", "dinner", "test_tool", ("Food/held",)),
        Group("G3", "dinner", "train", ("Food/a", "Food/b")),
        Group("G3", "fun", "train", ("Food/a",)),
    )
    assert hierarchy.apis_of_tool["Food/a"] == ("Food/a/x", "Food/a/y")


def test_a_tool_without_a_kept_api_is_in_no_group(make_tool: MakeTool) -> None:
    hierarchy = hierarchy_of([make_tool("Food/a"), make_tool("Food/dead")], ["Food/a/x"])
    assert [group.tool_ids for group in hierarchy.groups] == [("Food/a",), ("Food/a",)]


def test_a_category_may_contain_a_slash(make_tool: MakeTool) -> None:
    hierarchy = hierarchy_of([make_tool("Food/Tea/a")], ["Food/Tea/a/x"])
    assert hierarchy.groups[1] == Group("G2", "Food/Tea", "train", ("Food/Tea/a",))


def test_an_api_without_a_tool_breaks_the_contract(make_tool: MakeTool) -> None:
    with pytest.raises(BrokenContract, match="'Food/gone'"):
        hierarchy_of([make_tool("Food/a")], ["Food/a/x", "Food/gone/x"])
