from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasks.calling.params import CallingParams
from tasks.llm.params import LlmParams
from tasks.run import RunContext
from tasks.transport.mcp.server import McpServer


def run(*servers: dict[str, Any], **llm: Any) -> RunContext:
    return RunContext(
        data=Path("/data"),
        run_id="r",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        as_of={},
        calling=CallingParams(),
        llm=LlmParams(base_url="http://model.test/v1", model="m", **llm),
        mcp_servers=tuple(McpServer(**{"name": "s", "command": ("a",), **fields}) for fields in servers),
    )


def identity(*servers: dict[str, Any]) -> dict[str, object]:
    return run(*servers).calling_identity()


def test_what_a_model_is_sent_counts_and_a_body_without_further_fields_does_not() -> None:
    assert run(body={"top_p": 0.9}).model_identity() != run().model_identity()
    assert run(body={}).model_identity() == {"model": "m", "temperature": None, "max_tokens": None}


def test_without_servers_nothing_is_said_of_them() -> None:
    assert "mcp" not in identity()


@pytest.mark.parametrize(
    "changed", [{"command": ("b",)}, {"allow_tools": ("*",)}, {"cwd": "/b"}, {"env": {"A": "B"}}]
)
def test_another_server_may_answer_otherwise(changed: dict[str, Any]) -> None:
    assert identity(changed) != identity({})


@pytest.mark.parametrize("changed", [{"concurrency": 9}, {"start_timeout_s": 9}])
def test_how_fast_we_ask_changes_no_answer(changed: dict[str, Any]) -> None:
    assert identity(changed) == identity({})
