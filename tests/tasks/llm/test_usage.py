from __future__ import annotations

from dataclasses import replace

from tasks.llm.spending import UsageLog, mostly_refused
from warehouse.tables.accounts import LlmCall

PAID = LlmCall(
    run_id="r",
    stage="propose",
    row_id="a",
    ordinal=0,
    model="m",
    tokens_in=7,
    tokens_out=2,
    cost_usd=0.1,
    latency_ms=5.0,
    attempts=1,
    from_store=False,
    error=None,
)
STORED = replace(PAID, from_store=True, cost_usd=0.0, attempts=0)
FAILED = replace(PAID, error="EndpointDown")


def log_of(*calls: LlmCall) -> UsageLog:
    log = UsageLog()
    for call in calls:
        log.record(call)
    return log


def test_rows_are_taken_in_order_whatever_the_order_of_recording() -> None:
    a0, a1, b0 = PAID, replace(PAID, ordinal=1), replace(PAID, row_id="b")
    assert log_of(b0, a1, a0).take("propose", ["b", "a", "c"]) == [a0, a1, b0]


def test_only_the_rows_of_that_stage_and_those_ids_are_taken_and_only_once() -> None:
    b0, other = replace(PAID, row_id="b"), replace(PAID, stage="judge")
    log = log_of(PAID, b0, other)
    assert log.take("propose", ["a"]) == [PAID]
    assert log.take("propose", ["a", "b"]) == [b0]
    assert log.take_all("judge") == [other]
    assert log.take_all("propose") == []


def test_the_row_that_says_what_a_reply_cost_is_kept() -> None:
    assert log_of(PAID, STORED).take_all("propose") == [PAID]
    assert log_of(STORED, PAID).take_all("propose") == [PAID]


def test_a_failure_gives_way_to_what_came_later() -> None:
    assert log_of(FAILED, STORED).take_all("propose") == [STORED]
    assert log_of(FAILED, PAID).take_all("propose") == [PAID]


REFUSED = replace(PAID, stage="annotate", error="endpoint_refused: HTTP 400: No.")


def of_rows(*calls: LlmCall) -> list[LlmCall]:
    return [replace(call, row_id=str(n)) for n, call in enumerate(calls)]


def test_a_stage_whose_requests_were_mostly_refused_says_so() -> None:
    fine = replace(PAID, stage="annotate")
    other = replace(REFUSED, error="content_filtered: HTTP 403: Not that.")
    assert mostly_refused(of_rows(fine, fine, other, REFUSED, REFUSED, PAID)) == (
        "the model endpoint refused 3 of 5 requests of annotate, the last one of 3 of 5 rows; most often so: "
        "HTTP 400: No.",
    )


def test_so_does_one_whose_rows_mostly_ended_in_a_refusal() -> None:
    searches = [
        replace(REFUSED if ordinal == 9 else PAID, stage="annotate", row_id=row_id, ordinal=ordinal)
        for row_id in "abc"
        for ordinal in range(10)
    ]
    assert mostly_refused(searches)[0].startswith(
        "the model endpoint refused 3 of 30 requests of annotate, the last one of 3 of 3 rows; "
    )


def test_half_of_them_a_few_those_of_a_trial_and_outages_are_no_sign() -> None:
    fine, down = replace(PAID, stage="annotate"), replace(PAID, stage="annotate", error="EndpointDown")
    trial = replace(REFUSED, stage="endpoint")
    assert mostly_refused(of_rows(*[fine, REFUSED] * 5)) == ()
    assert mostly_refused(of_rows(*[REFUSED] * 2)) == ()
    assert mostly_refused(of_rows(*[trial] * 5)) == ()
    assert mostly_refused(of_rows(*[down] * 5)) == ()
