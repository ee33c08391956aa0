"""Numbers that 64 bits or a double do not hold are read, kept and written as they are."""

import copy
import json
import pickle
from typing import Any

import orjson
import pytest

from tasks import exact_json
from tasks.exact_json import WrittenFloat

EXACT = [
    "0",
    "-17",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
    "340282366920938463463374607431768211457",
    "3.25",
    "0.30000000000000004",
    "3.14159265358979323846264338327950288",
    "-0.00000000000000000000123456789012345678",
    "6.02214076000000000000001e+23",
    "1e400",
    "-2.5E+999",
    "4e-999",
    "1.7976931348623159e308",
    "7" * 400,
    "7" * 5000,
]


@pytest.mark.parametrize("number", EXACT)
@pytest.mark.parametrize("around", ["{}", "[{}]", '{{"a":{{"b":[1,{},"é"]}}}}'])
def test_what_is_read_is_written_again(number: str, around: str) -> None:
    text = around.format(number)
    assert exact_json.dumps(exact_json.loads(text)).decode() == text
    assert exact_json.dumps(exact_json.loads(text.encode())).decode() == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("36893488147419103232", 36893488147419103232),
        ("1.7976931348623157E+308", 1.7976931348623157e308),
        ("2.50000000000000000000000", 2.5),
        ("1E5", 100000.0),
        ('"10.20.30.40.50.60.70.80"', "10.20.30.40.50.60.70.80"),
        ('"................................"', "................................"),
        ('"00000000000000000000000000000501"', "00000000000000000000000000000501"),
    ],
)
def test_what_a_double_or_an_int_holds_is_one(text: str, value: Any) -> None:
    read = exact_json.loads(text)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("text", ["", "{", "NaN", "[1e400, NaN]", "0123", "{1e999: 1}", '["\\ud800"]'])
def test_what_is_no_json_is_refused_as_orjson_does(text: str) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        exact_json.loads(text)


def test_a_written_float_is_a_number_with_its_text() -> None:
    number = WrittenFloat("2.00000000000000000001")
    assert (number == 2.0, str(number), repr([number])) == (True, number.text, f"[{number.text}]")
    for copied in (copy.deepcopy(number), pickle.loads(pickle.dumps(number))):  # noqa: S301 - our own
        assert (copied.text, type(copied)) == (number.text, WrittenFloat)


def test_text_is_written_in_the_style_asked_for() -> None:
    value = {"b": [2**70, WrittenFloat("1.10")], "a": "ø\ud800", "c": float("inf")}
    assert exact_json.text_of(value, ", ", ": ") == (
        '{"b": [1180591620717411303424, 1.10], "a": "\\u00f8\\ud800", "c": null}'
    )
    assert exact_json.text_of({"ø": {"z": 1, "a": None}}, sort_keys=True, ascii_only=True) == (
        '{"\\u00f8":{"a":null,"z":1}}'
    )


def test_too_deep_is_said_and_is_not_what_a_large_number_is_called() -> None:
    deep: Any = 2**64
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TypeError):
        exact_json.dumps(deep)
    assert exact_json.dumps({"maximum": 10**308}) == json.dumps({"maximum": 10**308}).encode().replace(
        b" ", b""
    )


@pytest.mark.parametrize(
    ("number", "whole"),
    [
        (5.0, 5),
        (-0.0, 0),
        (0.5, 0.5),
        (1e30, 1e30),
        (1.7976931348623157e308, 1.7976931348623157e308),
        (WrittenFloat("12345678901234567890.000"), 12345678901234567890),
        (WrittenFloat("5.0000000000000000000001"), WrittenFloat("5.0000000000000000000001")),
        (WrittenFloat("1e400"), WrittenFloat("1e400")),
    ],
)
def test_a_float_is_an_integer_only_in_digits_it_has(number: float, whole: float) -> None:
    found = exact_json.whole(number)
    assert (str(found), type(found)) == (str(whole), type(whole))
