"""Events of a data set, for Prefect's automations: a run was committed, ran out of budget, lost many APIs.

    toolloom.run.committed          a run changed the data set
    toolloom.run.stopped-by-budget  a run had to stop; what it finished is committed
    toolloom.apis.died              more than `[schedule] alert_share_died` of the kept APIs are kept no more

The resource is `toolloom.data-set.<name of the configuration>`; Prefect adds the flow run that said it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.events import emit_event

from warehouse import manifest
from warehouse.manifest import Manifest
from warehouse.store import Store
from warehouse.tables import VERDICTS

COMMITTED = "toolloom.run.committed"
STOPPED_BY_BUDGET = "toolloom.run.stopped-by-budget"
APIS_DIED = "toolloom.apis.died"
EXAMPLES = 10


@dataclass(frozen=True, kw_only=True)
class Deaths:
    """APIs that a run no longer keeps.  n_before: how many the run before kept."""

    died: tuple[str, ...]
    n_before: int

    @property
    def share(self) -> float:
        return len(self.died) / self.n_before if self.n_before else 0.0


def tell(name: str, event: str, payload: Mapping[str, Any]) -> None:
    """name: of the configuration."""
    resource = {"prefect.resource.id": f"toolloom.data-set.{name}", "prefect.resource.name": name}
    emit_event(event, resource=resource, payload=dict(payload))


def tell_of_commit(name: str, data: Path, run_id: str) -> None:
    committed = manifest.load(data, run_id)
    counts = {stage: output.counts.model_dump() for stage, output in committed.stages.items()}
    told = {"run_id": run_id, "kind": committed.kind, "status": committed.status, "counts": counts}
    tell(name, COMMITTED, {**told, "data": str(data)})


def tell_of_deaths(name: str, data: Path, run_id: str, *, alert_share: float) -> None:
    """Only when more than this share died."""
    found = deaths(data, run_id)
    if found.share > alert_share:
        payload = {
            "run_id": run_id,
            "n_died": len(found.died),
            "n_before": found.n_before,
            "share": round(found.share, 4),
            "examples": list(found.died[:EXAMPLES]),
        }
        tell(name, APIS_DIED, payload)


def deaths(data: Path, run_id: str) -> Deaths:
    """What died between the run's parent and the run."""
    committed = manifest.load(data, run_id)
    if committed.parent is None or not manifest.exists(data, committed.parent):
        return Deaths(died=(), n_before=0)
    before = _kept(data, manifest.load(data, committed.parent))
    return Deaths(died=tuple(sorted(before - _kept(data, committed))), n_before=len(before))


def _kept(data: Path, run: Manifest) -> set[str]:
    verdicts = Store(data).select(run.tables.get(VERDICTS.name, ()), "api_id", "kept")
    return {api_id for api_id, kept in verdicts if kept}
