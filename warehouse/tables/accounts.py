"""What was refused, asked, and spent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warehouse.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A row refused by a stage.  reason: an enumerated word; detail: what exactly, for people."""

    stage: str
    row_id: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmCall:
    """A request to the model endpoint.

    ordinal: its number within the row.  from_store: answered by a reply that was paid for before.
    error: why it failed, None when it did not.  store_key: its reply's key in the reply store.
    """

    run_id: str
    stage: str
    row_id: str
    ordinal: int
    model: str
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    latency_ms: float
    attempts: int
    from_store: bool
    error: str | None
    store_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCounts:
    """The account of one stage of a run, in its unit."""

    stage: str
    unit: str
    n_in: int
    n_out: int
    n_rejected: int
    n_pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A command that wrote.  kind: refresh, probe, annotate, ...; status: complete or partial."""

    run_id: str
    kind: str
    as_of: datetime
    started_at: datetime
    finished_at: datetime
    status: str
    config_digest: str
    counts: tuple[StageCounts, ...]
    n_requests: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None


REJECTS = Table(
    name="rejects",
    row_type=Reject,
    grain="a row refused by a stage",
    key=("stage", "row_id", "reason"),
)
LLM_CALLS = Table(
    name="llm_calls",
    row_type=LlmCall,
    grain="a request to the model endpoint",
    key=("run_id", "stage", "row_id", "ordinal"),
    volatile=frozenset({"run_id", "cost_usd", "latency_ms", "attempts", "from_store"}),
    history=True,
)
RUNS = Table(
    name="runs",
    row_type=Run,
    grain="a command that wrote",
    key=("run_id",),
    volatile=frozenset({"run_id", "as_of", "started_at", "finished_at", "cost_usd"}),
    history=True,
)
