"""Refreshes against model endpoints unlike OpenAI's: aimock (npm), ai-mock (PyPI), and plain chat."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from chat_only import ChatOnly
from commands import Sandbox, at_endpoint
from faulty_servers import TinyHub
from foreign_servers import serve_ai_mock, serve_aimock
from recording_endpoint import RecordingEndpoint
from snapshots import rows, snapshot_of
from warm import WarmToolloom

pytestmark = pytest.mark.slow

FEW = [
    *("--set", "sample.draws_per_tool=0.2"),
    *("--set", "sample.draws_per_tool_in_category=0.1"),
    *("--set", "sample.draws_per_tool_in_collection=0.1"),
    *("--set", "instruct.accepted=6"),
    *("--set", "annotate.max_queries=12"),
]
MORE_DRAWS = [
    *("--set", "sample.draws_per_tool=0.4"),
    *("--set", "sample.draws_per_tool_in_category=0.4"),
    *("--set", "sample.draws_per_tool_in_collection=0.4"),
]
# Nothing malformed: to such a reply of the first trial other questions follow, which were not recorded.
CHAOS = [
    *("--chaos-ratelimit", "0.1"),
    *("--chaos-drop", "0.05"),
    *("--chaos-disconnect", "0.03"),
]
# aimock counts the tokens of a reply otherwise when it says it again.
MADE_UP = {"tokens", "tokens_in", "tokens_out", "cost_usd", "wall_s"}


@pytest.fixture(scope="module")
def six_apis() -> Iterator[list[str]]:
    """Settings of a hub of six APIs, for what the size of a catalogue does not matter to.

    All of them answer, so a deadline that a busy machine misses would only make another world of it.
    """
    with TinyHub() as hub:
        yield [*hub, *MORE_DRAWS, "--set", "calling.timeout_s=60"]


def refresh(toolloom: WarmToolloom, sandbox: Sandbox, endpoint: str, data: Path, *more: str) -> str:
    """What it printed."""
    arguments = [*sandbox.settings(), *FEW, *at_endpoint(endpoint), *more]
    done = toolloom("refresh", *arguments, "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def content(data: Path) -> dict[str, list[Any]]:
    """Rows of every table but for what aimock makes up, and what took its time."""
    snapshot = snapshot_of(data)
    tables = ("candidates", "instructions", "annotations", "nodes", "rejects")
    return {table: [_without_numbers(row) for row in snapshot.rows(table)] for table in tables}


def _without_numbers(row: Any) -> Any:
    made_up = {field.name: 0 for field in fields(row) if field.name in MADE_UP}
    return replace(row, **made_up)


def test_aimock_says_again_what_it_recorded_and_its_chaos_leaves_no_trace(
    toolloom: WarmToolloom, sandbox: Sandbox, six_apis: list[str], tmp_path: Path
) -> None:
    upstream = sandbox.teacher.removesuffix("/v1")
    with serve_aimock(tmp_path, "--record", "--provider-openai", upstream) as endpoint:
        told = refresh(toolloom, sandbox, endpoint, tmp_path / "recorded", *six_apis)
    asked = sandbox.stats["requests"]
    with serve_aimock(tmp_path, "--strict", *CHAOS) as endpoint:
        refresh(toolloom, sandbox, endpoint, tmp_path / "replayed", *six_apis)

    line = next(line for line in told.splitlines() if line.startswith("model endpoint: "))
    assert line.endswith("token counts; tool_choice is ignored: not sent")
    assert sandbox.stats["requests"] == asked

    assert content(tmp_path / "replayed") == content(tmp_path / "recorded")
    assert len(content(tmp_path / "replayed")["annotations"]) == 6


def test_ai_mock_gives_arguments_as_objects_and_counts_no_tokens(
    toolloom: WarmToolloom, sandbox: Sandbox, tmp_path: Path
) -> None:
    recorder = RecordingEndpoint(sandbox.teacher)
    with recorder as endpoint:
        refresh(toolloom, sandbox, endpoint, tmp_path / "recorded")
    prices = ["--set", "llm.price_in=1", "--set", "llm.price_out=1"]
    with serve_ai_mock(tmp_path, recorder.ai_mock_responses(tmp_path / "responses.json")) as endpoint:
        told = refresh(toolloom, sandbox, endpoint, tmp_path / "mocked", *prices)

    assert "no token counts: budgets go by estimates, costs are unknown" in told
    mocked = rows(tmp_path / "mocked", "SELECT * FROM annotations")
    calls = [call for row in mocked for said in row["messages"] for call in said["tool_calls"] or ()]
    assert len(mocked) == 6
    assert Counter(row["win"] for row in mocked)[True] >= 3
    assert {type(orjson.loads(call["arguments"])) for call in calls} == {dict}
    assert {row["cost_usd"] for row in rows(tmp_path / "mocked", "SELECT cost_usd FROM runs")} == {None}


def test_a_model_that_can_only_chat_writes_its_calls(
    toolloom: WarmToolloom, sandbox: Sandbox, six_apis: list[str], tmp_path: Path
) -> None:
    chatting = ChatOnly(sandbox.teacher)
    with chatting as endpoint:
        told = refresh(toolloom, sandbox, endpoint, tmp_path / "data", *six_apis)
        again = refresh(toolloom, sandbox, endpoint, tmp_path / "data", *six_apis)

    annotations = rows(tmp_path / "data", "SELECT * FROM annotations")
    calls = [call for row in annotations for said in row["messages"] for call in said["tool_calls"] or ()]
    offered = {tool["function"]["name"] for row in annotations for tool in json.loads(row["functions"])}
    line = next(line for line in told.splitlines() if line.startswith("model endpoint: "))
    assert "no function calling: calls are written as text" in line
    assert line.endswith("no seed")
    assert "model endpoint: " not in again
    assert " 0 requests" in again
    assert len(annotations) == 6
    assert Counter(row["win"] for row in annotations)[True] >= 3
    assert chatting.n_written_calls > len(annotations)
    # The teacher makes a name up now and then, as models do.
    assert sum(call["name"] in offered for call in calls) >= 0.7 * len(calls)
