from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from scripted_model import ScriptedModel

from tasks.errors import BadRow, BrokenContract, OverBudget, RequestRefused
from tasks.exact_json import digest_of
from tasks.instructions.names import OfferedNames
from tasks.instructions.params import InstructParams
from tasks.instructions.propose import (
    Proposed,
    Written,
    chosen_seeds,
    items_of,
    prompt_digest,
    propose_for,
    propose_request,
    read_item,
)
from tasks.llm.chat import Message, Reply
from warehouse.tables.accounts import Reject
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Candidate, NamedApi, Sample

MakeSample = Callable[..., Sample]
Propose = Callable[..., Proposed]
SEARCH = NamedApi(tool_name="Flights", api_name="Search")
PARAMS = InstructParams(per_sample=3, seed_examples=2)


def saying(*items: Any, finish_reason: str = "stop") -> Reply:
    return Reply(content=json.dumps({"instructions": items}), finish_reason=finish_reason)


def item(query: str) -> dict[str, Any]:
    return {"query": query, "relevant_apis": [["Flights", "Search"]]}


@pytest.fixture
def documents(names: Mapping[str, NamedApi]) -> dict[str, Document]:
    return {
        api_id: Document(
            api_id=api_id,
            document=f'{{"document of": "{api_id}"}}',
            response_schema="{}",
            tokens_before=9,
            tokens_after=9,
            method="as-is",
        )
        for api_id in names
    }


@pytest.fixture
def propose(documents: dict[str, Document], names: Mapping[str, NamedApi]) -> Propose:
    def propose(sample: Sample, model: ScriptedModel, params: InstructParams = PARAMS) -> Proposed:
        return asyncio.run(propose_for(sample, documents, names, model, params))

    return propose


def outcomes(proposed: Proposed) -> list[str]:
    """Per ordinal the query of the candidate, or the reason of the reject."""
    by_ordinal = {candidate.ordinal: candidate.query for candidate in proposed.candidates}
    by_ordinal |= {int(reject.row_id.partition("#")[2]): reject.reason for reject in proposed.rejects}
    assert len(by_ordinal) == len(proposed.candidates) + len(proposed.rejects) == proposed.n_asked
    return [by_ordinal[ordinal] for ordinal in range(proposed.n_asked)]


def test_what_the_model_writes_becomes_candidates(propose: Propose, make_sample: MakeSample) -> None:
    sample = make_sample()
    seed_ids = tuple(seed.id for seed in chosen_seeds(sample, PARAMS))

    def candidate(ordinal: int, query: str) -> Candidate:
        return Candidate(
            candidate_id=digest_of(["s", ordinal, query]),
            sample_id="s",
            ordinal=ordinal,
            query=query,
            relevant_apis=(SEARCH,),
            model="scripted",
            prompt_digest=prompt_digest("G3"),
            seed_ids=seed_ids,
        )

    model = ScriptedModel([saying(item("Fly?"), {"query": " "}, item("Fly?"))])
    assert propose(sample, model) == Proposed(
        candidates=(candidate(0, "Fly?"), candidate(2, "Fly?")),
        rejects=(
            Reject(
                stage="propose",
                row_id="s#1",
                reason="malformed_instruction",
                detail="no query: {'query': ' '}",
            ),
        ),
        n_asked=3,
    )
    assert [asked[:2] for asked in model.asked] == [("s", 0)]


@pytest.mark.parametrize(
    ("replies", "found"),
    [
        ([saying(item("a"), item("b"), item("c"))], ["a", "b", "c"]),
        ([saying(item("a"))], ["a", "not_written", "not_written"]),
        ([saying()], ["not_written"] * 3),
        ([saying(*(item(str(n)) for n in range(5)))], ["0", "1", "2", "3", "4"]),
        ([saying(item("a"), "b")], ["a", "malformed_instruction", "not_written"]),
        (
            [saying(item("a"), item("b"), finish_reason="length")],
            ["a", "malformed_instruction", "not_written"],
        ),
        ([Reply(content="No."), saying(item("a"), item("b"), item("c"))], ["a", "b", "c"]),
        ([Reply(content="No."), Reply(content=None)], ["malformed_reply"] * 3),
        ([RequestRefused("content_filtered", "HTTP 400")], ["content_filtered"] * 3),
        ([Reply(content="No."), RequestRefused("endpoint_refused", "HTTP 400")], ["endpoint_refused"] * 3),
    ],
)
def test_every_ordinal_is_a_candidate_or_a_reject(
    replies: list[Reply | Exception], found: list[str], propose: Propose, make_sample: MakeSample
) -> None:
    model = ScriptedModel(list(replies))
    assert outcomes(propose(make_sample(), model)) == found
    assert [asked[:2] for asked in model.asked] == [("s", ordinal) for ordinal in range(len(replies))]


def test_what_was_wrong_is_told_when_it_is_asked_again(propose: Propose, make_sample: MakeSample) -> None:
    model = ScriptedModel([Reply(content="No."), saying(item("a"))])
    propose(make_sample(), model)
    first, again = (asked[2].transcript.messages() for asked in model.asked)
    *before, said, note = again
    assert (tuple(before), said) == (first, Message("assistant", "No."))
    assert "Your reply could not be used: the reply holds no JSON" in str(note.content)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("en", "Every instruction is in English,"),
        ("de", 'Every instruction is in the language with the ISO 639 code "de",'),
        ("", ""),
    ],
)
def test_the_language_that_is_wanted_is_asked_for(
    code: str, told: str, propose: Propose, make_sample: MakeSample
) -> None:
    model = ScriptedModel([saying()])
    propose(make_sample(), model, PARAMS.model_copy(update={"language": code}))
    user = str(model.asked[0][2].transcript.messages()[1].content)
    assert told in user
    assert bool(told) == ("Every instruction is in" in user)


def test_a_run_that_must_stop_stops(propose: Propose, make_sample: MakeSample) -> None:
    with pytest.raises(OverBudget):
        propose(make_sample(), ScriptedModel([OverBudget("spent")]))


@pytest.mark.parametrize(
    ("scenario", "heading"),
    [
        ("G1", "# The APIs of one tool"),
        ("G2", "# The APIs of several tools"),
        ("G3", "# The APIs of several tools"),
    ],
)
def test_the_prompt_shows_the_documents_of_the_set(
    scenario: str,
    heading: str,
    propose: Propose,
    make_sample: MakeSample,
    documents: dict[str, Document],
) -> None:
    model = ScriptedModel([saying()])
    propose(make_sample(scenario=scenario), model)
    system, user = (str(message.content) for message in model.asked[0][2].transcript.messages())
    _, _, shown = user.partition(heading)
    assert "# Task: write instructions for a set of APIs" in system
    assert all(document.document in shown for document in documents.values())
    assert "Write 3 instructions" in shown


def pair(*names: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "enum": list(names)}, "minItems": 2, "maxItems": 2}


def test_the_reply_is_held_to_the_names_of_the_set_and_the_number_asked_for(
    propose: Propose, make_sample: MakeSample, names: Mapping[str, NamedApi]
) -> None:
    model = ScriptedModel([saying()])
    sample = make_sample()
    propose(sample, model)
    wanted = model.asked[0][2].response_format or {}
    instructions = wanted["json_schema"]["schema"]["properties"]["instructions"]
    offered = [names[api_id] for api_id in sample.api_ids]
    assert (instructions["minItems"], instructions["maxItems"]) == (3, 3)
    assert instructions["items"]["properties"]["relevant_apis"] == {
        "type": "array",
        "items": {"anyOf": [pair(name.tool_name, name.api_name) for name in offered]},
        "minItems": 1,
        "maxItems": len(offered),
    }


def test_a_set_of_one_api_leaves_no_choice(make_sample: MakeSample, documents: dict[str, Document]) -> None:
    sample = replace(make_sample(), api_ids=("Travel/flights/search",))
    twin = {"Travel/flights/search": NamedApi(tool_name="Search", api_name="Search")}
    request = propose_request(sample, documents, twin, (), PARAMS)
    wanted = (request.response_format or {})["json_schema"]["schema"]["properties"]["instructions"]
    assert wanted["items"]["properties"]["relevant_apis"] == {
        "type": "array",
        "items": pair("Search"),
        "minItems": 1,
        "maxItems": 1,
    }


def test_samples_are_shown_different_seeds(make_sample: MakeSample) -> None:
    shown = [tuple(seed.id for seed in chosen_seeds(make_sample(f"s{n}", "G1"), PARAMS)) for n in range(30)]
    assert shown == [
        tuple(seed.id for seed in chosen_seeds(make_sample(f"s{n}", "G1"), PARAMS)) for n in range(30)
    ]
    assert {len(ids) for ids in shown} == {2}
    assert len(Counter(shown)) > 10


def test_an_api_without_a_document_breaks_the_contract(
    propose: Propose, make_sample: MakeSample, documents: dict[str, Document]
) -> None:
    del documents["Weather/sky_watch/forecast"]
    with pytest.raises(BrokenContract, match="'Weather/sky_watch/forecast', which has no document"):
        propose(make_sample(), ScriptedModel([]))


FORECAST = NamedApi(tool_name="Sky Watch", api_name="forecast")


@pytest.fixture
def offered(names: Mapping[str, NamedApi]) -> OfferedNames:
    return OfferedNames(names, names)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('{"instructions": [1, 2]}', [1, 2]),
        ('{"note": "here you go", "Queries": [1, 2]}', [1, 2]),
        ("[1, 2]", [1, 2]),
        ('Sure!\n```json\n{"instructions": [1, 2]}\n```', [1, 2]),
        ('{"instructions": []}', []),
        ('{"query": "a", "relevant_apis": []}', [{"query": "a", "relevant_apis": []}]),
        ('{"1": {"query": "a"}, "2": {"query": "b"}}', [{"query": "a"}, {"query": "b"}]),
    ],
)
def test_items_are_found_in_any_form(text: str, items: list[Any]) -> None:
    assert items_of(text) == items


@pytest.mark.parametrize("text", ["", "I cannot help with that.", "{}", '{"instructions": "none"}'])
def test_a_reply_without_instructions_is_malformed(text: str) -> None:
    with pytest.raises(BadRow) as caught:
        items_of(text)
    assert caught.value.reason == "malformed_reply"


@pytest.mark.parametrize(
    ("apis", "named"),
    [
        ([["Flights", "Search"], ["Sky Watch", "forecast"]], (SEARCH, FORECAST)),
        ([["Flights", "Search"], ["Flights", "Search"]], (SEARCH,)),
        (["Flights", "Search"], (SEARCH,)),
        (["Flights.Search", "sky_watch/forecast"], (SEARCH, FORECAST)),
        ("Flights: Search", (SEARCH,)),
        (["forecast"], (FORECAST,)),
        (["Trains.search"], (NamedApi(tool_name="Trains", api_name="search"),)),
        (["nothing"], (NamedApi(tool_name="", api_name="nothing"),)),
        ([{"tool_name": "Flights", "api_name": "Search"}], (SEARCH,)),
        ({"tool": "Flights", "API": "Search"}, (SEARCH,)),
        ({"Flights": ["Search"], "Sky Watch": "forecast"}, (SEARCH, FORECAST)),
        ([], ()),
        (None, ()),
    ],
)
def test_apis_are_named_in_many_ways(apis: Any, named: tuple[NamedApi, ...], offered: OfferedNames) -> None:
    assert read_item({"query": " Where? ", "relevant_apis": apis}, offered) == Written("Where?", named)


@pytest.mark.parametrize("keys", [("Query", "related apis"), ("instruction", "Relevant APIs")])
def test_keys_are_spelled_in_many_ways(keys: tuple[str, str], offered: OfferedNames) -> None:
    assert read_item({keys[0]: "Where?", keys[1]: [["Flights", "Search"]]}, offered) == Written(
        "Where?", (SEARCH,)
    )


@pytest.mark.parametrize(
    "item",
    [
        "just text",
        None,
        {"relevant_apis": []},
        {"query": "  "},
        {"query": ["a"]},
        {"query": "a", "relevant_apis": [7]},
        {"query": "a", "relevant_apis": [["Flights", "Search", "extra"]]},
        {"query": "a", "relevant_apis": {"Flights": [1]}},
    ],
)
def test_what_cannot_be_read_is_a_malformed_instruction(item: Any, offered: OfferedNames) -> None:
    with pytest.raises(BadRow) as caught:
        read_item(item, offered)
    assert caught.value.reason == "malformed_instruction"


@pytest.mark.parametrize(
    ("tool_name", "api_name", "api_id"),
    [
        ("Flights", "Search", "Travel/flights/search"),
        ("flights", "airport-search", "Travel/flights/airport_search"),
        ("SKY_WATCH", "Forecast", "Weather/sky_watch/forecast"),
        ("Sky Watch", "Search", None),
        ("", "forecast", None),
    ],
)
def test_names_match_but_for_case_and_punctuation(
    tool_name: str, api_name: str, api_id: str | None, offered: OfferedNames
) -> None:
    assert offered.find(NamedApi(tool_name=tool_name, api_name=api_name)) == api_id


def test_an_ambiguous_name_must_be_spelled_exactly() -> None:
    names = {
        "a/t/x_1": NamedApi(tool_name="T", api_name="list users"),
        "a/t/x_2": NamedApi(tool_name="T", api_name="List Users"),
    }
    offered = OfferedNames(names, names)
    assert offered.find(NamedApi(tool_name="T", api_name="List Users")) == "a/t/x_2"
    assert offered.find(NamedApi(tool_name="T", api_name="LIST USERS")) is None
