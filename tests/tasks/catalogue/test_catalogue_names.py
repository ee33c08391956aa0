from __future__ import annotations

import re

import pytest

from tasks.catalogue.names import (
    api_name,
    argument_name,
    first_distinct,
    fraction_of,
    function_name,
    readable_name,
    standard_name,
    without_port,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Currency Converter", "currency_converter"),
        ("  --Weather:   v2!! ", "weather_v2"),
        ("Already_fine_9", "already_fine_9"),
        ("2 Metre Forecast", "get_2_metre_forecast"),
        ("__a__b__", "a_b"),
        ("Café", "caf"),
        ("日本", ""),
        ("", ""),
    ],
)
def test_standard_name_follows_toolbench(text: str, expected: str) -> None:
    assert standard_name(text) == expected


@pytest.mark.parametrize("reserved", ["from", "class", "return", "false", "True", "id", "ID", "and"])
def test_reserved_words_are_no_argument_names(reserved: str) -> None:
    assert argument_name(reserved) == f"is_{reserved.lower()}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ID", "is_id"), ("From", "is_from"), ("Get ID", "get_id"), ("3 Days", "get_3_days")],
)
def test_reserved_words_are_no_api_names(text: str, expected: str) -> None:
    assert api_name(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("amount", "amount"), ("from_date", "from_date"), ("中", "is_")]
)
def test_argument_names(text: str, expected: str) -> None:
    assert argument_name(text) == expected


def test_a_name_in_another_script_gets_a_name_of_its_own() -> None:
    names = [readable_name("日本"), readable_name("中国")]

    assert all(re.fullmatch("unnamed_[0-9a-f]{8}", name) for name in names)
    assert names[0] != names[1]


def test_function_name_joins_api_and_tool() -> None:
    assert function_name("Finance/Money/loan_maths/payment") == "payment_for_loan_maths"


def test_function_name_of_64_characters_is_not_cut() -> None:
    api_id = f"C/{'t' * 29}/{'a' * 30}"

    assert function_name(api_id) == f"{'a' * 30}_for_{'t' * 29}"
    assert len(function_name(api_id)) == 64


def test_longer_function_names_keep_their_end_and_are_told_apart_by_the_api_id() -> None:
    names = [function_name(f"{category}/{'t' * 40}/{'a' * 40}") for category in ("Music", "Food")]

    assert [name[:-9] for name in names] == [f"{'a' * 10}_for_{'t' * 40}"] * 2
    assert all(re.fullmatch("[a-zA-Z0-9_-]{64}", name) for name in names)
    assert names[0] != names[1]


@pytest.mark.parametrize("api", ["a_" + "7" * 80, "a" * 20 + "_" + "b" * 48], ids=["digit", "underscore"])
def test_a_cut_function_name_begins_with_a_letter(api: str) -> None:
    name = function_name(f"Music/t/{api}")

    assert re.fullmatch("f[a-z0-9_]{63}", name)


def test_shared_names_go_to_nobody() -> None:
    choices = [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a2")]

    assert first_distinct(choices) == ["a1", "b", "a2", "a2"]


def test_distinct_names_do_not_depend_on_order() -> None:
    choices = [("a", "a1"), ("b", "b1"), ("a", "a2")]

    assert first_distinct(choices[::-1]) == first_distinct(choices)[::-1]


def test_fractions_are_evenly_spread() -> None:
    fractions = [fraction_of(f"tool {number}") for number in range(2000)]

    assert 0 <= min(fractions) < 0.01
    assert 0.99 < max(fractions) < 1
    assert 0.45 < sum(fractions) / len(fractions) < 0.55


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8123/tools/a?b=c", "http://127.0.0.1/tools/a?b=c"),
        ("https://user:secret@hub.example:443", "https://hub.example"),
        ("http://[::1]:80/x", "http://[::1]/x"),
    ],
)
def test_without_port(url: str, expected: str) -> None:
    assert without_port(url) == expected
