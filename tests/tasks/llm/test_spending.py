from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import StopRun, UsageError
from tasks.llm.budget import Ledger
from tasks.llm.params import BudgetParams, LlmParams
from tasks.llm.spending import Booking, SpendingLog, Spent, forget_other_runs, spending_file
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
