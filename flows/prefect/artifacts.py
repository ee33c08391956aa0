"""What the Prefect UI shows of a run besides its stages: artifacts whose keys stay, and so have a history.

Each is a named query of the run, cut for reading; `toolloom sql` has the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from flows.outcome import Outcome
from flows.params import Config
from flows.prefect.events import STOPPED_BY_BUDGET, tell, tell_of_commit, tell_of_deaths
from flows.report import markdown
from flows.reporting.served_reports import address_of
from flows.reporting.write import newest_report
from tasks.errors import OverBudget
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


def publish(config: Config, kind: str, outcome: Outcome) -> None:
    """Artifacts, report and events of a run; where nothing has changed, those of the run that stands do."""
    account = markdown(outcome)
    create_markdown_artifact(key=f"{kind}-report", markdown=account, description="What the run came to")
    run_id = outcome.run_id
    if outcome.unchanged:
        newest_report(outcome.data, anew=False)
    else:
        _publish_tables(outcome.data, run_id)
        _publish_report(newest_report(outcome.data, anew=True), run_id)
        tell_of_commit(config.name, outcome.data, run_id)
        tell_of_deaths(config.name, outcome.data, run_id, alert_share=config.schedule.alert_share_died)
    stop = outcome.stages[-1].stop
    if stop is not None and stop.kind == OverBudget.__name__:
        told = {"run_id": run_id, "why": stop.message, "spent": outcome.spent.model_dump()}
        tell(config.name, STOPPED_BY_BUDGET, told)


def _publish_tables(data: Path, run_id: str) -> None:
    with open_database(data, run_id) as connection:
        for table in TABLES:
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
    rows = query(connection, f"@{name}").head(MOST_ROWS).astype(object)
    found = rows.where(rows.notna(), None).to_dict("records")
    return [{str(column): _shown(value) for column, value in row.items()} for row in found]


def _shown(value: object) -> object:
    """A value as JSON holds it, short enough for a cell."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} ..."
