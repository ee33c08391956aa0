"""What calling every API showed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warehouse.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeLeaf:
    """A leaf of an answer's shape.

    path: `items[].name`, `rates.*` where the keys are data, empty for an answer that is a single value.
    type: string, integer, number, boolean or text; array or object when seen empty, null when seen so.
    """

    path: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One try to call an API.

    arguments: JSON text; outcome: a word of `tasks.calling.outcome`; probed_at: when this very try began;
    shape: what an ok answer is made of.
    """

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
    shape: tuple[ShapeLeaf, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the probes of one API amount to.

    works: it answers at all; effective: in time, and says something; kept: both.  reason: the enumerated
    word that decided.  example_response: a real answer, example_arguments: what it was called with, both JSON
    text.  probed_at: when its last try began.
    detail: of one that nothing came back from, or that was not called, why.
    conditions: digest of what decided besides the world: the API's documentation, how it was called and
    judged; a verdict under other ones is not carried over.
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
    conditions: str | None = None
    example_arguments: str | None = None
    detail: str | None = None


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
    # What a later stage makes of a verdict does not depend on its conditions.
    volatile=frozenset({"median_latency_ms", "probed_at", "conditions"}),
)
