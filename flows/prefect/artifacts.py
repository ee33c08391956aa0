"""What the Prefect UI shows of a run besides its stages: artifacts whose keys stay, and so have a history.

Each is a named query of the run, cut for reading; `toolloom sql` has the rest.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from flows.outcome import Outcome
from flows.params import Config
from flows.prefect.events import STOPPED_BY_BUDGET, tell, tell_of_commit, tell_of_deaths
from flows.report import markdown
from flows.reporting.evaluation import evaluated
from flows.reporting.served_reports import address_of
from flows.reporting.write import newest_report
from flows.text.compare import Comparison, heading, side_rows
from tasks.errors import OverBudget, UsageError
from warehouse.connect import open_database
from warehouse.query import query

MOST_ROWS = 200
LONGEST_TEXT = 200


@dataclass(frozen=True, kw_only=True)
class Tabled:
    """An artifact that is a table; query: of `warehouse/queries/`."""

    key: str
    query: str
    about: str


TABLES = (
    Tabled(key="rejects", query="rejects", about="Why rows were refused, with an example of each reason"),
    Tabled(key="api-outcomes", query="apis_by_outcome", about="How calls of APIs ended"),
    Tabled(key="pass-rate", query="pass_rate", about="Searches that ended in an answer"),
    Tabled(key="changes", query="diff", about="What has changed since the run before"),
    Tabled(key="cost", query="cost_by_run", about="What each run asked of the model, and for how much"),
)

JUDGED = (
    Tabled(key="judged", query="judged", about="Answers that passed, by method, scenario and level"),
    Tabled(key="judges", query="judges", about="How far each judge can be trusted"),
)
"""Of a run that had answers judged."""


def publish(config: Config, kind: str, outcome: Outcome) -> None:
    """Artifacts, report and events of a run; where nothing has changed, those of the run that stands do."""
    account = markdown(outcome)
    create_markdown_artifact(key=f"{kind}-report", markdown=account, description="What the run came to")
    run_id = outcome.run_id
    if outcome.unchanged:
        newest_report(outcome.data, anew=False)
    else:
        _publish_tables(outcome.data, run_id, TABLES)
        if any(ran.stage == "evaluate" and ran.output is not None for ran in outcome.stages):
            _publish_tables(outcome.data, run_id, JUDGED)
            _publish_evaluation(outcome.data, run_id)
        _publish_report(newest_report(outcome.data, anew=True), run_id)
        tell_of_commit(config.name, outcome.data, run_id)
        tell_of_deaths(config.name, outcome.data, run_id, alert_share=config.schedule.alert_share_died)
    stop = outcome.stages[-1].stop
    if stop is not None and stop.kind == OverBudget.__name__:
        told = {"run_id": run_id, "why": stop.message, "spent": outcome.spent.model_dump()}
        tell(config.name, STOPPED_BY_BUDGET, told)


def publish_comparison(comparison: Comparison) -> None:
    """What `toolloom compare` found.  Raises `UsageError` where no server is named."""
    if not os.environ.get("PREFECT_API_URL"):
        raise UsageError(
            "PREFECT_API_URL names no Prefect server, so there is none to keep the comparison in",
            fix="set it to that of `toolloom serve` or of your own server, or leave --artifact out",
        )
    create_table_artifact(
        key="comparison", table=_records(side_rows(comparison)), description=" ".join(heading(comparison))
    )


def _publish_evaluation(data: Path, run_id: str) -> None:
    with open_database(data, run_id) as connection:
        rows = evaluated(connection)
    doubts = "".join(f"{word}; " for word in sorted({row["calibration"] for row in rows} - {""}))
    create_table_artifact(
        key="evaluation",
        table=_records(pd.DataFrame(rows)),
        description=f"What passed, with 95 % intervals, and what won ({doubts}see `toolloom compare`)",
    )


def _publish_tables(data: Path, run_id: str, tables: Sequence[Tabled]) -> None:
    with open_database(data, run_id) as connection:
        for table in tables:
            create_table_artifact(
                key=table.key,
                table=_rows(connection, table.query),
                description=f"{table.about} (`toolloom sql @{table.query}`)",
            )


def _publish_report(report: Path, run_id: str) -> None:
    """A browser follows no link from the UI to a file, so that without `toolloom serve` the text must do."""
    create_link_artifact(
        key="report",
        link=address_of(run_id) or report.as_uri(),
        link_text=f"Report of run {run_id}",
        description=f"One HTML file, `{report}` on the machine that ran it; "
        f"`toolloom report --run {run_id}` writes it again",
    )


def _rows(connection: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, Any]]:
    return _records(query(connection, f"@{name}"))


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.head(MOST_ROWS).astype(object)
    found = rows.where(rows.notna(), None).to_dict("records")
    return [{str(column): _shown(value) for column, value in row.items()} for row in found]


def _shown(value: object) -> object:
    """A value as JSON holds it, short enough for a cell."""
    if isinstance(value, float):
        return float(f"{value:.4g}") if abs(value) < 1 else round(value, 2)
    if value is None or isinstance(value, bool | int):
        return value
    text = str(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} ..."
