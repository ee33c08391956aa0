from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from catalogue_rows import a_tool

from warehouse.tables.catalogue import Tool

Catalogue = tuple[list[Tool], list[str]]
SPLITS = ("train", "train", "train", "test_tool")


def tool(tool_id: str, *, collections: Sequence[str] = (), split: str = "train") -> Tool:
    return a_tool(tool_id, collections=tuple(collections), split=split)


def catalogue(n_tools: int, *, n_categories: int, n_collections: int, mean_apis: float) -> Catalogue:
    """A catalogue with the skew of a real one: most tools have few APIs, and some have dozens."""
    random = np.random.default_rng(7)
    tools: list[Tool] = []
    api_ids: list[str] = []
    for number in range(n_tools):
        collections = random.choice(n_collections, size=int(random.integers(0, 3)), replace=False)
        category = f"category {int(n_categories * random.random() ** 2)}"
        names = [f"collection {c}" for c in collections]
        tools.append(tool(f"{category}/t{number}", collections=names, split=SPLITS[number % 4]))
        n_apis = min(60, int(random.geometric(1 / mean_apis)))
        api_ids += [f"{tools[-1].tool_id}/api_{i}" for i in range(n_apis)]
    return tools, api_ids


@pytest.fixture
def make_tool() -> Callable[..., Tool]:
    return tool


@pytest.fixture
def make_catalogue() -> Callable[..., Catalogue]:
    return catalogue
