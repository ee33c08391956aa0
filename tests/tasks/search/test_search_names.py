"""Which function a model means."""

from __future__ import annotations

import pytest

from tasks.search.names import Names
from tasks.search.rules import TOOLBENCH, TOOLLOOM

OFFERED = ("all_get_rate_for_bank", "get_rate_for_bank", "list_rates_for_shop", "Finish")


@pytest.mark.parametrize(
    ("written", "published", "ours"),
    [
        ("get_rate_for_bank", "all_get_rate_for_bank", "get_rate_for_bank"),
        ("rates_for_shop", "list_rates_for_shop", None),
        ("tools.list_rates_for_shop", "list_rates_for_shop", None),
        ("Finish", "Finish", "Finish"),
        ("functions.Finish", "Finish", "Finish"),
        (" Finish\n", None, "Finish"),
        ("list_rates_for_shop<|channel|>commentary", None, "list_rates_for_shop"),
        ("functions.list_rates_for_shop:3", None, "list_rates_for_shop"),
        ("`Finish`", None, "Finish"),
        ("Finish()", None, "Finish"),
        ("nish", None, None),
        ("finish", None, None),
        ("", "all_get_rate_for_bank", None),
    ],
)
def test_a_name_under_either_rule_set(written: str, published: str | None, ours: str | None) -> None:
    as_published, mended = Names(OFFERED, TOOLBENCH), Names(OFFERED, TOOLLOOM)

    assert as_published.find(as_published.said(written)) == published
    assert mended.find(mended.said(written)) == ours


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        (
            "tools.get_rate_for_bank",
            ["get_rate_for_bank", "all_get_rate_for_bank", "list_rates_for_shop"],
        ),
        ("get_rates_for_bank", ["get_rate_for_bank", "all_get_rate_for_bank", "list_rates_for_shop"]),
        ("FINISH", ["Finish"]),
        ("zzzz", []),
        ("", []),
    ],
)
def test_the_nearest_names(written: str, nearest: list[str]) -> None:
    assert Names(OFFERED, TOOLLOOM).nearest(written) == nearest


@pytest.mark.parametrize(
    ("written", "kept"),
    [("search web!", "search_web_"), ("x" * 70, "x" * 64), ("", "invalid_function"), ("日本", "__")],
)
def test_an_unknown_name_is_kept_as_the_protocol_can_carry_it(written: str, kept: str) -> None:
    assert Names(OFFERED, TOOLLOOM).in_history(written, None) == kept
