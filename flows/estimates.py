"""Estimates kept beside the runs they were made for, with what those runs really took.

<data>/estimates/<run_id>.json
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from flows.outcome import StageRun
from tasks.errors import UsageError
from tasks.frame.run import RunContext
from tasks.planning.estimate import Amount, Estimate, total
from warehouse import manifest
from warehouse.files import put
from warehouse.ref import StageOutput
from warehouse.store import Store
from warehouse.tables import LLM_CALLS
from warehouse.tables.accounts import LlmCall

_HOUR_S = 3600.0


class Forecast(BaseModel):
    """What was expected of a run, and what its finished stages took."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    expected: Estimate
    took: tuple[Amount, ...]

    @property
    def compared(self) -> tuple[Amount, Amount] | None:
        """Expected and took, of the finished stages; None when there is nothing to compare."""
        expected = {stage.stage: stage for stage in self.expected.stages}
        took = {amount.stage: amount for amount in self.took if amount.stage in expected}
        if not took:
            return None
        return total(expected[stage] for stage in took), total(took.values())


def keep(data: Path, forecast: Forecast) -> None:
    put(_path(data, forecast.run_id), forecast.model_dump_json(indent=1).encode())


def last(data: Path) -> Forecast | None:
    """Of the newest committed run that asked anything, or was expected to."""
    for run in reversed(manifest.list_runs(data)):
        path = _path(data, run.run_id)
        forecast = _read(path) if path.is_file() else None
        if forecast is not None and forecast.compared is not None:
            expected, took = forecast.compared
            if expected.requests or took.requests:
                return forecast
    return None


def taken(run: RunContext, stage_runs: Sequence[StageRun]) -> tuple[Amount, ...]:
    """What each finished stage took of the endpoint; those that were cached, or never ask, took nothing."""
    store = Store(run.data)
    finished = [(stage_run, stage_run.output) for stage_run in stage_runs if stage_run.complete]
    return tuple(
        _amount(stage_run, [call for call in _calls(store, output) if call.run_id == run.run_id])
        for stage_run, output in finished
        if output is not None
    )


def _calls(store: Store, output: StageOutput) -> list[LlmCall]:
    calls = store.read(LLM_CALLS, output.tables.get(LLM_CALLS.name, ()))
    return [call for call in calls if not call.from_store]


def _amount(stage_run: StageRun, paid: Sequence[LlmCall]) -> Amount:
    costs = [call.cost_usd for call in paid]
    return Amount(
        stage=stage_run.stage,
        requests=len(paid),
        tokens_in=sum(call.tokens_in for call in paid),
        tokens_out=sum(call.tokens_out for call in paid),
        usd=None if None in costs else sum(cost for cost in costs if cost is not None),
        hours=stage_run.seconds / _HOUR_S if paid else 0.0,
    )


def _path(data: Path, run_id: str) -> Path:
    return data / "estimates" / f"{run_id}.json"


def _read(path: Path) -> Forecast:
    try:
        return Forecast.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UsageError(
            f"{path} is damaged: {error}", fix="remove it: it only tells how far off an estimate was"
        ) from error
