from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from tasks.calling.credentials import Credentials
from tasks.calling.request import Fields, InvalidArguments, build_request, fields_of, multipart, urlencoded
from tasks.transport.client import HttpRequest
from warehouse.tables.catalogue import Api, SecurityScheme

MakeApi = Callable[..., Api]
NOBODY = Credentials()

UNIT: dict[str, Any] = {"name": "unit", "location": "path", "required": True}
JSON_BODY = {"method": "POST", "content_type": "application/json"}


def built(api: Api, **arguments: Any) -> HttpRequest:
    return build_request(api, arguments, credentials=NOBODY)


def test_arguments_go_where_their_parameters_are(make_api: MakeApi) -> None:
    api = make_api(
        UNIT,
        {"name": "q"},
        {"name": "X-Lang", "arg_name": "x_lang", "location": "header"},
        {"name": "max size", "arg_name": "max_size", "location": "body", "type": "integer"},
        {"name": "tags", "location": "body", "type": "array"},
        url="http://sky.test/v1/{unit}/find",
        **JSON_BODY,
    )
    request = built(api, tags=["a", "ü"], max_size="3", x_lang="de", q="Ærø & co", unit="km/h")
    assert request == HttpRequest(
        method="POST",
        url="http://sky.test/v1/km%2Fh/find?q=%C3%86r%C3%B8%20%26%20co",
        headers=(("X-Lang", "de"), ("Content-Type", "application/json")),
        body='{"max size":3,"tags":["a","ü"]}'.encode(),
    )


@pytest.mark.parametrize(
    ("parameter", "value", "query"),
    [
        ({"type": "boolean"}, True, "?p=true"),
        ({"type": "boolean"}, "TRUE", "?p=true"),
        ({"type": "integer"}, "5", "?p=5"),
        ({"type": "number"}, 0.5, "?p=0.5"),
        ({"type": "string"}, 5, "?p=5"),
        ({"type": "string"}, "", "?p="),
        ({"type": "string"}, "a b+c&d=e#f%", "?p=a%20b%2Bc%26d%3De%23f%25"),
        ({"type": "string"}, "\ud800", "?p=%3F"),
        ({"type": "array"}, ["a", 1, True], "?p=a&p=1&p=true"),
        ({"type": "array"}, [], ""),
        ({"type": "string"}, ["a", "b"], "?p=a&p=b"),
        ({"type": "object"}, {"a": 1}, "?p=%7B%22a%22%3A1%7D"),
        ({"type": "string"}, None, ""),
    ],
)
def test_query_fields(make_api: MakeApi, parameter: dict[str, Any], value: Any, query: str) -> None:
    assert built(make_api({"name": "p"} | parameter), p=value).url == f"http://sky.test/v1/forecast{query}"


def test_fields_follow_the_order_of_the_parameters(make_api: MakeApi) -> None:
    api = make_api({"name": "a"}, {"name": "b"})
    assert built(api, b="2", a="1") == built(api, a="1", b="2")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://sky.test/?format=json", "http://sky.test/?format=json&q=1"),
        ("http://sky.test/#top", "http://sky.test/?q=1#top"),
    ],
)
def test_an_address_keeps_what_it_has(make_api: MakeApi, url: str, expected: str) -> None:
    assert built(make_api({"name": "q"}, url=url), q="1").url == expected


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("a/b", "a%2Fb"),
        ("../admin", "..%2Fadmin"),
        ("{other}", "%7Bother%7D"),
        ("x?y#z", "x%3Fy%23z"),
        (7, "7"),
        (["a", "b"], "a%2Cb"),
    ],
)
def test_a_path_argument_stays_one_segment(make_api: MakeApi, value: Any, path: str) -> None:
    assert (
        built(make_api(UNIT, url="http://sky.test/{unit}/x"), unit=value).url == f"http://sky.test/{path}/x"
    )


@pytest.mark.parametrize("value", ["", " ", ".", "..", []])
def test_a_path_argument_cannot_lead_elsewhere(make_api: MakeApi, value: Any) -> None:
    with pytest.raises(InvalidArguments, match="unit is part of the address and cannot be"):
        built(make_api(UNIT, url="http://sky.test/{unit}/x"), unit=value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(unit=st.text(), q=st.text())
def test_no_argument_changes_the_host_or_the_path(make_api: MakeApi, unit: str, q: str) -> None:
    api = make_api(UNIT, {"name": "q"}, url="http://sky.test/{unit}/x")
    try:
        request = built(api, unit=unit, q=q)
    except InvalidArguments:
        return
    url = URL(request.url, encoded=True)
    assert (url.host, len(url.raw_path.split("/")), list(url.query)) == ("sky.test", 3, ["q"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"city": "Oslo", "unit": "km"},
            "unknown: city. Valid arguments: unit (string, required), days (integer)",
        ),
        ({"days": 3}, "required but missing: unit. Valid arguments: unit (string, required), days (integer)"),
        (
            {"unit": None},
            "required but missing: unit. Valid arguments: unit (string, required), days (integer)",
        ),
        (
            {"a": 1, "b": 2},
            "unknown: a, b; required but missing: unit. "
            "Valid arguments: unit (string, required), days (integer)",
        ),
    ],
)
def test_wrong_names_are_told_with_the_valid_ones(
    make_api: MakeApi, arguments: dict[str, Any], message: str
) -> None:
    api = make_api({"name": "unit", "required": True}, {"name": "days", "type": "integer"})
    with pytest.raises(InvalidArguments) as caught:
        built(api, **arguments)
    assert caught.value.message == message


def test_an_api_without_parameters_takes_no_arguments(make_api: MakeApi) -> None:
    with pytest.raises(InvalidArguments, match=r"unknown: q\. This function takes no arguments"):
        built(make_api(), q=1)


def test_an_address_nothing_fills_is_told(make_api: MakeApi) -> None:
    with pytest.raises(InvalidArguments, match=r"no argument fills \{unit\} of this API's address"):
        built(make_api(url="http://sky.test/{unit}"))


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "\x00", "\ud800"])
def test_header_values_are_one_line(make_api: MakeApi, value: str) -> None:
    with pytest.raises(InvalidArguments, match="lang is sent as a header"):
        built(make_api({"name": "lang", "location": "header"}), lang=value)


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Content-Type"])
def test_headers_that_frame_a_message_are_not_the_catalogues_to_set(make_api: MakeApi, name: str) -> None:
    assert built(make_api({"name": name, "arg_name": "h", "location": "header"}), h="1").headers == ()


@pytest.mark.parametrize(
    ("content_type", "sent_type", "body"),
    [
        (None, "application/json", b'{"a":1,"b":["x","y"]}'),
        ("application/json; charset=utf-8", "application/json; charset=utf-8", b'{"a":1,"b":["x","y"]}'),
        ("application/vnd.api+json", "application/vnd.api+json", b'{"a":1,"b":["x","y"]}'),
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded", b"a=1&b=x&b=y"),
    ],
)
def test_bodies(make_api: MakeApi, content_type: str | None, sent_type: str, body: bytes) -> None:
    api = make_api(
        {"name": "a", "location": "body", "type": "integer"},
        {"name": "b", "location": "body", "type": "array"},
        method="post",
        content_type=content_type,
    )
    request = built(api, a=1, b=["x", "y"])
    assert (request.method, request.headers, request.body) == ("POST", (("Content-Type", sent_type),), body)


def test_a_form_in_parts(make_api: MakeApi) -> None:
    api = make_api({"name": "a", "location": "body"}, method="POST", content_type="multipart/form-data")
    request = built(api, a="x")
    ((name, content_type),) = request.headers
    boundary = content_type.partition("boundary=")[2]
    assert (name, content_type) == ("Content-Type", f"multipart/form-data; boundary={boundary}")
    assert request.body == (
        f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--{boundary}--\r\n'.encode()
    )


@pytest.mark.parametrize(
    ("content_type", "kind", "value", "body"),
    [
        ("application/json", "array", [1, 2], b"[1,2]"),
        ("application/json", "array", "[1, 2]", b"[1,2]"),
        ("application/json", "string", "x", b'"x"'),
        ("application/json", "object", {"a": 1}, b'{"a":1}'),
        ("application/json", "boolean", False, b"false"),
        ("application/x-www-form-urlencoded", "object", {"a": 1, "b": ["x", "y"]}, b"a=1&b=x&b=y"),
        ("text/plain", "string", "Ærø", "Ærø".encode()),
    ],
)
def test_a_body_that_is_one_argument(
    make_api: MakeApi, content_type: str, kind: str, value: Any, body: bytes
) -> None:
    whole = {"name": "", "arg_name": "body", "location": "body", "type": kind}
    request = built(make_api(whole, method="POST", content_type=content_type), body=value)
    assert (request.headers, request.body) == ((("Content-Type", content_type),), body)


def test_without_the_argument_that_makes_it_there_is_no_body(make_api: MakeApi) -> None:
    whole = {"name": "", "arg_name": "body", "location": "body", "type": "array"}
    assert built(make_api(whole, **JSON_BODY)) == HttpRequest("POST", "http://sky.test/v1/forecast")


@pytest.mark.parametrize(
    ("style", "value", "query"),
    [
        ("csv", ["a", "b"], "?p=a%2Cb"),
        ("pipes", ["a", "b"], "?p=a%7Cb"),
        ("json", ["a"], "?p=%5B%22a%22%5D"),
        ("deepObject", {"a": {"b": 1}}, "?p%5Ba%5D%5Bb%5D=1"),
        ("exploded", {"a": 1, "b": 2}, "?a=1&b=2"),
    ],
)
def test_arrays_and_objects_are_written_as_the_schema_says(
    make_api: MakeApi, style: str, value: Any, query: str
) -> None:
    kind = "object" if isinstance(value, dict) else "array"
    api = make_api({"name": "p", "type": kind, "schema": f'{{"x-style":"{style}"}}'})
    assert built(api, p=value).url == f"http://sky.test/v1/forecast{query}"


def test_a_json_body_without_fields_is_an_empty_object(make_api: MakeApi) -> None:
    assert built(make_api({"name": "a", "location": "body"}, **JSON_BODY)).body == b"{}"


def test_no_body_is_made_for_an_api_without_one(make_api: MakeApi) -> None:
    assert built(make_api(method="DELETE")) == HttpRequest("DELETE", "http://sky.test/v1/forecast")


def test_a_body_of_another_kind_is_told(make_api: MakeApi) -> None:
    api = make_api({"name": "a", "location": "body"}, content_type="application/xml", method="POST")
    with pytest.raises(InvalidArguments, match="wants a body of application/xml"):
        built(api, a="x")


def test_nesting_meant_to_kill_is_told(make_api: MakeApi) -> None:
    value: Any = 1
    for _ in range(3000):
        value = [value]
    with pytest.raises(InvalidArguments, match="nested too deeply"):
        built(make_api({"name": "a", "location": "body", "type": "array"}, **JSON_BODY), a=value)


SCHEMES = (
    SecurityScheme(kind="api_key", location="query", name="key"),
    SecurityScheme(kind="api_key", location="header", name="X-Key"),
)


def test_credentials_go_to_their_host_and_replace_what_the_model_says(make_api: MakeApi) -> None:
    api = make_api({"name": "x-key", "arg_name": "x_key", "location": "header"}, security=SCHEMES)
    credentials = Credentials((("sky.test", "s3cret/1"),))
    assert build_request(api, {"x_key": "made up"}, credentials=credentials) == HttpRequest(
        method="GET",
        url="http://sky.test/v1/forecast?key=s3cret%2F1",
        headers=(("X-Key", "s3cret/1"),),
    )


def test_credentials_go_to_no_other_host_though_an_argument_is_part_of_it(make_api: MakeApi) -> None:
    host = {"name": "host", "location": "path"}
    api = make_api(host, url="http://{host}.test/", security=SCHEMES)
    credentials = Credentials((("sky.test", "s3cret"),))
    request = build_request(api, {"host": "evil.com/sky"}, credentials=credentials)
    assert request == HttpRequest("GET", "http://evil.com%2Fsky.test/")


def test_a_request_shows_no_credential_by_accident(make_api: MakeApi) -> None:
    request = build_request(make_api(security=SCHEMES), {}, credentials=Credentials((("*", "s3cret"),)))
    assert repr(request) == "HttpRequest(GET http://sky.test/v1/forecast)"


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


def test_what_a_form_in_parts_is_made_of() -> None:
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
