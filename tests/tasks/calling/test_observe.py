import json
from typing import Any

import pytest

from tasks.calling.outcome import CallResult, Outcome
from tasks.search.observing import observation_of, visible_text
from tasks.text_budget.shape import Shape
from tasks.text_budget.tokens import count_tokens

FORECAST = {"city": "Oslo", "days": [{"day": n, "text": "rain " * 20, "id": f"id-{n}"} for n in range(30)]}
SHAPE: Shape = {"city": "string", "days": [{"day": "integer", "text": "string"}]}


def result(outcome: Outcome, body: Any = None, **fields: Any) -> CallResult:
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    return CallResult(outcome=outcome, body=text, **fields)


@pytest.mark.parametrize(
    ("call", "shape", "observation"),
    [
        (result(Outcome.OK, {"a": 1, "b": [1, 2]}, http_status=200), None, '{"a":1,"b":[1,2]}'),
        (result(Outcome.OK, {"a": 1, "b": [1, 2]}), {"b": ["integer"]}, '{"b":[1,2]}'),
        (result(Outcome.OK, {"x": 1}), {"a": "string"}, '{"x":1}'),
        (result(Outcome.OK, {"a": {}, "x": 1}), {"a": {"b": "string"}}, '{"a":{},"x":1}'),
        (result(Outcome.OK, "plain text"), {"a": "string"}, "plain text"),
        (
            result(
                Outcome.OK, '{"owed": 98765432109876543210, "rate": 0.12345678901234567890123, "x": 1e999}'
            ),
            {"owed": "integer", "rate": "number"},
            '{"owed":98765432109876543210,"rate":0.12345678901234567890123}',
        ),
        (
            result(Outcome.NOT_FOUND, '{"id": -98765432109876543210, "city": "Ålesund"}', http_status=404),
            None,
            '{"error":"not_found","status":404,"response":{"id":-98765432109876543210,"city":"Ålesund"}}',
        ),
        (
            result(Outcome.OK, http_status=200, content_type="image/png", n_bytes=9),
            None,
            '{"status":200,"content_type":"image/png","n_bytes":9}',
        ),
        (
            result(Outcome.NOT_FOUND, {"message": "no such city"}, http_status=404),
            {"a": "string"},
            '{"error":"not_found","status":404,"response":{"message":"no such city"}}',
        ),
        (
            result(Outcome.SERVER_ERROR, "Internal Server Error\n", http_status=500),
            None,
            '{"error":"server_error","status":500,"response":"Internal Server Error"}',
        ),
        (
            result(Outcome.HTML, "<html><head><title>x</title></head><p>We are <b>down</b>", http_status=200),
            None,
            '{"error":"html","status":200,"response":"We are down"}',
        ),
        (result(Outcome.EMPTY, http_status=204), None, '{"error":"empty","status":204}'),
        (result(Outcome.TIMEOUT, detail="sky.test did not finish within 15 s"), None, '{"error":"timeout"}'),
    ],
)
def test_observations(call: CallResult, shape: Shape | None, observation: str) -> None:
    assert observation_of(call, shape, 200) == observation


def test_an_answer_is_compressed_before_it_is_cut() -> None:
    observation = observation_of(result(Outcome.OK, FORECAST), SHAPE, 200)
    value = json.loads(observation)
    assert count_tokens(observation) <= 200
    assert list(value["days"][0]) == ["day", "text"]
    assert list(value["days"][-1]) == ["_cut"]


@pytest.mark.parametrize("body", [{"message": "word " * 5000}, "word " * 5000])
def test_a_failure_keeps_within_the_budget_and_shows_the_apis_words(body: Any) -> None:
    observation = observation_of(result(Outcome.CLIENT_ERROR, body, http_status=400), None, 100)
    value = json.loads(observation)
    assert count_tokens(observation) <= 100
    assert (value["error"], value["status"]) == ("client_error", 400)
    assert "word word word word word word word" in json.dumps(value["response"])


def test_of_a_page_only_what_a_reader_sees_is_shown() -> None:
    page = (
        "<html><style>p {}</style><script>var a = 1;</script><h1>Down</h1>\n<p>back &amp; better</p></html>"
    )
    assert visible_text(page) == "Down back & better"
