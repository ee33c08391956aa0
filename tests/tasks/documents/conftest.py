from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from warehouse.tables.catalogue import Api, Parameter, Tool
from warehouse.tables.probing import Verdict


@pytest.fixture
def tool() -> Tool:
    return Tool(
        tool_id="Food/recipes",
        category="Food",
        tool_name="Recipes",
        standardized_name="recipes",
        description="Recipes from all over the world.",
        host="http://recipes.example",
        collections=(),
        source="hub",
        source_url="",
        licence=None,
        n_apis=1,
        split="train",
        fingerprint="t",
    )


@pytest.fixture
def parameter() -> Parameter:
    return Parameter(
        name="max-results",
        arg_name="max_results",
        location="query",
        type="integer",
        required=False,
        description="How many to return.",
        default="10",
        schema='{"minimum": 1, "maximum": 50, "title": "n"}',
    )


@pytest.fixture
def api(parameter: Parameter) -> Api:
    return Api(
        api_id="Food/recipes/search",
        tool_id="Food/recipes",
        api_name="Search",
        function_name="search_for_recipes",
        description="Finds recipes.",
        protocol="http",
        method="GET",
        url="http://recipes.example/search",
        parameters=(parameter,),
        content_type=None,
        body_schema=None,
        security=(),
        read_only=True,
        response_schema=None,
        code_snippet=None,
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
