"""Rows with everything filled in, of which a test says only what it is about; and snapshots of them.

`small_world()` is one consistent refresh: what every law holds for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from catalogue_rows import a_parameter, a_tool, an_api

from warehouse.manifest import Manifest
from warehouse.ref import Counts, StageOutput, TableRef
from warehouse.store import Store
from warehouse.tables import TABLES
from warehouse.tables.accounts import LlmCall, Reject, Run, StageCounts
from warehouse.tables.annotations import Annotation, AnswerMessage, ApiCall, MessageToolCall, Node
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Candidate, Instruction, NamedApi, RelevantApi, Sample
from warehouse.tables.probing import Probe, ShapeLeaf, Verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=9)
FORECAST = "Weather/skies/forecast"
STORMS = "Weather/skies/storms"


def tool(tool_id: str = "Weather/skies", **given: Any) -> Tool:
    defaults: dict[str, Any] = {
        "tool_name": "Skies",
        "standardized_name": "skies",
        "description": "Weather of the next days.",
        "host": "http://skies.sandbox.test",
        "collections": ("Outdoors",),
        "source_url": "http://hub.sandbox.test",
        "n_apis": 2,
        "fingerprint": "tool-print",
    }
    return a_tool(tool_id, **{**defaults, **given})


def api(api_id: str = FORECAST, **given: Any) -> Api:
    name = api_id.rpartition("/")[2]
    defaults: dict[str, Any] = {
        "function_name": f"{name}_for_skies",
        "description": "A forecast.",
        "url": f"http://skies.sandbox.test/{name}",
        "parameters": (a_parameter("city", required=True, description="A city.", default='"Oslo"'),),
        "fingerprint": f"{name}-print",
    }
    return an_api(api_id, **{**defaults, **given})


def probe(api_id: str = FORECAST, **given: Any) -> Probe:
    defaults: dict[str, Any] = {
        "run_id": "run-1",
        "api_id": api_id,
        "attempt": 1,
        "arguments": "{}",
        "outcome": "ok",
        "http_status": 200,
        "latency_ms": 20.0,
        "content_type": "application/json",
        "n_bytes": 2,
        "body_head": "{}",
        "probed_at": NOON,
        "shape": None,
    }
    return Probe(**{**defaults, **given})


def shape(leaves: dict[str, str]) -> tuple[ShapeLeaf, ...]:
    """Paths with their types."""
    return tuple(ShapeLeaf(path=path, type=kind) for path, kind in leaves.items())


def verdict(api_id: str = FORECAST, **given: Any) -> Verdict:
    defaults: dict[str, Any] = {
        "api_id": api_id,
        "works": True,
        "effective": True,
        "kept": True,
        "reason": "ok",
        "median_latency_ms": 20.0,
        "n_attempts": 1,
        "example_response": "{}",
        "probed_at": NOON,
        "conditions": None,
    }
    return Verdict(**{**defaults, **given})


def document(api_id: str = FORECAST, **given: Any) -> Document:
    defaults: dict[str, Any] = {
        "api_id": api_id,
        "document": "{}",
        "response_schema": "{}",
        "tokens_before": 10,
        "tokens_after": 10,
        "method": "as-is",
    }
    return Document(**{**defaults, **given})


def sample(**given: Any) -> Sample:
    defaults: dict[str, Any] = {
        "sample_id": "sample-1",
        "scenario": "G1",
        "group": "Weather/skies",
        "draw": 0,
        "api_ids": (FORECAST, STORMS),
        "tool_ids": ("Weather/skies",),
        "split": "train",
    }
    return Sample(**{**defaults, **given})


def candidate(**given: Any) -> Candidate:
    defaults: dict[str, Any] = {
        "candidate_id": "candidate-1",
        "sample_id": "sample-1",
        "ordinal": 0,
        "query": "Will it rain in Oslo?",
        "relevant_apis": (NamedApi(tool_name="Skies", api_name="forecast"),),
        "model": "teacher",
        "prompt_digest": "prompt",
        "seed_ids": (),
    }
    return Candidate(**{**defaults, **given})


def relevant(api_id: str = FORECAST) -> RelevantApi:
    return RelevantApi(tool_name="Skies", api_name=api_id.rpartition("/")[2], api_id=api_id)


def instruction(**given: Any) -> Instruction:
    defaults: dict[str, Any] = {
        "instruction_id": "instruction-1",
        "sample_id": "sample-1",
        "scenario": "G1",
        "split": "train",
        "query": "Will it rain in Oslo?",
        "relevant_apis": (relevant(FORECAST),),
        "api_ids": (FORECAST, STORMS),
        "api_fingerprints": ("forecast-print", "storms-print"),
        "n_words": 5,
        "model": "teacher",
        "prompt_digest": "prompt",
        "seed_ids": (),
    }
    return Instruction(**{**defaults, **given})


def says(role: str, content: str | None = None, *, calls: str | None = None) -> AnswerMessage:
    called = () if calls is None else (MessageToolCall(id="call-1", name=calls, arguments="{}"),)
    return AnswerMessage(role=role, content=content, tool_calls=called, tool_call_id=None)


def annotation(**given: Any) -> Annotation:
    defaults: dict[str, Any] = {
        "annotation_id": "annotation-1",
        "instruction_id": "instruction-1",
        "offer": "sampled",
        "offered_api_ids": (FORECAST, STORMS),
        "method": "dfsdt",
        "rules": "toolloom",
        "model": "teacher",
        "win": True,
        "finish_type": "give_answer",
        "final_answer": "It will rain.",
        "n_queries": 2,
        "n_calls": 1,
        "tokens_in": 100,
        "tokens_out": 20,
        "cost_usd": 0.5,
        "n_nodes": 3,
        "depth": 2,
        "stopped_by": "answered",
        "messages": (says("user", "Will it rain?"), says("assistant", calls="Finish"), says("tool", "{}")),
        "functions": "[]",
        "wall_s": 1.5,
    }
    return Annotation(**{**defaults, **given})


def node(node_id: int = 0, parent_id: int | None = None, **given: Any) -> Node:
    defaults: dict[str, Any] = {
        "annotation_id": "annotation-1",
        "node_id": node_id,
        "parent_id": parent_id,
        "entry": None,
        "depth": 0,
        "kind": "root",
        "query_no": None,
        "shown": 0,
        "thought": None,
        "function": None,
        "arguments": None,
        "repaired": False,
        "observation": None,
        "outcome": None,
        "code": None,
        "tokens": 0,
        "finish_reason": None,
        "votes": None,
        "pruned": False,
        "terminal": False,
        "on_answer_path": True,
    }
    return Node(**{**defaults, **given})


def call(**given: Any) -> ApiCall:
    defaults: dict[str, Any] = {
        "annotation_id": "annotation-1",
        "node_id": 1,
        "api_id": FORECAST,
        "arguments": "{}",
        "outcome": "ok",
        "http_status": 200,
        "latency_ms": 30.0,
        "origin": "real",
        "recorded_at": NOON,
        "body": "{}",
    }
    return ApiCall(**{**defaults, **given})


def reject(**given: Any) -> Reject:
    defaults: dict[str, Any] = {
        "stage": "probe",
        "row_id": "Weather/skies/dead",
        "reason": "not_found",
        "detail": "404 three times",
    }
    return Reject(**{**defaults, **given})


def llm_call(**given: Any) -> LlmCall:
    defaults: dict[str, Any] = {
        "run_id": "run-1",
        "stage": "propose",
        "row_id": "sample-1",
        "ordinal": 0,
        "model": "teacher",
        "tokens_in": 100,
        "tokens_out": 10,
        "cost_usd": 0.25,
        "latency_ms": 40.0,
        "attempts": 1,
        "from_store": False,
        "error": None,
    }
    return LlmCall(**{**defaults, **given})


def counts(stage: str, n_in: int, n_out: int, n_rejected: int = 0, n_pending: int = 0) -> StageCounts:
    return StageCounts(
        stage=stage, unit="API", n_in=n_in, n_out=n_out, n_rejected=n_rejected, n_pending=n_pending
    )


def run(*stages: StageCounts, **given: Any) -> Run:
    defaults: dict[str, Any] = {
        "run_id": "run-1",
        "kind": "refresh",
        "as_of": NOON,
        "started_at": NOON,
        "finished_at": NOON + timedelta(hours=1),
        "status": "complete",
        "config_digest": "config",
        "counts": stages,
        "n_requests": 1,
        "tokens_in": 100,
        "tokens_out": 10,
        "cost_usd": 0.25,
    }
    return Run(**{**defaults, **given})


def small_world() -> list[Any]:
    """Three APIs, one of them dead; one sample, one instruction of two candidates, one search."""
    return [
        tool(n_apis=3),
        *(api(api_id) for api_id in (FORECAST, STORMS, "Weather/skies/dead")),
        *(verdict(api_id) for api_id in (FORECAST, STORMS)),
        verdict("Weather/skies/dead", works=False, effective=False, kept=False, reason="not_found"),
        reject(),
        document(FORECAST),
        document(STORMS),
        sample(),
        candidate(),
        candidate(candidate_id="candidate-2", ordinal=1),
        reject(stage="select", row_id="candidate-2", reason="near_duplicate", detail="of candidate-1"),
        instruction(),
        annotation(),
        node(0),
        node(1, 0, depth=1, kind="action"),
        node(2, 1, depth=2, kind="action", function="Finish", terminal=True),
        call(),
        run(
            counts("crawl", 3, 3),
            counts("probe", 3, 2, 1),
            counts("compress", 2, 2),
            counts("sample", 1, 1),
            counts("propose", 2, 2),
            counts("select", 2, 1, 1),
            counts("annotate", 1, 1),
        ),
    ]


def changed(rows: Iterable[Any], row_type: type, at: int = 0, **changes: Any) -> list[Any]:
    """The rows, with the `at`-th one of that type changed."""
    rows = list(rows)
    places = [place for place, row in enumerate(rows) if type(row) is row_type]
    rows[places[at]] = replace(rows[places[at]], **changes)
    return rows


def write(root: Path, *rows: Any) -> dict[str, tuple[TableRef, ...]]:
    """Rows of any tables, as one file a table."""
    table_of = {table.row_type: table for table in TABLES.values()}
    by_table = defaultdict(list)
    for row in rows:
        by_table[table_of[type(row)].name].append(row)
    store = Store(root)
    return {name: (store.write_shard(TABLES[name], found),) for name, found in by_table.items()}


def manifest(run_id: str = "run-1", **given: Any) -> Manifest:
    defaults: dict[str, Any] = {
        "kind": "refresh",
        "status": "complete",
        "parent": None,
        "started_at": NOON,
        "finished_at": NOON + timedelta(hours=1),
        "config_digest": "config",
        "as_of": {"crawl": NOON, "probe": NOON},
        "stages": {},
        "tables": {},
    }
    return Manifest(run_id=run_id, **{**defaults, **given})


def snapshot(root: Path, *rows: Any, run_id: str = "run-1", **given: Any) -> Manifest:
    """The rows written into `root`, as a manifest that is not committed."""
    return manifest(run_id, tables=write(root, *rows), **given)


def stage(account: StageCounts) -> StageOutput:
    """A stage of which nothing is said but its account."""
    fields = asdict(account)
    return StageOutput(stage=fields.pop("stage"), shards={}, tables={}, counts=Counts(**fields))
