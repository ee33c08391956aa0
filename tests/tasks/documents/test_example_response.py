from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tasks.documents.schema import example_response_of
from warehouse.tables.catalogue import Api
from warehouse.tables.probing import Verdict


@pytest.mark.parametrize(
    ("real", "listed", "example"),
    [
        ('{"real": 1}', '{"listed": 1}', {"real": 1}),
        (None, '{"listed": 1}', {"listed": 1}),
        (None, None, None),
        ("plain text", None, "plain text"),
        ('"quoted"', None, "quoted"),
        ('{"n": 123456789012345678901234567890}', None, {"n": 123456789012345678901234567890}),
        ("[" * 150 + "]" * 150, None, "[" * 150 + "]" * 150),
        ("[" * 100_000, None, "[" * 100_000),
    ],
    ids=["real", "listed", "none", "text", "string", "big", "deep", "abyss"],
)
def test_the_real_response_comes_before_the_listed_one(
    real: str | None,
    listed: str | None,
    example: Any,
    api: Api,
    make_verdict: Callable[[str | None], Verdict],
) -> None:
    assert example_response_of(replace(api, example_response=listed), make_verdict(real)) == example
