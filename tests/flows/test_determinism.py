"""The same catalogue, settings and replies give the same rows, wherever and however fast they are made.

After a deliberate change, write the golden file anew with
`UPDATE_GOLDEN=1 pytest tests/flows/test_determinism.py`, and review it like code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import SMALL, Sandbox, command_with, serve_sandbox
from snapshots import Snapshot, snapshot_of

GOLDEN = Path(__file__).parent / "golden" / "refresh.json"

# What of each table is worth reading in a review.
SHOWN = {
    "tools": ("tool_id", "description", "n_apis", "split"),
    "apis": ("api_id", "function_name", "method", "url", "description"),
    "verdicts": ("api_id", "kept", "reason", "n_attempts"),
    "documents": ("api_id", "tokens_before", "tokens_after", "method", "response_schema"),
    "samples": ("scenario", "group", "draw", "api_ids", "split"),
    "candidates": ("ordinal", "query"),
    "instructions": ("scenario", "split", "query", "api_ids", "n_words"),
    "verifications": ("score_natural", "score_answerable", "score_complete", "reason"),
    "annotations": ("finish_type", "stopped_by", "n_queries", "n_calls", "final_answer"),
    "nodes": ("node_id", "parent_id", "kind", "function", "arguments", "observation"),
    "rejects": ("stage", "reason", "detail"),
}
N_SHOWN = 3
LONGEST = 240

# Everything about the speed, the places and the division of the work that differs from the other run.
OTHERWISE = [
    *("--set", "llm.concurrency=3"),
    *("--set", "annotate.concurrency=2"),
    *("--set", "calling.concurrency=24"),
    *("--set", "catalogue.concurrency=1"),
    *("--set", "catalogue.tools_per_shard=9"),
    *("--set", "instruct.samples_per_shard=4"),
    *("--set", "annotate.instructions_per_shard=5"),
    *("--set", "llm.endpoint_id=elsewhere"),
]


ELSEWHERE = {"TZ": "Pacific/Chatham", "PYTHONHASHSEED": "4711"}


@pytest.fixture
def other_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """On other ports, in another time zone, and with an endpoint that fails now and then."""
    with monkeypatch.context() as patch:
        for name, value in ELSEWHERE.items():
            patch.setenv(name, value)
        with serve_sandbox(tmp_path) as served:
            yield served


def test_another_concurrency_and_other_ports_give_the_same_content(
    prefect_api: str, other_sandbox: Sandbox, uninterrupted: Snapshot, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    toolloom = command_with(prefect_api)
    done = toolloom("refresh", *SMALL, *other_sandbox.settings(), *OTHERWISE, "--data", data, env=ELSEWHERE)

    assert done.returncode == 0, done.stdout + done.stderr
    assert snapshot_of(data).content == uninterrupted.content


def test_the_content_is_that_of_the_golden_file(uninterrupted: Snapshot) -> None:
    found = {table: shown(uninterrupted, table) for table in uninterrupted.content}
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


def shown(snapshot: Snapshot, table: str) -> dict[str, Any]:
    rows = snapshot.rows(table)
    readable = [{column: _short(getattr(row, column)) for column in SHOWN[table]} for row in rows]
    full = [row for row in readable if None not in row.values()]
    return {
        "rows": len(rows),
        "content": snapshot.content[table],
        "some": spread(sorted(full, key=str), N_SHOWN),
    }


def spread(rows: list[Any], number: int) -> list[Any]:
    """So many rows at equal distances: neighbours are much alike."""
    return [rows[len(rows) * (2 * at + 1) // (2 * number)] for at in range(number) if rows]


def _short(value: object) -> object:
    if isinstance(value, str) and len(value) > LONGEST:
        return f"{value[:LONGEST]} ... {len(value):,} characters"
    return list(value) if isinstance(value, tuple) else value
