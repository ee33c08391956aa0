"""Each mending alone: the same script under our rules, and with its one flag as published.

The trees are in golden/<flag>.txt; UPDATE_GOLDEN=1 writes them anew.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.verdict import outcome_of
from tasks.catalogue.names import function_name
from tasks.errors import ServerFailed
from tasks.llm.adapt import prompted
from tasks.search.functions import offer_for
from tasks.search.methods import dfs_ranked
from tasks.search.observing import observe
from tasks.search.rules import FLAGS, TOOLBENCH, TOOLLOOM, Rules
from tasks.search.task import Function, Observation
from tasks.text_budget.shape import Shape
from warehouse.tables.catalogue import Api
from warehouse.tables.documents import Document

GOLDEN = Path(__file__).parent / "golden"

Case = Callable[..., str]
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
        scripted.reply(scripted.call("tools.get_weather_for_sky", city="Oslo")),
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
def texts_are_answered(scripted: Any, rules: Rules) -> str:
    script = [
        scripted.reply("First the sky."),
        scripted.reply("Then the clock."),
        scripted.reply(scripted.call("get_weather_for_sky")),
        scripted.reply(scripted.answer()),
    ]
    played = scripted.play(script, rules)
    asked = [prompted(request).transcript.messages()[2:] for request in played.requests]
    lines = [[f"{message.role}: {message.content or '(a call)'}" for message in said] for said in asked]
    return "".join(f"{' | '.join(said)}\n" for said in lines)


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


SHAPE: Shape = {"city": "string", "days": [{"day": "integer", "text": "string"}]}


@case
def observation_stays_valid(scripted: Any, rules: Rules) -> str:
    """Compressed to the keys worth keeping, then cut by tokens at a boundary; or after 1024 characters."""
    del scripted
    days = [{"id": f"id-{n}", "day": n, "text": f"On day {n} it rains. " * 8} for n in range(9)]
    body = json.dumps({"city": "Oslo", "days": days})
    seen = observe(CallResult(outcome=Outcome.OK, http_status=200, body=body), SHAPE, 150, rules)
    assert _is_json(seen.text) is rules.observation_stays_valid
    return f"{seen.text}\n"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


LIMIT = {"name": "limit", "type": "number", "schema": '{"minimum": 1, "maximum": 9}', "default": "5"}


@case
def optional_always_offered(scripted: Any, rules: Rules, make_api: Callable[..., Api]) -> str:
    del scripted
    offered = [make_api(LIMIT), make_api(LIMIT, {"name": "city", "required": True}, api_id="w/sky/city")]
    return "".join(
        f"{_parameters(function)}\n" for function in offer_for(offered, {}, {}, rules).functions[:2]
    )


@case
def numbers_stay_numbers(scripted: Any, rules: Rules, make_api: Callable[..., Api]) -> str:
    del scripted
    offered = [make_api(LIMIT, {"name": "city", "required": True})]
    return f"{_parameters(offer_for(offered, {}, {}, rules).functions[0])}\n"


@case
def documents_describe(scripted: Any, rules: Rules, make_api: Callable[..., Api]) -> str:
    del scripted
    api = make_api({"name": "city", "description": "Where."}, description=" forecast of the weather ")
    said = json.dumps({"api_description": "Weather.", "parameters": [{"name": "city", "description": "A."}]})
    document = Document(
        api_id=api.api_id,
        document=said,
        response_schema="{}",
        tokens_before=9,
        tokens_after=9,
        method="as-is",
    )
    function = offer_for([api], {}, {api.api_id: document}, rules).functions[0]
    return json.dumps(function.wire()["function"], indent=1) + "\n"


@case
def cut_names_are_valid(scripted: Any, rules: Rules, make_api: Callable[..., Api]) -> str:
    del scripted
    name = function_name(api_id := f"w/sky/a{'1' * 70}")
    return offer_for([make_api(api_id=api_id, function_name=name)], {}, {}, rules).functions[0].name + "\n"


def _parameters(function: Function) -> str:
    return json.dumps(function.wire()["function"]["parameters"], indent=1)


@pytest.fixture(params=sorted(CASES))
def drawn(
    request: pytest.FixtureRequest, scripted: Any, make_api: Callable[..., Api]
) -> tuple[str, Callable[[Rules], str]]:
    """A flag, and what its case comes to under some rules."""
    case = CASES[request.param]
    more = {"make_api": make_api} if "make_api" in inspect.signature(case).parameters else {}
    return request.param, partial(case, scripted, **more)


def test_what_a_flag_changes(drawn: tuple[str, Callable[[Rules], str]]) -> None:
    flag, under = drawn
    assert_golden(flag, f"mended:\n{under(TOOLLOOM)}\nas published:\n{under(without(flag))}")


def assert_golden(name: str, text: str) -> None:
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text)

    assert text == golden.read_text()


def test_a_flag_makes_a_difference(drawn: tuple[str, Callable[[Rules], str]]) -> None:
    flag, under = drawn
    assert under(TOOLLOOM) != under(without(flag))


ANSWERS = [
    (200, '{"city": "Oslo", "note": "no error, nothing was not found"}'),
    (200, '{"message": "the request was unauthorized by nobody", "data": [1]}'),
    (200, '{"error": "unsubscribed"}'),
    (200, '{"message": "rate limit exceeded"}'),
    (200, "Too many cooks: 429 recipes, none unauthorized"),
    (404, '{"city": "Oslo"}'),
    (429, '{"city": "Oslo"}'),
    (401, ""),
    (500, '{"city": "Oslo"}'),
    (204, ""),
]


def test_outcomes_are_decided_by_the_http_layer_and_no_word_in_a_body() -> None:
    """Mending 10, which has no flag: outcomes steer no search under either rule set."""
    lines = []
    for status, body in ANSWERS:
        outcome = outcome_of(status, "application/json", body or None, n_bytes=len(body))
        lines.append(f"{status} {body or '(nothing)'} -> {outcome}\n")
    assert_golden("outcomes", "".join(lines))


def test_every_flag_is_shown() -> None:
    assert CASES.keys() == set(FLAGS)


def test_every_flag_is_mended_in_one_set_and_published_in_the_other() -> None:
    assert {flag: (getattr(TOOLBENCH, flag), getattr(TOOLLOOM, flag)) for flag in FLAGS} == dict.fromkeys(
        FLAGS, (False, True)
    )
