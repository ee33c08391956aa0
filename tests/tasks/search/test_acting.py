"""Which function a model means."""

from __future__ import annotations

import pytest

from tasks.search.acting import Names, read_finish
from tasks.search.rules import TOOLBENCH, TOOLLOOM, Rules

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


GIVE_UP = '{"return_type": "give_up_and_restart", "reason": "no data"}'
CUT = '{"return_type": "give_answer", "final_answer": "It rai'
TIGHT = '{"return_type":"give_answer","final_answer":"It rai'


@pytest.mark.parametrize(
    ("text", "published", "ours"),
    [
        ('{"return_type": "give_answer", "final_answer": "Rain."}', "answered", "answered"),
        (GIVE_UP, "gave_up", "gave_up"),
        ('{"return_type": "give_answer"}', "bad_finish", "bad_finish"),
        ('{"final_answer": "Rain."}', "bad_finish", "bad_finish"),
        ('{"return_type": "done", "final_answer": "Rain."}', "bad_finish", "bad_finish"),
        ('{"return_type": ["give_answer"], "final_answer": "Rain."}', "bad_finish", "bad_finish"),
        ('["give_answer"]', "bad_finish", "bad_finish"),
        ("", "bad_finish", "bad_finish"),
        ("It rains.", "bad_finish", "bad_finish"),
        (CUT, "answered", "answered"),
        (TIGHT, "bad_finish", "answered"),
        (CUT[:40], "bad_finish", "bad_finish"),
        (GIVE_UP[:-8], "gave_up", "gave_up"),
        (f"{GIVE_UP[:-8]}{CUT}", "answered", "gave_up"),  # published rules look for an answer first
        ('"return_type": "give_up_and_restart" "return_type": "give_answer"', "bad_finish", "bad_finish"),
        (GIVE_UP[:24], "bad_finish", "bad_finish"),
        ("{'return_type': 'give_answer', 'final_answer': 'Rain.'}", "bad_finish", "answered"),
        ('{"return_type": "give_answer", "final_answer": ""}', "answered", "bad_finish"),
        ('{"return_type": "give_answer", "final_answer": null}', "answered", "bad_finish"),
        ('{"return_type": "give_answer", "final_answer": {}}', "answered", "bad_finish"),
    ],
)
def test_a_finish_under_either_rule_set(text: str, published: str, ours: str) -> None:
    assert (read_finish(text, TOOLBENCH).outcome, read_finish(text, TOOLLOOM).outcome) == (published, ours)


@pytest.mark.parametrize(
    ("text", "published", "ours"),
    [
        ('{"return_type": "give_answer", "final_answer": " Rain. "}', None, "Rain."),
        ('{"return_type": "give_answer", "final_answer": {"mm": 3}}', None, '{"mm": 3}'),
        ('{"return_type": "give_answer", "final_answer": 0}', None, "0"),
        (CUT, None, "It rai"),
        (GIVE_UP, None, None),
    ],
)
def test_the_final_answer_is_raw_where_published_and_text_where_mended(
    text: str, published: str | None, ours: str | None
) -> None:
    assert read_finish(text, TOOLBENCH).final_answer == (published or text)
    assert read_finish(text, TOOLLOOM).final_answer == ours


@pytest.mark.parametrize("rules", [TOOLBENCH, TOOLLOOM], ids=lambda rules: rules.name)
def test_a_cut_off_answer_is_kept_as_valid_json_and_counts_as_repaired(rules: Rules) -> None:
    kept = read_finish(CUT, rules).arguments

    assert (kept.text, kept.repaired) == ('{"return_type": "give_answer", "final_answer": "It rai"}', True)
