import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.text_budget.shorten import few_elements, json_text, shortened_json
from tasks.text_budget.tokens import count_tokens

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(max_size=4), inner, max_size=40),
    max_leaves=30,
)


def test_what_fits_is_written_whole() -> None:
    assert shortened_json({"a": [1, 2, {"b": None}]}, 100) == '{"a":[1,2,{"b":null}]}'


def test_the_tail_of_a_long_array_goes_and_is_counted() -> None:
    value = json.loads(shortened_json({"n": 100, "items": [{"id": n} for n in range(100)]}, 60))
    assert value["items"][:-1] == [{"id": n} for n in range(len(value["items"]) - 1)]
    assert value == {
        "n": 100,
        "items": [*value["items"][:-1], {"_cut": f"{101 - len(value['items'])} more items"}],
    }


def test_a_long_string_is_shortened_before_a_short_array() -> None:
    value = json.loads(shortened_json({"text": "word " * 1000, "tags": ["a", "b", "c"]}, 100))
    assert value == {"text": value["text"], "tags": ["a", "b", "c"]}
    assert value["text"].endswith("...")
    assert len(value["text"]) > 300


def test_a_record_keeps_its_keys_while_its_arrays_shrink() -> None:
    records = [{"id": n, "name": f"name {n}", "text": "lorem ipsum " * 50} for n in range(50)]
    first, *_, last = json.loads(shortened_json(records, 200))
    assert (set(first), set(last)) == ({"id", "name", "text"}, {"_cut"})


def test_a_map_with_many_keys_is_cut_like_an_array() -> None:
    value = json.loads(shortened_json({"base": "EUR", "rates": {f"C{n}": n / 7 for n in range(500)}}, 200))
    assert value["base"] == "EUR"
    assert value["rates"]["_cut"] == f"{501 - len(value['rates'])} more keys"


def test_a_record_with_many_keys_keeps_them_while_its_arrays_shrink() -> None:
    repository = {f"{name}_{kind}": name for name in "abcdefghijklmnopqrst" for kind in ("url", "id")}
    rows = [{**repository, "stars": n, "archived": False} for n in range(50)]
    first, *_, last = json.loads(shortened_json(rows, 1000))
    assert (first, set(last)) == (rows[0], {"_cut"})


def test_wanted_keys_of_a_record_go_last() -> None:
    wide = {f"part {n}": "x" * 30 for n in range(200)} | {"mass": {"kg": 3, "unit": "kg"}}
    value = json.loads(shortened_json(wide, 100, wanted={"mass", "kg"}))
    assert value["mass"] == {"kg": 3, "unit": "kg"}
    assert value["_cut"] == f"{202 - len(value)} more keys"


ROWS = [{"id": n, "tags": list(range(9)), "note": "late" if n == 7 else None} for n in range(9)]


@pytest.mark.parametrize(
    ("value", "few"),
    [
        ("text", "text"),
        ([1, 2, 3, 4], [1, 2, 3, 4]),
        ([1, 2, 3, 4, 5], [1, 2, 3, {"_cut": "2 more items"}]),
        (
            {"rows": ROWS},
            {
                "rows": [
                    {"id": 0, "tags": [0, 1, 2, {"_cut": "6 more items"}], "note": None},
                    {"id": 1, "tags": [0, 1, 2, {"_cut": "6 more items"}], "note": None},
                    {"id": 7, "tags": [0, 1, 2, {"_cut": "6 more items"}], "note": "late"},
                    {"_cut": "6 more items"},
                ]
            },
        ),
        (
            {"rates": {f"2026-01-{n}": {"usd": n} for n in range(10, 20)}},
            {"rates": {**{f"2026-01-{n}": {"usd": n} for n in range(10, 13)}, "_cut": "7 more keys"}},
        ),
        (
            {"by": {f"C{n:02}": n / 7 for n in range(40)}},
            {"by": {**{f"C{n:02}": n / 7 for n in range(3)}, "_cut": "37 more keys"}},
        ),
        (
            {
                "columns": list("abcdef"),
                "rows": [["2026-01-01", 1, 2, 3, 4, None]] * 9,
                "tags": list("abcde"),
            },
            {
                "columns": list("abcdef"),
                "rows": [*[["2026-01-01", 1, 2, 3, 4, None]] * 3, {"_cut": "6 more items"}],
                "tags": ["a", "b", "c", {"_cut": "2 more items"}],
            },
        ),
        ({"names": list("abcdef"), "rows": [[1, 2, 3, 4, 5, 6]] * 2}, None),
        ([["2026-01-01", 1, 2, 3, 4]], None),
        ([[1, 2, 3, 4, 5]] * 2, [[1, 2, 3, {"_cut": "2 more items"}]] * 2),
        ({"air": {"pm10": 1, "pm2_5": 2, "co2": 3, "no2": 4, "o3": 5}}, None),
        ({f"key {n}": "a" if n % 2 else 1 for n in range(40)}, None),
    ],
)
def test_a_few_elements_of_each_list_and_map(value: Any, few: Any) -> None:
    assert few_elements(value) == (value if few is None else few)


@pytest.mark.parametrize(
    ("value", "max_tokens", "text"),
    [
        ({"a": {"b": {"c": [1, 2, 3]}}, "d": "x" * 400}, 18, '{"a":{"_cut":"1 keys"},"_cut":"1 more keys"}'),
        ({"a": {"b": {"c": [1, 2, 3]}}, "d": "x" * 400}, 8, '{"_cut":"2 keys"}'),
        ({"a": {"b": {"c": [1, 2, 3]}}, "d": "x" * 400}, 1, "{}"),
        ([[["deep"] * 30] * 30] * 100, 9, '[{"_cut":"100 items"}]'),
        ([[["deep"] * 30] * 30] * 100, 1, "[]"),
    ],
)
def test_hopeless_budgets_still_get_json(value: object, max_tokens: int, text: str) -> None:
    assert shortened_json(value, max_tokens) == text


def test_no_budget_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        shortened_json({}, 0)


@settings(max_examples=60)
@given(JSON, st.integers(min_value=1, max_value=120))
def test_the_text_always_parses_and_is_never_over_budget(value: object, max_tokens: int) -> None:
    text = shortened_json(value, max_tokens)
    json.loads(text)
    assert count_tokens(text) <= max_tokens


def test_nesting_meant_to_kill_is_cut() -> None:
    value: Any = 1
    for _ in range(900):
        value = [value]
    assert json.loads(shortened_json(value, 2000)) is not None


def test_a_huge_answer_takes_a_moment_only() -> None:
    value = [{"id": n, "text": "lorem ipsum dolor " * 8, "tags": list(range(8))} for n in range(5000)]
    started = time.process_time()
    text = shortened_json(value, 2048)
    assert count_tokens(text) <= 2048
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    ("value", "text"), [(2**70, str(2**70)), ("\ud800", '"\\ud800"'), ({"é": 1.5}, '{"é":1.5}')]
)
def test_all_of_json_can_be_written(value: object, text: str) -> None:
    assert json_text(value) == text
