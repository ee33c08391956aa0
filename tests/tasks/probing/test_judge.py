import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.calling.outcome import CallResult, Outcome
from tasks.probing.judge import Again, judge, reached_nothing, stands, was_unreachable
from warehouse.tables.probing import Verdict

NOW = datetime(2024, 5, 1, tzinfo=UTC)


def answer(body: Any = None, latency_ms: float = 100.0) -> CallResult:
    text = None if body is None else json.dumps(body)
    return CallResult(outcome=Outcome.OK, http_status=200, latency_ms=latency_ms, body=text)


def failure(outcome: Outcome) -> CallResult:
    return CallResult(outcome=outcome)


def verdict_on(*results: CallResult) -> Verdict:
    return judge("Weather/sky/forecast", results, max_latency_s=8, probed_at=NOW, conditions="c")


GOOD = answer({"temperature": 3})
DOWN = failure(Outcome.SERVER_ERROR)
HUNG = failure(Outcome.TIMEOUT)


def test_a_verdict() -> None:
    assert verdict_on(
        answer({"a": 1}, 100), answer({"a": 1, "b": [2]}, 300), answer({"a": 1}, 200)
    ) == Verdict(
        api_id="Weather/sky/forecast",
        works=True,
        effective=True,
        kept=True,
        reason="ok",
        median_latency_ms=200,
        n_attempts=3,
        example_response='{"a":1,"b":[2]}',
        probed_at=NOW,
        conditions="c",
    )


def test_the_example_comes_with_what_it_was_called_with() -> None:
    verdict = judge(
        "Weather/sky/forecast",
        [answer({"a": 1}), DOWN, answer({"a": 1, "b": [2]}), answer({"a": 3, "b": [4]})],
        max_latency_s=8,
        probed_at=NOW,
        arguments=[{"id": n} for n in range(4)],
    )
    assert (verdict.example_response, verdict.example_arguments) == ('{"a":1,"b":[2]}', '{"id":2}')


@pytest.mark.parametrize(
    ("results", "works", "effective", "kept", "reason"),
    [
        ([GOOD], True, True, True, "ok"),
        ([DOWN, HUNG, GOOD], True, True, True, "ok"),
        ([GOOD, GOOD, DOWN], True, True, True, "ok"),
        ([GOOD, DOWN, DOWN], False, False, False, "server_error"),
        ([GOOD, DOWN], False, False, False, "server_error"),
        ([DOWN, HUNG, HUNG], False, False, False, "timeout"),
        ([DOWN, HUNG], False, False, False, "timeout"),
        ([failure(Outcome.UNSAFE_SKIPPED)], False, False, False, "unsafe_skipped"),
        ([failure(Outcome.EMPTY)] * 3, False, False, False, "empty"),
        ([answer({"status": "ok"})] * 3, True, False, False, "ineffective"),
        ([answer([])] * 3, True, False, False, "ineffective"),
        ([answer()] * 3, True, False, False, "ineffective"),
        ([answer({"a": 1}, 9000)] * 3, True, False, False, "slow"),
        ([answer({"results": [], "total": 0})] * 3, True, False, False, "ineffective"),
        ([answer({"a": 1}, 9000), GOOD, GOOD], True, True, True, "ok"),
    ],
)
def test_what_tries_amount_to(
    results: list[CallResult], works: bool, effective: bool, kept: bool, reason: str
) -> None:
    verdict = verdict_on(*results)
    assert (verdict.works, verdict.effective, verdict.kept, verdict.reason) == (
        works,
        effective,
        kept,
        reason,
    )


def test_text_that_is_no_json_is_an_example_as_a_json_string() -> None:
    result = CallResult(outcome=Outcome.OK, latency_ms=1, body=" a,b\n1,2\n")
    assert verdict_on(result).example_response == '"a,b\\n1,2"'


def test_a_try_that_failed_is_no_example_and_has_no_latency() -> None:
    refused = CallResult(
        outcome=Outcome.CLIENT_ERROR, latency_ms=5, body='{"long": "refusal with much to say"}'
    )
    verdict = verdict_on(refused, answer({"a": 1}, 50))
    assert (verdict.example_response, verdict.median_latency_ms) == ('{"a":1}', 50)
    assert verdict_on(refused).median_latency_ms is None


MAX_AGE = timedelta(days=1)


def verdict(reason: str = "ok", age: timedelta = timedelta(hours=1), conditions: str | None = "c") -> Verdict:
    kept = reason == "ok"
    return Verdict(
        api_id="Weather/sky/forecast",
        works=kept,
        effective=kept,
        kept=kept,
        reason=reason,
        median_latency_ms=None,
        n_attempts=3,
        example_response=None,
        probed_at=NOW - age,
        conditions=conditions,
    )


@pytest.mark.parametrize(
    ("earlier", "old", "stale", "all_of_them"),
    [
        (verdict(), True, True, False),
        (verdict(age=MAX_AGE), True, True, False),
        (verdict(age=MAX_AGE + timedelta(seconds=1)), False, False, False),
        (verdict(conditions="others"), False, False, False),
        (verdict(conditions=None), False, False, False),
        (verdict("timeout"), True, False, False),
        (verdict("connection_error"), True, False, False),
        (verdict("server_error"), True, False, False),
        (verdict("rate_limited"), True, False, False),
        (verdict("slow"), True, False, False),
        (verdict("not_found"), True, True, False),
        (verdict("unauthorized"), True, True, False),
        (verdict("unsafe_skipped"), True, True, False),
    ],
)
def test_which_verdicts_stand(earlier: Verdict, old: bool, stale: bool, all_of_them: bool) -> None:
    found = {again: stands(earlier, "c", now=NOW, max_age=MAX_AGE, again=again) for again in Again}
    assert found == {Again.OLD: old, Again.STALE: stale, Again.ALL: all_of_them}


@pytest.mark.parametrize(
    ("earlier", "unreachable"),
    [
        (None, False),
        (verdict(), False),
        (verdict("server_error"), False),
        (verdict("timeout"), True),
        (verdict("connection_error"), True),
    ],
)
def test_who_could_not_be_reached_before(earlier: Verdict | None, unreachable: bool) -> None:
    assert was_unreachable(earlier) is unreachable


@pytest.mark.parametrize(
    ("reasons", "nothing"),
    [
        ([], False),
        (["connection_error"], True),
        (["connection_error", "connection_error"], True),
        (["connection_error", "timeout"], False),
        (["connection_error", "ok"], False),
    ],
)
def test_when_nothing_at_all_was_reached(reasons: list[str], nothing: bool) -> None:
    assert reached_nothing(reasons) is nothing
