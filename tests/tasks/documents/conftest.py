from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from catalogue_rows import a_parameter, a_tool, an_api

from warehouse.tables.catalogue import Api, Parameter, Tool
from warehouse.tables.probing import Verdict


@pytest.fixture
def tool() -> Tool:
    return a_tool("Food/recipes", tool_name="Recipes", description="Recipes from all over the world.")


@pytest.fixture
def parameter() -> Parameter:
    return a_parameter(
        "max-results",
        arg_name="max_results",
        type="integer",
        description="How many to return.",
        default="10",
        schema='{"minimum": 1, "maximum": 50, "title": "n"}',
    )


@pytest.fixture
def api(parameter: Parameter) -> Api:
    return an_api(
        "Food/recipes/search",
        api_name="Search",
        function_name="search_for_recipes",
        description="Finds recipes.",
        parameters=(parameter,),
        example_response='{"listed": true}',
        fingerprint="a",
    )


@pytest.fixture
def make_verdict() -> Callable[[str | None], Verdict]:
    def make(example_response: str | None) -> Verdict:
        return Verdict(
            api_id="Food/recipes/search",
            works=True,
            effective=True,
            kept=True,
            reason="ok",
            median_latency_ms=10.0,
            n_attempts=3,
            example_response=example_response,
            probed_at=datetime(2026, 1, 1, tzinfo=UTC),
        )

    return make
