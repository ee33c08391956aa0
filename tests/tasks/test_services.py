"""What the tasks of a process share follows what the run has learned since it was opened."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.calling.params import CallingParams
from tasks.errors import UsageError
from tasks.frame.run import RunContext
from tasks.frame.services import close_services, services_of
from tasks.llm.batching.batches import Entry, Record
from tasks.llm.params import BudgetParams, Capabilities, JudgeParams, LlmParams


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunContext]:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    yield RunContext(
        data=tmp_path,
        run_id="r",
        started_at=now,
        as_of={"crawl": now},
        calling=CallingParams(),
        llm=LlmParams(base_url="http://model.test/v1", model="m"),
        budget=BudgetParams(),
    )
    close_services()


def test_stages_see_what_the_endpoint_turned_out_to_lack(run: RunContext) -> None:
    services_of(run)  # the trial of the endpoint is asked through them
    learned = run.model_copy(update={"capabilities": Capabilities(long_names=False)})

    assert services_of(learned).run.model_identity() == learned.model_identity()
    assert learned.model_identity() != run.model_identity()


def test_all_of_a_run_share_the_same_clients_counts_and_limits(run: RunContext) -> None:
    first = services_of(run)
    second = services_of(run.model_copy(update={"capabilities": Capabilities(long_names=False)}))

    assert (first.model, first.calls, first.store) == (second.model, second.calls, second.store)
    assert first.progress("probe") is second.progress("probe")


def test_where_an_endpoint_cannot_be_used_nothing_stays_open(run: RunContext) -> None:
    llm = run.llm.model_copy(update={"base_url": "http://me:secret@model.test/v1"})
    before = set(threading.enumerate())  # other tests may have left theirs
    with pytest.raises(UsageError, match="holds credentials"):
        services_of(run.model_copy(update={"llm": llm}))

    assert {each for each in threading.enumerate() if each.name == "toolloom-runtime"} <= before


def test_stages_that_judge_ask_the_judge_and_all_share_budget_and_replies(run: RunContext) -> None:
    judge = JudgeParams(base_url="http://judge.test/v1", model="j", batch=True)
    model = services_of(run.model_copy(update={"judge": judge})).model

    stages = ("propose", "annotate", "evaluate", "prefer")
    assert [model.of(stage).name for stage in stages] == ["m", "m", "j", "j"]
    assert [model.batcher_of(stage) is not None for stage in stages] == [False, False, True, True]
    assert [asked.params.model for asked in model.asked] == ["m", "j"]


def test_without_a_judge_of_its_own_there_is_one_endpoint(run: RunContext) -> None:
    model = services_of(run).model

    assert (model.judge, model.asked) == (model.writer, (model.writer,))


def test_batches_at_one_address_are_of_the_model_that_was_asked(run: RunContext) -> None:
    judge = JudgeParams(base_url="http://model.test/v1", model="j", batch=True)
    model = services_of(run.model_copy(update={"judge": judge})).model
    entry = Entry(key="00", stage="evaluate", row_id="a", ordinal=0, tokens_in=1, tokens_out=1)
    record = Record(mark="x", where="http://model.test/v1", input_file_id="f", entries=(entry,))

    assert [asked.batcher.is_own(record) for asked in model.asked] == [False, True]
