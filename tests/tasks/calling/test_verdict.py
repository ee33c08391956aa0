import json
from typing import Any

import pytest

from tasks.calling.outcome import Outcome
from tasks.calling.verdict import is_error_object, outcome_of


def outcome(status: int, body: str = "", content_type: str | None = "application/json") -> str:
    return outcome_of(status, content_type, body or None, n_bytes=len(body)).value


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (204, "empty"),
        (205, "empty"),
        (302, "client_error"),
        (304, "client_error"),
        (400, "client_error"),
        (401, "unauthorized"),
        (402, "unsubscribed"),
        (403, "unauthorized"),
        (404, "not_found"),
        (405, "client_error"),
        (407, "unauthorized"),
        (408, "timeout"),
        (410, "not_found"),
        (418, "client_error"),
        (422, "client_error"),
        (429, "rate_limited"),
        (451, "client_error"),
        (500, "server_error"),
        (502, "server_error"),
        (503, "server_error"),
        (504, "timeout"),
        (520, "server_error"),
        (999, "server_error"),
    ],
)
def test_statuses(status: int, expected: str) -> None:
    assert outcome(status, '{"temperature": 3}') == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"message": "You are not subscribed to this API."}', "unsubscribed"),
        ('{"error": {"code": "plan", "message": "Your current plan does not include this"}}', "unsubscribed"),
        ('{"messages": "Please upgrade your plan"}', "unsubscribed"),
        ('{"message": "Invalid API key"}', "unauthorized"),
        ('{"message": "Forbidden"}', "unauthorized"),
        ("<html>Subscribe to our newsletter</html>", "unauthorized"),
        ('{"footer": "subscribe to our newsletter"}', "unauthorized"),
        ("", "unauthorized"),
    ],
)
def test_a_403_is_a_missing_subscription_only_when_its_message_says_so(body: str, expected: str) -> None:
    assert outcome(403, body) == expected


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        ('{"temperature": 3}', "application/json", "ok"),
        ('{"temperature": 3}', None, "ok"),
        ('{"temperature": 3}', "text/html", "ok"),
        ('\ufeff{"temperature": 3}', "text/plain", "ok"),
        ("[]", "application/json", "ok"),
        ("42", "application/json", "ok"),
        ("plain words", "text/plain", "ok"),
        ("a,b\n1,2", "text/csv", "ok"),
        ("<rss><channel/></rss>", "application/xml", "ok"),
        ("An error occurred in 1066 at Hastings", "text/plain", "ok"),
        ("", "application/json", "empty"),
        (" \n", "application/json", "empty"),
        ("<!DOCTYPE html><html></html>", "text/html", "html"),
        ("<html><form><input class='w' type='password'></form></html>", "text/html", "login_page"),
        ("<html><INPUT TYPE=password name=p></html>", "text/plain", "login_page"),
        ('"<html><form><input type=\\"password\\"></form></html>"', "application/json", "login_page"),
        ("<html><p>type=password is how a browser knows</p></html>", "text/html", "html"),
        ('{"form": "<html><input type=password>"}', "application/json", "ok"),
        ("<!doctype HTML><html></html>", "application/json", "html"),
        ("\n<html lang='en'></html>", "text/plain", "html"),
        ("<!-- cached --><html></html>", None, "html"),
        ('<?xml version="1.0"?><!DOCTYPE html><html/>', "application/xhtml+xml", "html"),
        ("<div>fragment</div>", "text/html; charset=utf-8", "html"),
        ("\ufeff<!doctype html><title>Sign in</title>", "application/json", "html"),
        ("<!-- a --><!-- b -->\n<html><form action='/login'></form></html>", "application/json", "html"),
        ('"<!DOCTYPE html>\\n<html><body>Please log in<\\/body><\\/html>"', "application/json", "html"),
        ('"\\u003chtml\\u003e\\u003cbody\\u003eLog in"', "application/json", "html"),
        ('"<b>bold</b> text"', "application/json", "ok"),
        ('{"page": "<html><body>an API that renders pages</body></html>"}', "application/json", "ok"),
        ('{"title": "Bad Request", "status": 400}', "application/problem+json", "error_message"),
        ('{"message": "gone"', "application/json", "ok"),
    ],
)
def test_bodies_of_a_success(body: str, content_type: str | None, expected: str) -> None:
    assert outcome(200, body, content_type) == expected


ERRORS: list[Any] = [
    {"error": "city not found"},
    {"error": {"code": "bad_city", "message": "no such city", "details": {"city": "Xyz"}}},
    {"error": True, "reason": "Parameter 'latitude' must be between -90 and 90"},
    {"error": "invalid key", "code": 101, "timestamp": "2024-01-01T00:00:00Z", "path": "/v1/x"},
    {"errors": [{"message": "Cannot query field"}], "data": None},
    {"errors": ["a", "b"], "results": [], "count": 0},
    {"message": "Endpoint '/x' does not exist"},
    {"messages": "The request to the API has timed out."},
    {"msg": "bad", "code": 400},
    {"detail": "Not found."},
    {"message": "Bad Request", "statusCode": 400},
    {"status": "error", "message": "no data for this symbol"},
    {"status": "fail", "message": "private range", "query": "192.168.0.1"},
    {"status": "error", "message": {"city": ["is required"]}},
    {"success": False, "error": {"code": 104, "info": "limit reached"}},
    {"success": False, "message": "unknown", "data": None, "query": "x"},
    {"Response": "False", "Error": "Movie not found!"},
    {"Error Message": "Invalid API call. Please retry."},
    {"result": "error", "error-type": "unsupported-code", "documentation": "https://example.com"},
    {"cod": "404", "message": "city not found"},
    {"status": "fail", "data": {"title": "a title is required"}},
    {"status": "FAIL", "data": ["no such shelf"]},
    {"status": "error", "data": None, "code": 17},
    {"success": False, "data": {"reason": "expired"}, "timestamp": "2024-01-01"},
    {"ok": False, "data": None},
    {"code": 0, "message": "no such shelf"},
    {"status": 0, "message": "invalid key", "data": []},
    {"code": 404, "message": "no such shelf", "data": []},
    {"message": "invalid key", "data": []},
    {"fault": {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "x"}}},
    {"error": "no", "documentation_url": "https://example.com", "request_id": "1"},
    {"code": 500, "msg": "internal", "data": {}},
    {"errcode": 40014, "errmsg": "no such token"},
    {"err-code": "bad-pair", "err-msg": "no such pair", "ts": None},
    {"retCode": 12, "retMsg": "no such pair", "result": {}, "time": 1700000000},
    {"ret": 9, "msg": "no such token"},
    {"resultcode": "103", "error_code": 11003, "reason": "no such key", "result": None},
    {"jsonrpc": "2.0", "id": 7, "error": {"code": -32601, "message": "no such method"}},
]


@pytest.mark.parametrize("value", ERRORS, ids=json.dumps)
def test_an_error_object_is_an_error(value: Any) -> None:
    assert is_error_object(value)
    assert outcome(200, json.dumps(value)) == Outcome.ERROR_MESSAGE


ANSWERS: list[Any] = [
    {},
    [],
    [{"error": "of one element"}],
    {"error": None, "data": {"a": 1}},
    {"error": False, "temperature": 3},
    {"error": "", "errors": [], "items": [1]},
    {"error": 0, "msg": "", "rates": {"EUR": 1}},
    {"value": 3.2, "error": 0.05},
    {"error": 0.05},
    {"errors": ["one city unknown"], "data": {"oslo": {"temp": 3}}},
    {"message": "https://images.example.com/hound.jpg", "status": "success"},
    {"message": {"hound": ["afghan"]}, "status": "success"},
    {"message": {"from": "ann", "text": "hello"}},
    {"message": "Hello Ann", "language": "en"},
    {"message": "error", "id": 7, "level": "log line of a logging API"},
    {"message": "Good morning", "url": "https://example.com/card.png"},
    {"message": "done", "ok": True},
    {"code": 0, "message": "success", "data": []},
    {"code": 0, "msg": "nothing found", "data": []},
    {"code": "00000", "message": "geen resultaten", "data": {}},
    {"ret": 0, "msg": "OK", "list": None},
    {"message": "Success!", "rows": []},
    {"errcode": 0, "errmsg": "ok"},
    {"retCode": 0, "retMsg": "", "result": {}},
    {"error": False, "msg": "shelves fetched", "data": []},
    {"success": 1, "message": "no rows", "rows": []},
    {"jsonrpc": "2.0", "id": 7, "result": []},
    {"jsonrpc": "2.0", "id": 7, "error": None, "result": "pong"},
    {"error_code": 0, "error_msg": "success", "data": []},
    {"errorCode": "0", "errorMessage": "ok", "result": {}},
    {"success": True, "message": "no rows", "data": []},
    {"status": "failed", "data": {"job": 7, "log": "exit 1"}},
    {"status": "error", "data": {"sensor": 3}, "uptime": 40},
    {"success": False},
    {"result": False},
    {"status": "ok", "articles": [{"title": "Error handling explained", "message": "error"}]},
    {"code": 200, "message": "OK", "data": [1]},
    {"title": "Errors", "text": "An error is a mistake."},
    {"message": "found", "total": 3},
    {"status": "error", "message": "partly", "items": [1]},
    {"description": "a lone description is an answer"},
    {"title": "401 Unauthorized explained", "views": 404},
    {"articles": [{"title": "404 error: page not found", "code": 404}], "total": 1},
    {"word": "unauthorized", "definitions": ["without authority"], "status": 200},
    {"log": [{"level": "error", "message": "Unauthorized"}]},
]


@pytest.mark.parametrize("value", ANSWERS, ids=json.dumps)
def test_a_body_that_merely_contains_the_word_is_an_answer(value: Any) -> None:
    assert not is_error_object(value)
    assert outcome(200, json.dumps(value)) == Outcome.OK


def test_a_body_that_is_no_text_is_an_answer() -> None:
    assert outcome_of(200, "image/png", None, n_bytes=100) is Outcome.OK


def test_a_head_request_has_no_body_to_judge() -> None:
    assert outcome_of(200, "text/html", None, n_bytes=0, method="HEAD") is Outcome.OK
    assert outcome_of(404, "text/html", None, n_bytes=0, method="HEAD") is Outcome.NOT_FOUND


def test_a_page_made_to_keep_us_busy_is_judged_quickly() -> None:
    assert outcome(200, "<!--" * 200_000, "text/plain") == "ok"
