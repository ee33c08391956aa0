"""What a call of Finish comes to."""

from __future__ import annotations

import pytest

from tasks.search.finish import read_finish
from tasks.search.rules import TOOLBENCH, TOOLLOOM, Rules

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
