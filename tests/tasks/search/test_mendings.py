"""Each flag of the rules alone: the same script under our rules, and with that one flag as published.

The trees are in golden/<flag>.txt; UPDATE_GOLDEN=1 writes them anew.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ServerFailed
from tasks.search.ranked import dfs_ranked
from tasks.search.rules import FLAGS, TOOLBENCH, TOOLLOOM, Rules
from tasks.search.task import Observation

GOLDEN = Path(__file__).parent / "golden"

Case = Callable[[Any, Rules], str]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


@case
def depth_counts_replies(scripted: Any, rules: Rules) -> str:
    thinking = [
        scripted.reply("First the weather.", scripted.call("get_weather_for_sky")),
        scripted.reply("Then the time.", scripted.call("get_time_for_sky")),
        scripted.reply("Then the price.", scripted.call("get_price_for_shop")),
        scripted.reply("That is all.", scripted.answer()),
    ]
    return str(scripted.play(thinking, rules, width=1, max_depth=6).drawing)


@case
def root_outlives_give_up(scripted: Any, rules: Rules) -> str:
    script = [scripted.reply(scripted.give_up()), scripted.reply(scripted.answer())]
    return str(scripted.play(script, rules).drawing)


@case
def last_reply_counts(scripted: Any, rules: Rules) -> str:
    script = [scripted.reply(scripted.call("get_weather_for_sky")), scripted.reply(scripted.answer())]
    return str(scripted.play(script, rules, max_queries=2).drawing)


@case
def exact_names(scripted: Any, rules: Rules) -> str:
    script = [
        scripted.reply(scripted.call("functions.get_weather_for_sky", city="Oslo")),
        scripted.reply(scripted.call("time_for_sky")),
        scripted.reply(scripted.call("search_web")),
        scripted.reply(scripted.answer()),
    ]
    played = scripted.play(script, rules)
    return "\n".join([played.drawing, *played.said(3), ""])


@case
def repair_arguments(scripted: Any, rules: Rules) -> str:
    script = [
        scripted.reply(scripted.call("get_weather_for_sky", "{'city': 'Oslo', days: 3")),
        scripted.reply(scripted.call("get_time_for_sky", "[1, 2]")),
        scripted.reply(scripted.call("Finish", '{"return_type":"give_answer","final_answer":"It rai')),
        scripted.reply(scripted.give_up()),
        scripted.reply(scripted.answer()),
    ]
    played = scripted.play(script, rules)
    return "\n".join([played.drawing, *played.said(2), ""])


@case
def blank_answer_fails(scripted: Any, rules: Rules) -> str:
    script = [scripted.reply(scripted.answer("  ")), scripted.reply(scripted.answer())]
    return str(scripted.play(script, rules).drawing)


@case
def answer_is_text(scripted: Any, rules: Rules) -> str:
    return str(scripted.play([scripted.reply(scripted.answer("Yes."))], rules).drawing)


@case
def blank_text_is_none(scripted: Any, rules: Rules) -> str:
    script = [
        scripted.reply("", scripted.call("get_weather_for_sky")),
        scripted.reply(scripted.answer()),
    ]
    return str(scripted.play(script, rules).drawing)


@case
def empty_reply_fails(scripted: Any, rules: Rules) -> str:
    script = [scripted.reply(), scripted.reply(scripted.answer())]
    return str(scripted.play(script, rules).drawing)


@case
def diversity_tells_ends(scripted: Any, rules: Rules) -> str:
    script = [
        scripted.reply(scripted.call("get_weather_for_sky")),
        scripted.reply(scripted.call("get_time_for_sky")),
        scripted.reply("It is late."),
        scripted.reply(scripted.give_up()),
        scripted.reply(scripted.answer()),
    ]
    seen = {"get_time_for_sky": Observation("no clock", "not_found", 6)}
    played = scripted.play(script, rules, seen=seen, max_depth=3)
    return "\n".join([played.drawing, *played.said(4), ""])


@case
def diversity_lists_thoughts(scripted: Any, rules: Rules) -> str:
    script = [
        scripted.reply("I could look at the sky."),
        scripted.reply("Or I could not."),
        scripted.reply(scripted.give_up()),
        scripted.reply(scripted.answer()),
    ]
    return str(scripted.play(script, rules, max_depth=2).drawing)


@case
def parallel_calls(scripted: Any, rules: Rules) -> str:
    script = [
        scripted.reply(
            "Both.", scripted.call("get_weather_for_sky"), scripted.call("get_time_for_sky", zone="UTC")
        ),
        scripted.reply(scripted.call("get_price_for_shop"), scripted.answer(), scripted.give_up()),
        scripted.reply(scripted.answer()),
    ]
    played = scripted.play(script, rules)
    return "\n".join([played.drawing, *played.said(1), ""])


@case
def outage_suspends(scripted: Any, rules: Rules) -> str:
    script = [ServerFailed("status 500"), scripted.reply(scripted.answer())]
    try:
        return str(scripted.play(script, rules).drawing)
    except ServerFailed as error:
        return f"stopped by {type(error).__name__}: {error}\n"


def without(flag: str) -> Rules:
    """Our rules with one flag as published."""
    flags: dict[str, Any] = {flag: False}
    return dataclasses.replace(TOOLLOOM, **flags)


@case
def answer_ends_ranking(scripted: Any, rules: Rules) -> str:
    script = [
        scripted.reply(scripted.answer("At once.")),
        scripted.reply(scripted.answer("Later.")),
        scripted.reply("B"),
        scripted.reply("A"),
    ]
    return str(scripted.play(script, rules, method=dfs_ranked).drawing)


@case
def vote_is_a_word(scripted: Any, rules: Rules) -> str:
    script = [
        scripted.reply("One way.", scripted.call("get_weather_for_sky")),
        scripted.reply("Another.", scripted.call("get_time_for_sky")),
        scripted.reply("B."),
        scripted.reply("A is better."),
        scripted.reply(scripted.answer()),
        scripted.reply(scripted.answer()),
    ]
    return str(scripted.play(script, rules, method=dfs_ranked).drawing)


@pytest.mark.parametrize("flag", sorted(CASES))
def test_what_a_flag_changes(scripted: Any, flag: str) -> None:
    published = without(flag)
    drawn = f"mended:\n{CASES[flag](scripted, TOOLLOOM)}\nas published:\n{CASES[flag](scripted, published)}"
    golden = GOLDEN / f"{flag}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(drawn)

    assert drawn == golden.read_text()


@pytest.mark.parametrize("flag", sorted(CASES))
def test_a_flag_makes_a_difference(scripted: Any, flag: str) -> None:
    assert CASES[flag](scripted, TOOLLOOM) != CASES[flag](scripted, without(flag))


ELSEWHERE = {
    "observation_stays_valid": "test_annotate_instruction.py",
    "optional_always_offered": "test_functions.py",
    "numbers_stay_numbers": "test_functions.py",
}


def test_every_flag_is_shown_here_or_elsewhere() -> None:
    assert {*CASES, *ELSEWHERE} == set(FLAGS)


def test_every_flag_is_mended_in_one_set_and_published_in_the_other() -> None:
    assert {flag: (getattr(TOOLBENCH, flag), getattr(TOOLLOOM, flag)) for flag in FLAGS} == dict.fromkeys(
        FLAGS, (False, True)
    )
