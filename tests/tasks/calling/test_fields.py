from typing import Any

import pytest

from tasks.calling.fields import Fields, fields_of, multipart, urlencoded


@pytest.mark.parametrize(
    ("value", "style", "fields"),
    [
        ("a", None, [("p", "a")]),
        (["a", 1], None, [("p", "a"), ("p", "1")]),
        ({"a": 1}, None, [("p", '{"a":1}')]),
        (["a", 1, True], "csv", [("p", "a,1,true")]),
        ([], "csv", [("p", "")]),
        (["a", "b"], "ssv", [("p", "a b")]),
        (["a", "b"], "tsv", [("p", "a\tb")]),
        (["a", "b"], "pipes", [("p", "a|b")]),
        ({"r": 100, "g": 200}, "csv", [("p", "r,100,g,200")]),
        ("a", "csv", [("p", "a")]),
        (["a", {"b": 1}], "json", [("p", '["a",{"b":1}]')]),
        ({"a": 1, "b": ["x", "y"]}, "exploded", [("a", "1"), ("b", "x"), ("b", "y")]),
        ("a", "exploded", [("p", "a")]),
        (
            {"a": 1, "b": {"c": [2, 3]}},
            "deepObject",
            [("p[a]", "1"), ("p[b][c]", "2"), ("p[b][c]", "3")],
        ),
        ("a", "deepObject", [("p", "a")]),
        (["a"], "unheard of", [("p", "a")]),
    ],
)
def test_styles_of_arrays_and_objects(value: Any, style: str | None, fields: Fields) -> None:
    assert fields_of("p", value, style) == fields


def test_fields_are_encoded() -> None:
    assert urlencoded([("a[b]", "x,y z"), ("ü", "&=")]) == "a%5Bb%5D=x%2Cy%20z&%C3%BC=%26%3D"


def test_a_form_in_parts() -> None:
    content_type, body = multipart([("name", "Ærø"), ('a"b\r\n', "line\r\nbreak")])
    boundary = content_type.removeprefix("multipart/form-data; boundary=")
    assert body.decode() == (
        f'--{boundary}\r\nContent-Disposition: form-data; name="name"\r\n\r\nÆrø\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="a%22b%0D%0A"\r\n\r\nline\r\nbreak\r\n'
        f"--{boundary}--\r\n"
    )


def test_parts_are_the_same_for_the_same_fields_and_never_hold_the_boundary() -> None:
    first, again, other = (multipart([("a", value)]) for value in ("x", "x", "y"))
    assert first == again
    boundary = first[0].rpartition("=")[2]
    assert other[0] != first[0]
    assert boundary not in "ax"
