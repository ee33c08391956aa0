import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.calling.outcome import CallResult, Outcome
from tasks.calling.recording import RecordingCaller, StoredCall
from tasks.transport.kvstore import DurableMap
from warehouse.tables.catalogue import Api

MakeApi = Callable[..., Api]


class Counting:
    """Answers with the number of the call, at some length."""

    def __init__(self, length: int = 0) -> None:
        self.calls = 0
        self.length = length

    async def call(self, api: Api, arguments: Mapping[str, Any]) -> CallResult:
        self.calls += 1
        return CallResult(
            outcome=Outcome.OK,
            http_status=200,
            latency_ms=1.5,
            content_type="application/json",
            n_bytes=9,
            body=f"{self.calls} {api.api_name} {sorted(arguments)} " + "é" * self.length,
            retry_after=2.0,
            detail="é",
        )


@pytest.mark.parametrize("length", [0, 100_000])
def test_a_call_is_made_once_and_then_replayed_with_its_time(
    tmp_path: Path, make_api: MakeApi, length: int
) -> None:
    api, counting = make_api(), Counting(length)

    async def call() -> StoredCall:
        with DurableMap(tmp_path / "calls.sqlite") as store:
            return await RecordingCaller(counting, store).call_for("row", 0, api, {"b": [1], "a": "x"})

    before = datetime.now(UTC)
    first, second = asyncio.run(call()), asyncio.run(call())
    assert (first.origin, counting.calls) == ("real", 1)
    assert before <= first.recorded_at <= datetime.now(UTC)
    assert second == first._replace(origin="replayed")


def test_row_ordinal_api_and_arguments_tell_calls_apart_and_their_order_does_not(
    tmp_path: Path, make_api: MakeApi
) -> None:
    api, counting = make_api(), Counting()
    different: list[tuple[str, int, Api, dict[str, Any]]] = [
        ("row", 0, api, {"a": 1, "b": 2}),
        ("other", 0, api, {"a": 1, "b": 2}),
        ("row", 1, api, {"a": 1, "b": 2}),
        ("row", 0, make_api(api_id="another"), {"a": 1, "b": 2}),
        ("row", 0, api, {"a": 1, "b": "2"}),
        ("row", 0, api, {"a": 1, "b": 2**80}),
        ("row", 0, api, {"a": 1, "b": "\ud800"}),
    ]

    async def call_all() -> list[str]:
        with DurableMap(tmp_path / "calls.sqlite") as store:
            caller = RecordingCaller(counting, store)
            stored = [await caller.call_for(*one) for one in [*different, ("row", 0, api, {"b": 2, "a": 1})]]
            return [call.origin for call in stored]

    assert asyncio.run(call_all()) == ["real"] * 7 + ["replayed"]


def test_replaying_alone_makes_no_call_and_says_what_was_never_recorded(
    tmp_path: Path, make_api: MakeApi
) -> None:
    async def replay() -> StoredCall:
        with DurableMap(tmp_path / "calls.sqlite") as store:
            return await RecordingCaller(None, store).call_for("row", 3, make_api(), {})

    found = asyncio.run(replay())
    assert (found.result, found.origin) == (CallResult(outcome=Outcome.NOT_RECORDED), "not_recorded")


def test_replaying_alone_answers_as_another_row_was_answered(tmp_path: Path, make_api: MakeApi) -> None:
    async def call_and_replay() -> list[StoredCall]:
        with DurableMap(tmp_path / "calls.sqlite") as store, DurableMap(tmp_path / "same.sqlite") as same:
            recording = RecordingCaller(Counting(), store, same_calls=same)
            real = await recording.call_for("row", 0, make_api(), {"a": 1})
            replaying = RecordingCaller(None, store, same_calls=same)
            return [
                real,
                await replaying.call_for("another", 7, make_api(), {"a": 1}),
                await replaying.call_for("another", 8, make_api(), {"a": 2}),
            ]

    real, same, other = asyncio.run(call_and_replay())
    assert same == real._replace(origin="replayed")
    assert other.origin == "not_recorded"


def test_what_a_run_recorded_before_it_crashed_is_its_own(tmp_path: Path, make_api: MakeApi) -> None:
    async def origins() -> list[str]:
        with DurableMap(tmp_path / "calls.sqlite") as store:
            first = await RecordingCaller(Counting(), store).call_for("row", 0, make_api(), {})
            at = first.recorded_at
            resumed, later = (
                RecordingCaller(Counting(), store, since=since) for since in (at, at + timedelta(seconds=1))
            )
            return [(await caller.call_for("row", 0, make_api(), {})).origin for caller in (resumed, later)]

    assert asyncio.run(origins()) == ["real", "replayed"]
