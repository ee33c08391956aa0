"""What the rules read: values in queries, observations, and the stage of a request."""

from __future__ import annotations

import json
from typing import Any

import pytest

import prompts
from sandbox.teaching.functions import Offers
from sandbox.teaching.judged import (
    AnswerJudged,
    Called,
    InstructionJudged,
    Solution,
    SolutionsCompared,
    TaskJudged,
)
from sandbox.teaching.mentions import mentions
from sandbox.teaching.observation import Fact, matching, read
from sandbox.teaching.pairing import values_in_query
from sandbox.teaching.plan import Subtask, plan
from sandbox.teaching.stages import (
    Candidate,
    Compress,
    Exchange,
    Instruct,
    Rank,
    Search,
    Step,
    Trying,
    Unknown,
    recognise,
)
from sandbox.teaching.words import name_stems

Json = dict[str, Any]
EMPTY_STEP: Json = {"thought": "", "calls": []}
DOCUMENT = {"tool_name": "T", "api_name": "A", "api_description": "Lists cups.", "parameters": []}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('the weather in "New York"', [("quoted", "New York")]),
        ("from 2026-01-02 to 2026-03-04", [("date", "2026-01-02"), ("date", "2026-03-04")]),
        ("1,250.5 or -3 or 4.5", [("number", "1,250.5"), ("number", "-3"), ("number", "4.5")]),
        ("values 1, 2 and 3", [("number", "1"), ("number", "2"), ("number", "3")]),
        ("EUR to JPY via H2O", [("code", "EUR"), ("code", "JPY"), ("code", "H2O")]),
        ("ask ada@example.com at 8.8.8.8", [("email", "ada@example.com"), ("ip", "8.8.8.8")]),
        ("see https://x.test/a?b=1.", [("url", "https://x.test/a?b=1")]),
        ("call +442079460018 at 14:30", [("phone", "+442079460018"), ("time", "14:30")]),
        ("in Rio de Janeiro, Europe/Berlin", [("proper", "Rio de Janeiro"), ("code", "Europe/Berlin")]),
        ("And then I said: don't.", []),
    ],
)
def test_mentions(text: str, found: list[tuple[str, str]]) -> None:
    assert [(mention.kind, mention.text) for mention in mentions(text)] == found


@pytest.mark.parametrize(
    ("text", "error", "status"),
    [
        ('{"error":"x","status":404,"response":{"error":{"code":"c","message":"no star"}}}', "no star", 404),
        ('{"error":"timeout"}', "timeout", None),
        ('{"error":"rate_limited","status":429}', "rate limited", 429),
        ('{"error":"html","status":200,"response":"Welcome to us"}', "Welcome to us", None),
        ('{"error":{"message":"Quota is used up."},"success":false}', "Quota is used up.", None),
        ('{"success":false,"message":"bad key given"}', "bad key given", None),
        ('{"error":"Invalid key in use","response":""}', "Invalid key in use", None),
        ("[]", "the answer was empty", None),
        ("", "the answer was empty", None),
        ("<html>busy</html>", "<html>busy</html>", None),
        ('There is no function named "x".', 'There is no function named "x".', None),
    ],
)  # fmt: skip
def test_refusals_are_read(text: str, error: str, status: int | None) -> None:
    seen = read(text)

    assert (seen.ok, seen.error, seen.status) == (False, error, status)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ('{"a":{"b":1},"c":"x"}', [(("c",), "x"), (("a", "b"), 1)]),
        ('[{"n":1},{"n":2}]', [((0, "n"), 1), ((1, "n"), 2)]),
        ('{"error":"","response":"{\\"a\\": 5}"}', [(("a",), 5)]),
        ('{"error":null,"data":7}', [(("data",), 7)]),
        ('{"l":[1,{"_cut":"8 more items"}],"_cut":"2 more keys"}', [(("l", 0), 1)]),
        ('{"errors_found":0,"message":"fine"}', [(("errors_found",), 0), (("message",), "fine")]),
        ('{"items":[{"id":41,"na', [(("id",), 41)]),
        ('{"a":"\\q","b":2,', [((1, "b"), 2)]),
        ("plain words", [((), "plain words")]),
    ],
)
def test_answers_are_read(text: str, facts: list[tuple[tuple[str | int, ...], Any]]) -> None:
    seen = read(text)

    assert seen.ok
    assert [(fact.path, fact.value) for fact in seen.facts] == facts


@pytest.mark.parametrize(
    ("name", "about", "values"),
    [
        ("bucket_id", "get_record", ["blog", "tasks"]),
        ("group_id", "get_record", ["tasks", "blog"]),
        ("id", "get_group", ["tasks", "blog"]),
        ("id", "get_record", ["blog", "tasks"]),
        ("cup_id", "get_cup", ["blog", "tasks"]),
    ],
)
def test_an_identifier_is_of_what_its_name_says(name: str, about: str, values: list[str]) -> None:
    facts = (Fact(("id",), "blog", "get_buckets"), Fact((0, "id"), "tasks", "get_groups"))

    found = matching(facts, name_stems(name), frozenset(name_stems(about)))

    assert [fact.value for fact in found] == values


def test_bottomless_answers_are_survived() -> None:
    assert [len(fact.value) for fact in read("[" * 100_000).facts] == [600]
    assert read('{"a":' * 900 + "1" + "}" * 900).error == "the answer was empty"


def messages(stage: str, template: str, system: Json, user: Json) -> list[Json]:
    return [
        {"role": "system", "content": prompts.load(f"{stage}/system").render(**system)},
        {"role": "user", "content": prompts.load(f"{stage}/{template}").render(**user)},
    ]


def test_a_compress_request_is_recognised_behind_its_examples() -> None:
    example = {"document": '{"x":1}', "response": "{}", "keep": ["a"], "description": "d"}
    user = {
        "document": json.dumps(DOCUMENT),
        "response": '{"cups":[{"size":3}]}',
        "shape": '{"cups":[{"size":"integer"}]}',
        "max_tokens": 99,
        "examples": [example],
    }

    assert recognise({"messages": messages("compress", "user", {"max_tokens": 99}, user)}) == Compress(
        document=DOCUMENT,
        response={"cups": [{"size": 3}]},
        shape={"cups": [{"size": "integer"}]},
        max_tokens=99,
    )


@pytest.mark.parametrize(("template", "several"), [("single_tool", False), ("multi_tool", True)])
def test_an_instruct_request_is_recognised_behind_its_examples(template: str, several: bool) -> None:
    example = {"query": "q", "relevant_apis": [["X", "Y"]], "documents": ['{"tool_name":"X"}']}
    user = {
        "n": 7,
        "n_specific": 5,
        "n_complex": 2,
        "documents": [json.dumps(DOCUMENT)],
        "examples": [example],
        "min_words": 25,
        "language": "English",
    }

    assert recognise({"messages": messages("instruct", template, {}, user)}) == Instruct(
        documents=[DOCUMENT], n=7, min_words=25, several_tools=several, n_complex=2
    )


def function(name: str, description: str = "", **properties: Json) -> Json:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": description, "parameters": schema}


def as_tools(*functions: Json) -> list[Json]:
    return [{"type": "function", "function": one} for one in (*functions, function("Finish"))]


def test_a_search_request_shows_what_was_done() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "cups", "arguments": "{}"}}
    candidate = {"function": "cups", "arguments": '{"n":1}', "observation": "o\nended: x", "ended": "gave up"}
    hint = prompts.load("search/diversity").render(
        candidates=[candidate, {"thought": "Hm.", "ended": "failed"}], last_observation=None
    )
    history = messages("search", "user", {"tools": []}, {"query": "Which cups?"})
    history += [
        {"role": "assistant", "content": "Look.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "[]"},
        {"role": "assistant", "content": "So empty."},
        {"role": "user", "content": hint},
    ]

    assert recognise({"messages": history, "tools": as_tools(function("cups"))}) == Search(
        query="Which cups?",
        tools=[function("cups"), function("Finish")],
        history=[Exchange("Look.", "cups", "{}", "[]"), Exchange("So empty.", None)],
        candidates=[Candidate("cups", '{"n":1}'), Candidate(None)],
        may_call=True,
        must_call=False,
        forced=None,
    )


def test_a_plain_hint_is_read_as_well() -> None:
    candidate = {"function": "cups", "arguments": "{}", "observation": "[]"}
    hint = prompts.load("search/diversity_plain").render(candidates=[candidate], last_observation="x")
    history = [*messages("search", "user", {"tools": []}, {"query": "q"}), {"role": "user", "content": hint}]
    stage = recognise({"messages": history, "tools": as_tools()})

    assert isinstance(stage, Search)
    assert stage.candidates == [Candidate("cups", "{}")]


def test_a_rank_request_is_recognised() -> None:
    calls = [{"function": "cups", "arguments": "{}", "observation": "[1]"}]
    user = prompts.load("search/rank").render(
        request="q",
        steps=[{"thought": "t", "calls": calls}],
        first={"thought": "t", "calls": calls},
        second={"thought": "Hm.", "calls": []},
    )
    system = prompts.load("search/rank_system").render()
    asked = [{"role": "system", "content": system}, {"role": "user", "content": user}]

    assert recognise({"messages": asked, "tools": as_tools(), "tool_choice": "none"}) == Rank(
        first=Step("cups", "{}", "[1]"), second=Step(None)
    )


CALLED = {"function": "cups", "arguments": '{"n":1}', "observation": "[1]\nand a line"}
SOLUTION = {"answer": "There is 1 cup.", "steps": [{"thought": "t", "calls": [CALLED, CALLED]}, EMPTY_STEP]}
READ_SOLUTION = Solution("There is 1 cup.", (Called(**CALLED), Called(**CALLED)))


@pytest.mark.parametrize(
    ("name", "variables", "stage"),
    [
        ("answer_status", SOLUTION, AnswerJudged("Which\ncups?", READ_SOLUTION)),
        (
            "preference",
            {"first": SOLUTION, "second": {"answer": None, "steps": []}},
            SolutionsCompared("Which\ncups?", READ_SOLUTION, Solution("", ())),
        ),
        ("task_status", {"functions": [{"name": "cups"}]}, TaskJudged("Which\ncups?", [{"name": "cups"}])),
        (
            "verify_instruction",
            {"documents": [json.dumps(DOCUMENT)]},
            InstructionJudged("Which\ncups?", [DOCUMENT]),
        ),
    ],
)
def test_a_judges_request_is_recognised(name: str, variables: Json, stage: object) -> None:
    system = prompts.load(f"judge/{name}_system").render()
    user = prompts.load(f"judge/{name}").render(query="Which\ncups?", **variables)
    asked = [{"role": "system", "content": system}, {"role": "user", "content": user}]

    assert recognise({"messages": asked}) == stage


def test_a_request_for_arguments_to_try_is_recognised() -> None:
    calls = [{"arguments": '{"n":0}', "answer": "client_error (422): n must be\nat least 1"}]
    user = {"document": json.dumps(DOCUMENT), "parameters": ["n"], "calls": calls}

    assert recognise({"messages": messages("probe", "user", {}, user)}) == Trying(
        DOCUMENT, ["n"], [({"n": 0}, "client_error (422): n must be\nat least 1")]
    )


@pytest.mark.parametrize("content", ["Hello", None, [{"type": "text", "text": "Hello"}]])
def test_anything_else_is_unknown(content: object) -> None:
    assert recognise({"messages": [{"role": "user", "content": content}]}) == Unknown(wants_json=False)


WEATHER = function(
    "weather_for_sky",
    "Returns the weather of a city on a day.",
    city={"type": "string", "description": "City, for example Paris."},
    day={"type": "string", "description": "Day.", "default": "2026-01-01"},
)
CONVERT = function(
    "convert_for_money",
    "Converts an amount from one currency to another.",
    amount={"type": "number", "description": "How much.", "minimum": 0},
    from_currency={"type": "string", "description": "Three letters.", "default": "USD"},
    to_currency={"type": "string", "description": "Three letters.", "default": "EUR"},
)
SHELF = function(
    "check_shelf",
    "Checks the boards of a shelf against a plan.",
    plan={"type": "object"},
    boards={"type": "array", "items": {"type": "object"}},
    shelf={"type": "object"},
    width={"type": "integer"},
)
CUPS = function(
    "search_cups",
    "Searches for cups by material and size.",
    material={"type": "string", "enum": ["glass", "china"]},
    sizes={"type": "array", "items": {"type": "integer"}},
    with_handle={"type": "boolean", "description": ""},
)


def arguments(query: str, *functions: Json) -> list[tuple[str, Json]]:
    offer = Offers().of(list(functions))
    return [
        (
            task.function.name,
            {parameter.name: value for parameter, value in values_in_query(task, query).items()},
        )
        for task in plan(query, offer).subtasks
    ]


@pytest.mark.parametrize(
    ("query", "calls"),
    [
        (
            "What will the weather of Oslo be on 2026-05-04?",
            [("weather_for_sky", {"city": "Oslo", "day": "2026-05-04"})],
        ),
        (
            "Please convert an amount of 1,250.5 from JPY to CHF, then tell me the weather of city Porto.",
            [
                ("convert_for_money", {"amount": 1250.5, "from_currency": "JPY", "to_currency": "CHF"}),
                ("weather_for_sky", {"city": "Porto"}),
            ],
        ),
        (
            'Check the boards of the shelf {"a":[1,2]}, 80 in width, against the plan {"b":{"c":3}} with the '
            'boards [{"w":7},{"w":9}].',
            [
                (
                    "check_shelf",
                    {
                        "shelf": {"a": [1, 2]},
                        "plan": {"b": {"c": 3}},
                        "boards": [{"w": 7}, {"w": 9}],
                        "width": 80,
                    },
                )
            ],
        ),
        (
            "Two points: (1) convert an amount by the rates of Reuters, and that from JPY to CHF; (2) "
            "tell me the weather of city Porto.",
            [
                ("convert_for_money", {"from_currency": "JPY", "to_currency": "CHF"}),
                ("weather_for_sky", {"city": "Porto"}),
            ],
        ),
        (
            "I look for a cup of china, sizes 3, 5 and 8. Search for those cups.",
            [("search_cups", {"material": "china", "sizes": [3, 5, 8]})],
        ),
        (
            "Could you search for cups by material and size and get the best of them with the material china "
            "and the sizes 3 and 5? Then tell me the weather of the city Oslo on a day.",
            [
                ("search_cups", {"material": "china", "sizes": [3, 5]}),
                ("weather_for_sky", {"city": "Oslo"}),
            ],
        ),
        (
            "Tell me the weather of the city Oslo on a day. Also search for cups by size, the first of them.",
            [("weather_for_sky", {"city": "Oslo"}), ("search_cups", {})],
        ),
        (
            "Search for cups by size in 3 and 4 with china as the material.",
            [("search_cups", {"material": "china", "sizes": [3, 4]})],
        ),
        (
            "Search for cups of glass with handle in size 4, please.",
            [("search_cups", {"material": "glass", "sizes": [4], "with_handle": True})],
        ),
    ],
)
def test_a_query_is_taken_apart(query: str, calls: list[tuple[str, Json]]) -> None:
    assert arguments(query, WEATHER, CONVERT, CUPS, SHELF) == calls


def test_a_sentence_in_quotes_is_not_taken_apart() -> None:
    count = function("count_words", "Counts the words of a text.", text={"type": "string"})
    query = 'Could you count the words of the text "It rained. We stayed in; and then we slept."?'

    assert arguments(query, WEATHER, count) == [
        ("count_words", {"text": "It rained. We stayed in; and then we slept."})
    ]


def test_every_function_is_in_the_plan_or_beside_it() -> None:
    made = plan("Convert 5 EUR, please.", Offers().of([WEATHER, CONVERT, CUPS]))

    assert [task.function.name for task in made.subtasks] == ["convert_for_money"]
    assert {task.function.name for task in made.others} == {"weather_for_sky", "search_cups"}
    assert all(isinstance(task, Subtask) for task in made.others)
