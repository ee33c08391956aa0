"""The stores below the cache: what they hold, what still needs it, and freeing the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.errors import UsageError
from tasks.transport.kvupkeep import Freed, Holding, prune, survey
from warehouse import manifest
from warehouse.connect import open_database
from warehouse.keys import Keys, keys_of
from warehouse.lock import folder_lock
from warehouse.manifest import RunSummary
from warehouse.query import query
from warehouse.seen import Seen
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import CALLS, LLM_CALLS, RUNS

# By name of the file in <data>/store, the table whose rows name its entries.
STORES: dict[str, Table[Any]] = {"replies": LLM_CALLS, "calls": CALLS}


@dataclass(frozen=True)
class Stored:
    """holdings: by store.  hits: per stage, over all runs of the folder.  all_known: whether every run
    says what it uses, which those of earlier versions of Toolloom do not."""

    holdings: dict[str, Holding]
    hits: pd.DataFrame
    all_known: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "stores": [{"store": name, **asdict(holding)} for name, holding in self.holdings.items()],
            "hits": self.hits.to_dict(orient="records"),
        }


def look(data: Path) -> Stored:
    """What the stores hold, and how much of it no run of the folder stands on."""
    if not data.is_dir():
        raise UsageError(
            f"there is no data folder {data}", fix="run `toolloom refresh`, or name it with --data"
        )
    runs = manifest.list_runs(data)
    used = {name: _used(data, runs, table) for name, table in STORES.items()}
    hits = pd.DataFrame()
    if runs:
        with open_database(data) as connection:
            hits = query(connection, "@store_hits")
    return Stored(
        {name: survey(path_of(data, name), keys.keys) for name, keys in used.items()},
        hits,
        all(keys.complete for keys in used.values()),
    )


def path_of(data: Path, store: str) -> Path:
    return data / "store" / f"{store}.sqlite"


def _used(data: Path, runs: Sequence[RunSummary], table: Table[Any]) -> Keys:
    return keys_of(data, (manifest.load(data, run.run_id) for run in runs), table)


def free(
    data: Path, *, keep_runs: int | None = None, older_than: timedelta | None = None
) -> dict[str, Freed]:
    """Removes from the stores what none of the kept runs stands on, and says per store what went.

    Kept are the last `keep_runs` runs, or those younger than `older_than`, or all; in any case the newest
    ones, complete or not.  What was stored since the last complete refresh began stays, since a run that
    goes on asks for it, and with `older_than` what is younger than that.  Raises `UsageError` while a run
    holds the folder.
    """
    if not data.is_dir():
        raise UsageError(f"there is no data folder {data}", fix="name the folder with --data")
    with folder_lock(data, "store prune"):
        runs = manifest.list_runs(data)
        before = _began_last(data)
        if before is None:
            raise UsageError(
                f"no refresh was completed in {data} yet, so all that the stores hold may be asked for again",
                fix="complete a refresh first",
            )
        if older_than is not None:
            before = min(before, datetime.now(UTC) - older_than)
        kept = _kept(runs, keep_runs, older_than)
        return {name: _freed(data, name, kept, before) for name in STORES}


def _began_last(data: Path) -> datetime | None:
    """When the last complete refresh did, even one whose manifest was pruned: later ones hold its stages."""
    seen = Seen(data)  # rows that are lost are missing, no more
    refs = [ref for ref in manifest.history(data, RUNS.name) if seen.holds(ref.path, ref.file_digest)]
    runs = Store(data).read(RUNS, refs)
    whole = (run.started_at for run in runs if run.kind == "refresh" and run.status == "complete")
    return max(whole, default=None)


def _kept(
    runs: Sequence[RunSummary], keep_runs: int | None, older_than: timedelta | None
) -> list[RunSummary]:
    """Views show the newest complete run, and the next refresh goes on from the newest one of all."""
    complete = [run for run in runs if run.status == "complete"]
    chosen = [*runs[-1:], *complete[-1:]]
    if keep_runs is not None:
        chosen += runs[max(0, len(runs) - keep_runs) :]
    elif older_than is not None:
        chosen += [run for run in runs if run.finished_at >= datetime.now(UTC) - older_than]
    else:
        chosen += runs
    return list({run.run_id: run for run in chosen}.values())


def _freed(data: Path, name: str, kept: Sequence[RunSummary], before: datetime) -> Freed:
    used = _used(data, kept, STORES[name])
    return prune(path_of(data, name), used.keys, stored_before=before.timestamp(), undated_go=used.complete)
