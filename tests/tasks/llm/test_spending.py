from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import StopRun, UsageError
from tasks.llm.budget import Ledger
from tasks.llm.params import BudgetParams, LlmParams
from tasks.llm.spending import (
    Booking,
    SpendingLog,
    Spent,
    UsageLog,
    forget_other_runs,
    mostly_refused,
    spending_file,
)
from warehouse.tables.accounts import LlmCall

CALL = LlmCall(
    run_id="r",
    stage="propose",
    row_id="a",
    ordinal=0,
    model="m",
    tokens_in=7,
    tokens_out=2,
    cost_usd=None,
    latency_ms=0.1 + 0.2,
    attempts=1,
    from_store=False,
    error=None,
)
LLM = LlmParams(base_url="http://127.0.0.1:1/v1", model="m")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return spending_file(tmp_path, "r")


def test_what_is_settled_counts_as_it_was_and_the_rest_at_its_worst(path: Path) -> None:
    with SpendingLog(path) as log:
        settled, _ = log.held("propose", Spent(1, 50, 100, 0.0)), log.held("annotate", Spent(1, 60, 100, 0.0))
        log.settled(settled, Spent(1, 7, 2, 0.5))
        log.asked(CALL)
    with SpendingLog(path) as log:
        assert [*log.bookings().values()] == [
            Booking("propose", Spent(1, 7, 2, 0.5), settled=True),
            Booking("annotate", Spent(1, 60, 100, 0.0), settled=False),
        ]
        assert log.calls() == [CALL]


def test_a_ledger_goes_on_from_there(path: Path) -> None:
    with SpendingLog(path) as log:
        log.held("annotate", Spent(1, 60, 100, 0.0))
        ledger = Ledger(BudgetParams(), LLM, log)
    assert ledger.used == Spent(1, 60, 100)


PRICED, JUDGE = (LLM.model_copy(update={"price_in": each, "price_out": each}) for each in (1.0, 10.0))


@pytest.mark.parametrize("saved", [0.0, 30e-6])
def test_what_had_no_price_when_it_was_spent_has_the_one_of_today(path: Path, saved: float) -> None:
    """Likewise what an earlier version wrote, which left the dollars out but for those that were saved."""
    with SpendingLog(path) as log:
        log.held("annotate", Spent(1, 50, 10, unpriced=1))
        log.held("evaluate", Spent(1, 50, 10, unpriced=1))
        log.held("propose", Spent(1, 50, 10, 0.5))
        log._append(["held", "old", "propose", [1, 50, 10, saved]])
        ledger = Ledger(BudgetParams(), PRICED, log, judges={"evaluate": JUDGE})
        without = Ledger(BudgetParams(), LLM, log)

    assert ledger.used.cost_usd == pytest.approx(60e-6 + 600e-6 + 0.5 + 60e-6 - saved)
    assert (without.used.cost_usd, without.used.unpriced) == (None, 3)


def test_two_processes_may_append(path: Path) -> None:
    with SpendingLog(path) as one, SpendingLog(path) as other:
        names = [log.held("propose", Spent(1, 1, 1, 0.0)) for log in (one, other, one)]
        other.settled(names[1], Spent(0, 0, 0, 0.0))
        assert [booking.settled for booking in one.bookings().values()] == [False, True, False]


def test_a_line_that_was_torn_is_left_out(path: Path) -> None:
    with SpendingLog(path) as log:
        log.asked(CALL)
        log.asked(replace(CALL, row_id="b"))
    path.write_bytes(path.read_bytes()[:-9])
    with SpendingLog(path) as log:
        assert log.calls() == [CALL]
        log.asked(replace(CALL, row_id="c"))
        assert [call.row_id for call in log.calls()] == ["a", "c"]


def test_what_other_runs_wrote_is_forgotten(tmp_path: Path) -> None:
    for run_id in ("a", "b"):
        SpendingLog(spending_file(tmp_path, run_id)).close()
    forget_other_runs(tmp_path, "b")
    assert [path.name for path in (tmp_path / "store" / "spent").iterdir()] == ["b.jsonl"]


def test_a_full_disk_stops_the_run(path: Path) -> None:
    log = SpendingLog(path)
    with Path("/dev/full").open("wb") as full:
        os.dup2(full.fileno(), log._file)
    with log, pytest.raises(StopRun, match="No space left"):
        log.asked(CALL)


def test_a_folder_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        SpendingLog(spending_file(tmp_path, "r"))


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
