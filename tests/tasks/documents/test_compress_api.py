from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from scripted_model import ScriptedModel

from tasks.documents.params import CompressParams
from tasks.documents.shorten import TOKENS_SHOWN, Compressor, document_of
from tasks.errors import OverBudget, RequestRefused, StopRun
from tasks.llm.chat import Reply
from tasks.text_budget.shape import project, shape_of
from tasks.text_budget.shorten import json_text
from tasks.text_budget.tokens import count_tokens
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.documents import Document
from warehouse.tables.probing import Verdict

MakeVerdict = Callable[[str | None], Verdict]
PARAMS = CompressParams(max_tokens=300)
SMALL = {"title": "Soup", "minutes": 20}
STEPS = {f"step_{n}": f"stir well for {n} minutes" for n in range(12)}
LARGE: dict[str, Any] = {
    "total": 80,
    "recipes": [{"name": f"Soup no. {n}", "image": f"https://img.example/{n}", **STEPS} for n in range(80)],
}
CUT_77 = {"_cut": "77 more items"}
NOT_JSON = Reply(content="I would keep the names.")
REFUSED = RequestRefused("context_too_long", "HTTP 400: too long")


def keeping(*paths: str) -> Reply:
    return Reply(content=json.dumps({"description": "Finds.", "keep": paths}))


def compress(
    tool: Tool,
    api: Api,
    verdict: Verdict,
    model: ScriptedModel,
    before: Document | None = None,
    settings: str = "s",
) -> Document:
    compressor = Compressor(model, PARAMS, settings)
    return asyncio.run(compressor.document(tool, api, verdict, before))


def shown_of(document: Document) -> Document:
    """What a model is shown, without what it was made from."""
    return replace(document, conditions=None, outline=None)


def test_a_document_within_the_budget_stays_as_it_is(tool: Tool, api: Api, make_verdict: MakeVerdict) -> None:
    document = document_of(tool, api, SMALL)
    compressed = compress(tool, api, make_verdict(json.dumps(SMALL)), ScriptedModel([]))
    assert shown_of(compressed) == Document(
        api_id="Food/recipes/search",
        document=document,
        response_schema='{"title":"string","minutes":"integer"}',
        tokens_before=count_tokens(document),
        tokens_after=count_tokens(document),
        method="as-is",
        tokenizer="o200k (approximation)",
    )


def test_the_model_chooses_the_words_and_the_keys(tool: Tool, api: Api, make_verdict: MakeVerdict) -> None:
    model = ScriptedModel([keeping("recipes[].name", "no.such.path")])
    names = {"recipes": [*({"name": f"Soup no. {n}"} for n in range(3)), CUT_77]}
    document = document_of(tool, replace(api, description="Finds."), names)
    assert shown_of(compress(tool, api, make_verdict(json.dumps(LARGE)), model)) == Document(
        api_id="Food/recipes/search",
        document=document,
        response_schema='{"recipes":[{"name":"string"}]}',
        tokens_before=count_tokens(document_of(tool, api, LARGE)),
        tokens_after=count_tokens(document),
        method="llm",
        tokenizer="o200k (approximation)",
    )
    assert [asked[:2] for asked in model.asked] == [("Food/recipes/search", 0)]
    wanted = model.asked[0][2].response_format or {}
    assert wanted["json_schema"]["schema"]["required"] == ["description", "keep"]


def test_what_the_model_leaves_too_long_is_cut(tool: Tool, api: Api, make_verdict: MakeVerdict) -> None:
    compressed = compress(tool, api, make_verdict(json.dumps(LARGE)), ScriptedModel([keeping("recipes")]))
    shown = json.loads(compressed.document)
    assert (compressed.method, compressed.tokens_after <= 300) == ("cut", True)
    assert json.loads(compressed.response_schema) == {"recipes": shape_of(LARGE["recipes"])}
    assert shown["api_description"] == "Finds."
    assert shown["response"]["recipes"] == [LARGE["recipes"][0], {"_cut": "79 more items"}]


@pytest.mark.parametrize("first", [NOT_JSON, REFUSED], ids=["malformed", "refused"])
def test_the_second_ask_shows_less(
    first: Reply | Exception, tool: Tool, api: Api, make_verdict: MakeVerdict
) -> None:
    large = {f"recipe {n}": f"{name} soup" for n in range(3000) for name in ("cold", "hot")} | SMALL
    model = ScriptedModel([first, keeping("title")])
    assert compress(tool, api, make_verdict(json.dumps(large)), model).method == "llm"
    asked = [asked[2].transcript.messages()[1].content or "" for asked in model.asked]
    assert count_tokens(asked[0]) - count_tokens(asked[1]) > TOKENS_SHOWN[0] / 2


@pytest.mark.parametrize("second", [NOT_JSON, REFUSED], ids=["malformed", "refused"])
def test_no_api_is_lost_to_a_model_of_no_help(
    second: Reply | Exception, tool: Tool, api: Api, make_verdict: MakeVerdict
) -> None:
    compressed = compress(tool, api, make_verdict(json.dumps(LARGE)), ScriptedModel([NOT_JSON, second]))
    assert (compressed.method, compressed.tokens_after <= 300) == ("cut", True)
    assert json.loads(compressed.response_schema) == shape_of(LARGE)
    assert json.loads(compressed.document)["api_description"] == "Finds recipes."


@pytest.mark.parametrize(
    "huge",
    [
        json.dumps(LARGE["recipes"] * 200),
        json.dumps({f"recipe {n}": {"name": "Soup"} for n in range(20_000)} | SMALL),
        "It is a long story. " * 50_000,
    ],
    ids=["array", "map", "text"],
)
def test_a_huge_response_is_not_sent_whole(
    huge: str, tool: Tool, api: Api, make_verdict: MakeVerdict
) -> None:
    model = ScriptedModel([NOT_JSON, NOT_JSON])
    assert compress(tool, api, make_verdict(huge), model).tokens_after <= 300
    assert count_tokens(model.prompt(0)) < 3 * TOKENS_SHOWN[0] + 4000


def test_the_call_that_was_answered_is_shown_with_its_answer(
    tool: Tool, api: Api, make_verdict: MakeVerdict
) -> None:
    verdict = replace(make_verdict(json.dumps(SMALL)), example_arguments='{"max_results":7}')
    compressed = compress(tool, api, verdict, ScriptedModel([]))
    assert compressed.document == document_of(tool, api, SMALL, {"max_results": 7})


def test_an_example_of_the_listing_comes_without_a_call(
    tool: Tool, api: Api, make_verdict: MakeVerdict
) -> None:
    verdict = replace(make_verdict(None), example_arguments='{"max_results":7}')
    assert compress(tool, api, verdict, ScriptedModel([])).document == document_of(
        tool, api, {"listed": True}
    )


def test_a_run_that_must_stop_stops(tool: Tool, api: Api, make_verdict: MakeVerdict) -> None:
    with pytest.raises(StopRun):
        compress(tool, api, make_verdict(json.dumps(LARGE)), ScriptedModel([OverBudget("spent")]))


def test_the_response_shown_is_part_of_the_real_one(tool: Tool, api: Api, make_verdict: MakeVerdict) -> None:
    model = ScriptedModel([keeping("total", "recipes[].step_1", "recipes[].price")])
    compressed = compress(tool, api, make_verdict(json.dumps(LARGE)), model)
    kept = json.loads(compressed.response_schema)
    assert kept == {"total": "integer", "recipes": [{"step_1": "string"}]}
    assert compressed.method == "llm"
    shown = json.loads(compressed.document)["response"]
    assert shown == {"total": 80, "recipes": [*project(LARGE, kept)["recipes"][:3], CUT_77]}


def test_a_document_that_only_a_list_makes_long_keeps_every_key(
    tool: Tool, api: Api, make_verdict: MakeVerdict
) -> None:
    rates = [{"day": f"2026-01-{n}", "rates": {"open": n / 7, "close": n / 9, "high": n}} for n in range(200)]
    compressed = compress(
        tool, api, make_verdict(json.dumps({"of": "EUR", "days": rates})), ScriptedModel([])
    )
    few = {"of": "EUR", "days": [*rates[:3], {"_cut": "197 more items"}]}
    assert shown_of(compressed) == Document(
        api_id="Food/recipes/search",
        document=document_of(tool, api, few),
        response_schema=json_text(shape_of({"of": "EUR", "days": rates})),
        tokens_before=count_tokens(document_of(tool, api, {"of": "EUR", "days": rates})),
        tokens_after=count_tokens(document_of(tool, api, few)),
        method="lists",
        tokenizer="o200k (approximation)",
    )


PLACES = {"places": [{"name": f"Hut {n}", "lat": n, "lon": n, "beds": n, **STEPS} for n in range(9)]}


def told(description: str, *paths: str) -> Reply:
    return Reply(content=json.dumps({"description": description, "keep": paths}))


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (told("Finds huts and their beds.", "places[].name"), "what `keep` drops: places[].beds"),
        (told("Finds huts.", "places[].step_1"), "drops every key that the document promises: places[].name"),
        (told("Finds huts.", "places[].name", "places[].lat"), "`places[].lat` without `places[].lon`"),
    ],
    ids=["named", "all", "twin"],
)
def test_a_shortening_that_breaks_a_promise_is_asked_for_again(
    reply: Reply, why: str, tool: Tool, api: Api, make_verdict: MakeVerdict
) -> None:
    api = replace(api, description="Finds huts by their name.")
    model = ScriptedModel([reply, told("Finds huts.", "places[].name", "places[].lat", "places[].lon")])
    compressed = compress(tool, api, make_verdict(json.dumps(PLACES)), model)
    assert why in model.prompt(1)
    assert (compressed.method, json.loads(compressed.response_schema)) == (
        "llm",
        {"places": [{"name": "string", "lat": "integer", "lon": "integer"}]},
    )


def test_after_two_broken_promises_every_key_stays(tool: Tool, api: Api, make_verdict: MakeVerdict) -> None:
    api = replace(api, description="Finds huts, their name and beds.")
    worse = told("Finds huts and their beds.", "places[].name")
    compressed = compress(tool, api, make_verdict(json.dumps(PLACES)), ScriptedModel([worse, worse]))
    assert json.loads(compressed.response_schema) == shape_of(PLACES)
    assert json.loads(compressed.document)["api_description"] == api.description
    assert compressed.method == "cut"


def test_what_the_description_promises_is_cut_last(tool: Tool, api: Api, make_verdict: MakeVerdict) -> None:
    wide = {
        **{f"part_{n}_{'abcdef'[n % 6]}": "x" * (n % 30) for n in range(200)},
        "count": 7,
        "boilingPoint": 3,
    }
    api = replace(api, description="Returns the boiling points.")
    compressed = compress(tool, api, make_verdict(json.dumps(wide)), ScriptedModel([NOT_JSON, NOT_JSON]))
    assert json.loads(compressed.document)["response"]["boilingPoint"] == 3


@pytest.mark.parametrize(
    ("then", "now", "stays"),
    [
        ({"title": "Soup", "minutes": 20}, {"title": "Stew", "minutes": 1.5}, True),
        ({"title": "Soup", "minutes": 20}, {"title": None, "minutes": 5}, True),
        ({"recipes": [{"name": "Soup"}]}, {"recipes": [{"name": "Stew"}] * 40}, True),
        ({"recipes": [{"name": "Soup"}]}, {"recipes": []}, True),
        ({"rates": {"2026-01-01": 1.5}}, {"rates": {"2026-01-02": 1.7, "2026-01-03": 2}}, True),
        ({"title": "Soup", "minutes": 20}, {"title": "Stew"}, False),
        ({"title": "Soup"}, {"title": "Stew", "minutes": 20}, False),
        ({"title": "Soup"}, {"title": {"en": "Stew"}}, False),
        ({"title": "Soup"}, [{"title": "Soup"}], False),
    ],
)
def test_a_document_stays_while_its_api_answers_in_the_same_form(
    then: Any, now: Any, stays: bool, tool: Tool, api: Api, make_verdict: MakeVerdict
) -> None:
    before = compress(tool, api, make_verdict(json.dumps(then)), ScriptedModel([]))
    anew = compress(tool, api, make_verdict(json.dumps(now)), ScriptedModel([]))
    assert compress(tool, api, make_verdict(json.dumps(now)), ScriptedModel([]), before) == (
        before if stays else anew
    )


def test_a_document_is_made_anew_when_the_api_or_the_settings_changed(
    tool: Tool, api: Api, make_verdict: MakeVerdict
) -> None:
    before = compress(tool, api, make_verdict('{"title": "Soup"}'), ScriptedModel([]))
    verdict = make_verdict('{"title": "Stew"}')
    shown = [
        json.loads(compress(*described, verdict, ScriptedModel([]), before, settings).document)["response"]
        for described, settings in [
            ((tool, api), "s"),
            ((tool, api), "t"),
            ((tool, replace(api, fingerprint="other")), "s"),
            ((replace(tool, description="Other."), api), "s"),
        ]
    ]
    assert [response["title"] for response in shown] == ["Soup", "Stew", "Stew", "Stew"]


def test_half_a_megabyte_is_cut_beside_the_event_loop(
    tool: Tool, api: Api, make_verdict: MakeVerdict
) -> None:
    rows = [{"id": n, "name": f"Soup no. {n}", "text": "simmer gently " * 10, **STEPS} for n in range(1000)]
    longest = 0.0

    async def watched() -> Document:
        compressor = Compressor(
            ScriptedModel([keeping("[].name", "[].text", *(f"[].{step}" for step in STEPS))]), PARAMS, "s"
        )
        working = asyncio.create_task(compressor.document(tool, api, make_verdict(json.dumps(rows))))
        nonlocal longest
        while not working.done():
            begun = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - begun)
        return await working

    assert asyncio.run(watched()).method == "cut"
    assert longest < 0.5
