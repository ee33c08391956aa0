"""What answers of a ToolBench service amount to."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.toolbench_answers import result_of


def outcome_and_body(error: str, response: Any) -> tuple[Outcome, str | None]:
    result = result_of(error, response, latency_ms=3.0)
    return result.outcome, result.body


@pytest.mark.parametrize(
    ("response", "body"),
    [
        ({"a": [1, None]}, '{"a":[1,null]}'),
        ([1], "[1]"),
        (5, "5"),
        ('{"a": 1}', '{"a": 1}'),
        ("{'a': [True, None, 'it\\'s'], 1: 2.5}", '{"a":[true,null,"it\'s"],"1":2.5}'),
        ("[{'x': (1, 2)}]", '[{"x":[1,2]}]'),
        ('"a quoted text"', "a quoted text"),
        ('"quoted" and more', '"quoted" and more'),
        ("Sunny, 20 degrees", "Sunny, 20 degrees"),
        ("{'cut': 'in the mid", "{'cut': 'in the mid"),
        ("[1if 2else 3, __import__('os')]", "[1if 2else 3, __import__('os')]"),
        ("{'when': datetime.date(2024, 1, 1)}", "{'when': datetime.date(2024, 1, 1)}"),
        ("[" * 5000, "[" * 5000),
        ("{'a': {1, 2}}", "{'a': {1, 2}}"),
        ("{'huge': " + "1" * 30 + "}", '{"huge":' + "1" * 30 + "}"),
    ],
)
def test_responses_become_text_of_json_where_they_can(response: Any, body: str) -> None:
    assert outcome_and_body("", response) == (Outcome.OK, body)


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        ("", Outcome.EMPTY),
        (None, Outcome.EMPTY),
        ("  ", Outcome.EMPTY),
        ('"<html><body>Gone</body></html>"', Outcome.HTML),
        ("{'message': \"API doesn't exists\"}", Outcome.ERROR_MESSAGE),
        ({"error": "no such city"}, Outcome.ERROR_MESSAGE),
        ({"error": None, "temperature": 20}, Outcome.OK),
    ],
)
def test_a_response_without_error_is_judged_like_any_body(response: Any, outcome: Outcome) -> None:
    assert outcome_and_body("", response)[0] is outcome


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ("API not working error...", Outcome.SERVER_ERROR),
        ("API temporarily not working error...", Outcome.TIMEOUT),
        ("Unauthorized error...", Outcome.UNAUTHORIZED),
        ("Unsubscribed error...", Outcome.UNSUBSCRIBED),
        ("Too many requests error...", Outcome.RATE_LIMITED),
        ("Rate limit error...", Outcome.RATE_LIMITED),
        ("Rate limit per minute error...", Outcome.RATE_LIMITED),
        ("Gateway error...", Outcome.SERVER_ERROR),
        ("Blocked error...", Outcome.UNAUTHORIZED),
        ("Timeout error...HTTPConnectionPool(host='10.0.0.1', port=7890): Read timed out.", Outcome.TIMEOUT),
        ("Failed to generate fake response", Outcome.SERVER_ERROR),
        ("Tool input parse error...\n", Outcome.CLIENT_ERROR),
        ("request invalid, data error", Outcome.CLIENT_ERROR),
        ("No such function name: fly", Outcome.NOT_FOUND),
        ("Function executing from t.W.sky.api import x error...\nNo module named 't.W'", Outcome.NOT_FOUND),
        ("Function executing from t.W.sky.api import x error...\nx() missing 1 ...", Outcome.CLIENT_ERROR),
        ("Message error...", Outcome.ERROR_MESSAGE),
        ("Something new", Outcome.ERROR_MESSAGE),
    ],
)
def test_the_service_words_an_error(error: str, outcome: Outcome) -> None:
    assert result_of(error, "", latency_ms=3.0).outcome is outcome


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        ("{'main': {'id': 'af-error-container'}, 'entries': [1]}", Outcome.OK),
        ({"data": [1, 2], "error": None}, Outcome.OK),
        ({"error": {"code": 404}}, Outcome.ERROR_MESSAGE),
        ("an error occurred", Outcome.ERROR_MESSAGE),
    ],
)
def test_that_the_word_error_stands_somewhere_is_no_error(response: Any, outcome: Outcome) -> None:
    assert result_of("Message error...", response, latency_ms=3.0).outcome is outcome


def test_what_the_service_says_of_a_call_is_there_to_learn_from() -> None:
    assert result_of("No such function name: fly ", "", latency_ms=3.0) == CallResult(
        outcome=Outcome.NOT_FOUND,
        latency_ms=3.0,
        content_type="application/json",
        n_bytes=40,
        body='{"message":"No such function name: fly"}',
        detail="No such function name: fly",
    )


def test_addresses_of_the_service_do_not_reach_the_model() -> None:
    assert outcome_and_body("Timeout error...host='10.0.0.1'", "") == (Outcome.TIMEOUT, None)
