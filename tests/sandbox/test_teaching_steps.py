"""What the rules do next in a search."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from sandbox.teaching.faults import TeacherFaults
from sandbox.teaching.functions import Function, Offers
from sandbox.teaching.mend import mended
from sandbox.teaching.observation import Observation
from sandbox.teaching.rank import better
from sandbox.teaching.reply import Call, Reply
from sandbox.teaching.search import next_step
from sandbox.teaching.stages import Candidate, Exchange, Rank, Search, Step, Trying
from sandbox.teaching.trying import arguments_to_try

Json = dict[str, Any]
FAULTLESS = TeacherFaults.none()


def function(name: str, description: str, **properties: Json) -> Json:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": description, "parameters": schema}


CUPS = function("list_cups", "Lists all cups of the cupboard with their codes.")
CUP = function("cup_details", "Returns height and glaze of one cup.", cup_code={"type": "string"})
WEATHER = function("weather", "Returns the weather of a city.", city={"type": "string", "default": "Paris"})
TOOLS = [CUPS, CUP, WEATHER, function("Finish", "Ends.")]
QUERY = "Please list all cups of the cupboard with their codes, then tell me height and glaze of one cup."
SEARCH = Search(QUERY, TOOLS, [], [], may_call=True, must_call=False, forced=None)
LISTED = Exchange("t", "list_cups", "{}", '{"cups":[{"cup_code":"c-77"}]}')
DETAILED = Exchange("t", "cup_details", '{"cup_code": "c-77"}', '{"height_mm":93,"glaze":"celadon"}')
FAILED = Exchange("t", "list_cups", "{}", '{"error":"server_error","status":500}')
RESTART = Call("Finish", '{"return_type": "give_up_and_restart"}')


def step(*history: Exchange, faults: TeacherFaults = FAULTLESS, **more: Any) -> Reply:
    return next_step(replace(SEARCH, history=list(history), **more), "digest", faults)


def called(reply: Reply) -> list[tuple[str, Any]]:
    return [(call.function, json.loads(call.arguments)) for call in reply.calls]


def test_the_first_part_comes_first() -> None:
    assert called(step()) == [("list_cups", {})]


def test_a_value_from_an_observation_goes_into_the_next_call() -> None:
    assert called(step(LISTED)) == [("cup_details", {"cup_code": "c-77"})]


def test_when_all_is_known_it_is_answered() -> None:
    [(name, arguments)] = called(step(LISTED, DETAILED))

    assert (name, arguments["return_type"]) == ("Finish", "give_answer")
    assert "the height mm is 93 and the glaze is celadon" in arguments["final_answer"]


def test_after_a_failure_the_rest_is_still_done() -> None:
    assert called(step(FAILED))[0][0] == "cup_details"


def test_what_failed_is_said_in_the_answer() -> None:
    [(_, arguments)] = called(step(FAILED, DETAILED))

    assert (
        "I could not obtain all cups of the cupboard with their codes: server error."
        in arguments["final_answer"]
    )


def test_other_functions_are_tried_before_giving_up() -> None:
    failed = Exchange("t", "cup_details", '{"cup_code": "c"}', '{"error":"timeout"}')

    assert called(step(FAILED, failed)) == [("weather", {"city": "Paris"})]


def test_when_nothing_works_it_gives_up() -> None:
    failures = [replace(FAILED, function=tool["name"]) for tool in TOOLS[:3]]

    assert step(*failures).calls == (RESTART,)


def test_a_call_that_failed_is_not_made_again_in_the_same_way() -> None:
    again = [step(*[FAILED] * n).calls[0] for n in (1, 2, 3)]

    assert Call("list_cups", "{}") not in again


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        ([Candidate("list_cups", "{}")], "cup_details"),
        ([Candidate("list_cups", "{}"), Candidate(None)], "cup_details"),
        ([Candidate("list_cups", "{}"), Candidate("cup_details", '{"cup_code": "c-77"}')], "weather"),
    ],
)
def test_a_hint_at_earlier_candidates_leads_elsewhere(tried: list[Candidate], expected: str) -> None:
    details = json.loads(json.dumps(CUP))
    details["parameters"]["properties"]["cup_code"]["default"] = "c-77"
    tools = [CUPS, details, *TOOLS[2:]]

    assert called(step(candidates=tried, tools=tools))[0][0] == expected


def test_the_last_resort_is_the_same_function_with_other_arguments() -> None:
    tools = [WEATHER, TOOLS[3]]
    tried = [Candidate("weather", '{"city": "Paris"}')]
    [(name, arguments)] = called(step(tools=tools, candidates=tried, query="Tell me the weather of a city."))

    assert name == "weather"
    assert arguments["city"] != "Paris"


def test_malformed_arguments_are_written_again() -> None:
    broken = Exchange("t", "list_cups", "{", 'The call of "list_cups" was not made: no JSON.')

    assert called(step(broken)) == [("list_cups", {})]


def test_an_unknown_function_is_corrected() -> None:
    unknown = Exchange("t", "get_cups", "{}", 'There is no function named "get_cups".')

    assert called(step(unknown)) == [("list_cups", {})]


def test_no_functions_at_all_means_giving_up() -> None:
    assert step(tools=TOOLS[3:]).calls == (RESTART,)


def rates(**given: float) -> TeacherFaults:
    return replace(FAULTLESS, **given)  # type: ignore[arg-type]


def test_a_hallucinated_function_is_nearly_right() -> None:
    reply = step(faults=rates(hallucinated_function=1))

    assert reply.faults == ("hallucinated_function",)
    assert reply.calls[0].function not in {tool["name"] for tool in TOOLS}
    assert "list_cups" in reply.calls[0].function


def test_malformed_arguments_are_no_json() -> None:
    reply = step(LISTED, faults=rates(malformed_arguments=1))

    assert reply.faults == ("malformed_arguments",)
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.calls[0].arguments)


def test_a_thought_alone_is_not_followed_by_another() -> None:
    faults = rates(thought_only=1)
    first = step(LISTED, faults=faults)

    assert (first.calls, first.faults, bool(first.content)) == ((), ("thought_only",), True)
    assert step(LISTED, Exchange(first.content, None), faults=faults).calls


def test_an_empty_answer_is_mended_when_refused() -> None:
    faults = rates(empty_answer=1)
    first = step(LISTED, DETAILED, faults=faults)
    refused = Exchange(
        "t", "Finish", first.calls[0].arguments, "This call of Finish does not count: no text."
    )

    assert first.faults == ("empty_answer",)
    assert not json.loads(first.calls[0].arguments).get("final_answer")
    assert json.loads(step(LISTED, DETAILED, refused, faults=faults).calls[0].arguments)["final_answer"]


def test_a_hopeless_task_is_given_up_after_every_call() -> None:
    faults = rates(hopeless=1)

    assert called(step(faults=faults)) == [("list_cups", {})]
    assert step(LISTED, faults=faults).calls == (RESTART,)
    assert called(step(candidates=[Candidate("list_cups", "{}")], faults=faults))[0][0] == "cup_details"


def test_early_give_ups_come_before_all_is_done() -> None:
    faults = rates(early_give_up=1)

    assert step(LISTED, faults=faults).calls == (RESTART,)
    assert step(LISTED, DETAILED, faults=faults).calls[0].arguments != RESTART.arguments


BOOK = function(
    "book_table",
    "Books a table.",
    people={"type": "integer"},
    town={"type": "string", "default": "Bath"},
    table_style={"type": "string", "enum": ["round", "square"]},
)


def booking() -> Function:
    return Offers().of([BOOK]).functions[0]


@pytest.mark.parametrize(
    ("message", "status", "change"),
    [
        ("parameter 'people': must be between 2 and 8", 422, {"people": 7}),
        ("people must be at most 6", 400, {"people": 5}),
        ("people: Input should be 3 or 5", 422, {"people": 3}),
        ("unknown town 'Atlantis'; did you mean 'Athlone'?", 404, {"town": "Athlone"}),
        ("No such town. Known towns: Ayr, Bude, Cowes.", None, {"town": "Ayr"}),
        ("town not found", 404, {"town": "Bath"}),
        ("missing required parameter table_style", 422, {"table_style": "round"}),
        ("service unavailable", 503, None),
        ("town must be given", 401, None),
        ("timeout", None, None),
        ("the moon is full", None, None),
    ],
)
def test_arguments_are_mended_by_what_an_error_says(
    message: str, status: int | None, change: Json | None
) -> None:
    arguments = {"people": 12, "town": "Atlantis"}
    better_ones = mended(booking(), arguments, Observation(message, status=status), ())

    assert better_ones == (None if change is None else arguments | change)


ANSWER = Step("Finish", '{"return_type":"give_answer","final_answer":"42"}', "")
GIVE_UP = Step("Finish", '{"return_type":"give_up_and_restart"}', "")
FOUND, ERROR = Step("cups", "{}", '{"n":1}'), Step("cups", "{}", '{"error":"timeout"}')


@pytest.mark.parametrize(
    ("first", "second", "vote"),
    [
        (FOUND, ANSWER, "B"),
        (ANSWER, FOUND, "A"),
        (ERROR, FOUND, "B"),
        (GIVE_UP, ERROR, "B"),
        (Step(None), ERROR, "A"),
        (FOUND, FOUND, "A"),
    ],
)
def test_the_better_candidate_wins(first: Step, second: Step, vote: str) -> None:
    assert better(Rank(first, second)) == vote


HARBOURS: Json = {
    "api_name": "Tides",
    "api_description": "Returns the tides of a harbour.",
    "parameters": [
        {"name": "harbour", "type": "string", "required": True, "description": "For example Brest."},
        {"name": "days", "type": "integer", "required": True, "description": "", "maximum": 7},
        {"name": "api_key", "type": "string", "required": True, "description": ""},
    ],
}


def test_what_is_wanted_for_a_first_try_gets_values() -> None:
    values = arguments_to_try(Trying(HARBOURS, ["harbour", "days", "api_key"], []), "digest")

    assert values.keys() == {"harbour", "days"}
    assert (values["harbour"], 1 <= values["days"] <= 7) == ("Brest", True)


def test_a_second_try_does_what_the_answer_asked_for() -> None:
    tried = ({"harbour": "Atlantis", "days": 3}, "not_found (404): no harbour 'Atlantis'; try 'Cork'")

    assert arguments_to_try(Trying(HARBOURS, ["harbour", "days"], [tried]), "digest") == {
        "harbour": "Cork",
        "days": 3,
    }


def test_a_try_that_arguments_cannot_help_gets_others() -> None:
    tried = ({"harbour": "Brest", "days": 3}, "server_error (500): oops")

    assert arguments_to_try(Trying(HARBOURS, ["harbour"], [tried]), "digest") == {"harbour": "Brest"}
