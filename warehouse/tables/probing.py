"""What calling every API showed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warehouse.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One try to call an API.  arguments: JSON text; outcome: a word of `tasks.calling.outcome`."""

    run_id: str
    api_id: str
    attempt: int
    arguments: str
    outcome: str
    http_status: int | None
    latency_ms: float
    content_type: str | None
    n_bytes: int
    body_head: str | None
    probed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the probes of one API amount to.

    works: it answered; effective: the answer says something; kept: both, and fast enough.
    reason: the enumerated word that decided.  example_response: a real answer, JSON text.
    """

    api_id: str
    works: bool
    effective: bool
    kept: bool
    reason: str
    median_latency_ms: float | None
    n_attempts: int
    example_response: str | None
    probed_at: datetime


PROBES = Table(
    name="probes",
    row_type=Probe,
    grain="one try to call an API",
    key=("run_id", "api_id", "attempt"),
    volatile=frozenset({"run_id", "latency_ms", "probed_at"}),
    history=True,
)
VERDICTS = Table(
    name="verdicts",
    row_type=Verdict,
    grain="a probed API",
    key=("api_id",),
    volatile=frozenset({"median_latency_ms", "probed_at"}),
)
