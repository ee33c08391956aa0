"""Where a run with the sandbox finds its hub and its model."""

from __future__ import annotations

import pytest

from flows.configure import load_config
from flows.sandbox_process import at_addresses

OWN = "http://model.test/v1"
TEACHER = "http://127.0.0.1:2/v1"


@pytest.mark.parametrize(
    ("overrides", "base_url"), [([], TEACHER), ([f"llm.base_url={OWN}", "llm.model=m"], OWN)]
)
def test_a_model_of_ones_own_may_work_on_the_sandboxs_apis(overrides: list[str], base_url: str) -> None:
    found = at_addresses(load_config(overrides=overrides), hub="http://127.0.0.1:1", teacher=TEACHER)

    assert found.llm.base_url == base_url
    assert found.evaluate.judge is None
    assert found.calling.resolve["*.sandbox.test"] == "http://127.0.0.1:1"


def test_a_judge_may_be_the_teacher_of_the_sandbox() -> None:
    address = load_config().llm.base_url
    overrides = [f"evaluate.judge.base_url={address}", "evaluate.judge.model=toolloom-teacher"]
    found = at_addresses(load_config(overrides=overrides), hub="http://127.0.0.1:1", teacher=TEACHER)

    assert found.evaluate.judge is not None
    assert (found.evaluate.judge.base_url, found.evaluate.judge.endpoint_id) == (TEACHER, address)
