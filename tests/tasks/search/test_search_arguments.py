"""What is made of the text a model writes as arguments."""

from __future__ import annotations

import json
from time import perf_counter

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.llm.chat import ToolCall
from tasks.search.arguments import Arguments, apart, encodable, read_arguments

UNREADABLE = "its arguments cannot be read as JSON"
NO_OBJECT = "its arguments are JSON, but not an object"


def wrapped(text: str) -> str:
    return json.dumps({"__raw__": text}, ensure_ascii=False)


@pytest.mark.parametrize("repair", [False, True])
@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", Arguments({}, "{}")),
        ("  \n", Arguments({}, "{}")),
        ('{"a":  1}', Arguments({"a": 1}, '{"a":  1}')),
        ('{"a": "two\nlines"}', Arguments({"a": "two\nlines"}, '{"a": "two\\nlines"}', repaired=True)),
        ("ask a friend", Arguments(None, wrapped("ask a friend"), problem=UNREADABLE)),
        ('{"a": 9e999}', Arguments(None, wrapped('{"a": 9e999}'), problem=UNREADABLE)),
        (
            '{"a": 18446744073709551616}',
            Arguments({"a": 18446744073709551616}, '{"a": 18446744073709551616}'),
        ),
        ('{"a": "\\ud83d"}', Arguments({"a": "?"}, '{"a": "?"}')),
    ],
)
def test_arguments_whatever_the_rules(text: str, arguments: Arguments, repair: bool) -> None:
    assert read_arguments(text, repair=repair) == arguments


def test_decimals_beyond_doubles_are_kept() -> None:
    read = read_arguments('{"a": 0.12345678901234567890, "b": "two\nlines"}', repair=True)
    assert read.text == '{"a": 0.12345678901234567890, "b": "two\\nlines"}'


@pytest.mark.parametrize("digits", ["0.12345678901234567890", "12345678901234567890123", "1.10", "-3.50"])
@pytest.mark.parametrize("form", ['{"a": N}', "{'a': N}", '{"a": N, }', "{a: [N]}", '{"a": N'])
def test_digits_are_kept_whatever_is_repaired_beside_them(digits: str, form: str) -> None:
    assert digits in read_arguments(form.replace("N", digits), repair=True).text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"{\\"a\\": 1}"', {"a": 1}),
        (json.dumps(json.dumps('{"a": 1}')), {"a": 1}),
        ('"{}"', {}),
        ('""', {}),
        ("null", {}),
        ("[]", {}),
        ('[{"a": 1}]', {"a": 1}),
        ("{'a': 1}", {"a": 1}),
        ('{"a": 1,}', {"a": 1}),
        ('{"a": "cut o', {"a": "cut o"}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('{"a": 1} thanks', {"a": 1}),
        ("{a: True, b: None}", {"a": True, "b": None}),
        ('{"a": NaN}', {"a": "NaN"}),
        ("{'a': 00501, 'b': [-007, 12, 0x1F]}", {"a": "00501", "b": ["-007", 12, "0x1F"]}),
        ("{'a': 'at 007, 12', \"b\": \"x: 01}\"}", {"a": "at 007, 12", "b": "x: 01}"}),
        ('{"a": 12', {"a": 12}),
    ],
)
def test_arguments_that_almost_parse_are_repaired(text: str, value: object) -> None:
    read = read_arguments(text, repair=True)

    assert (read.value, json.loads(read.text), read.repaired) == (value, value, True)


@pytest.mark.parametrize("text", ["[1, 2]", '"Oslo"', "3", "true", '[{"a": 1}, {"b": 2}]'])
def test_what_is_no_object_is_told(text: str) -> None:
    read = read_arguments(text, repair=True)
    assert (read.value, read.text) == (None, wrapped(text))


@pytest.mark.parametrize("text", ["null", '"{}"', "[1, 2]"])
def test_published_rules_unwrap_nothing(text: str) -> None:
    assert read_arguments(text, repair=False) == Arguments(None, wrapped(text), problem=NO_OBJECT)


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ('{"a": 1}{"a": 2}', ['{"a": 1}', '{"a": 2}']),
        ('{"a": 1}\n{"a": 1}, {"b": [{}]}', ['{"a": 1}', '{"a": 1}', '{"b": [{}]}']),
        ('{}{"a": 1}', ['{"a": 1}']),
        ('{"a": "}{"}', ['{"a": "}{"}']),
        ('{"a": {"b": 1}, "c": {}}', ['{"a": {"b": 1}, "c": {}}']),
        ('{"a": 1}{"a": ', ['{"a": 1}{"a": ']),
        ("{}{}", ["{}{}"]),
    ],
)
def test_objects_run_together_are_calls_of_their_own(text: str, texts: list[str]) -> None:
    calls = apart(ToolCall("x", "f", text, {"extra": 1}))
    assert [call.arguments for call in calls] == texts
    assert [(call.id, call.state) for call in calls] == [
        ("x", {"extra": 1}),
        *[("", None)] * (len(texts) - 1),
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}{"a": ',
        '{"a": 1,}{"b": 2}',
        "{'a': 1} {'b': 2}",
        '{"a": 1}; {b: 2}',
        '{"a": 1} and {"a": 2}',
        '{"a": 1}</tool_call><tool_call>{"a": 2}',
        '{"a": 1}|{"a": 2}',
    ],
)
def test_several_objects_are_never_taken_for_one(text: str) -> None:
    assert read_arguments(text, repair=True) == Arguments(None, wrapped(text), problem=UNREADABLE)


def test_they_are_not_where_the_rules_do_not_say_so() -> None:
    assert read_arguments("{'a': 1}", repair=False) == Arguments(
        None, wrapped("{'a': 1}"), problem=UNREADABLE
    )


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"a":' * 70 + "1" + "}" * 70,
        "9" * 5000,
        "{" * 500,
        '["' + '"x' * 9000,
    ],
)
def test_hostile_arguments_are_a_failed_step_in_no_time(text: str) -> None:
    begun = perf_counter()

    read = read_arguments(text, repair=True)

    assert (read.value, orjson.loads(read.text)) == (None, {"__raw__": text})
    assert perf_counter() - begun < 5


def test_half_an_emoji_is_replaced() -> None:
    assert encodable("so \ud83d") == "so ?"


@given(text=st.text(st.sampled_from("{}[]:,\"'\\aN1e9-. \n\ud83d")) | st.text(), repair=st.booleans())
def test_any_text_becomes_json_that_can_be_kept(text: str, repair: bool) -> None:
    read = read_arguments(encodable(text), repair=repair)

    kept = orjson.loads(read.text)
    assert kept == (read.value if read.problem is None else {"__raw__": encodable(text)})
