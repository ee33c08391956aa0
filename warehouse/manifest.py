"""Manifests: one snapshot of all tables per run, and the commit point of the run.

<data>/runs/<run_id>.json    a committed run; written once
<data>/runs/pending.json     the run under way, or the one that crashed
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tasks.errors import BrokenContract, UsageError
from warehouse.files import put
from warehouse.ids import Candidate, the_one
from warehouse.ref import StageOutput, TableRef, each_of_its_table

FORMAT = 1
_FOLDER = "runs"
_PENDING = "pending.json"
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LATEST = re.compile(r"latest(?:~([0-9]+))?")

M = TypeVar("M", bound=BaseModel)


class RunSummary(BaseModel):
    """The head of a manifest, enough to list runs and to choose one.  Times are aware."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str = Field(pattern=rf"^{_RUN_ID.pattern}$")
    kind: str
    status: Literal["complete", "partial"]
    parent: str | None = Field(pattern=rf"^{_RUN_ID.pattern}$")
    started_at: datetime
    finished_at: datetime
    config_digest: str


class Manifest(RunSummary):
    """A full snapshot: the parent's tables, with what this run replaced or appended.

    as_of: when the world was looked at, by stage (`crawl`, `probe`).  stages: what the stages wrote
    that this snapshot stands on, with their shards.  tables: the files of each table; one file, or
    several for history tables.  format: of this file, see `FORMAT`.  keys: how those of its stages are made,
    `tasks.frame.stage.KEYS`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    keys: int = 1
    as_of: Mapping[str, datetime]
    stages: Mapping[str, StageOutput]
    tables: Mapping[str, tuple[TableRef, ...]]

    _each_of_its_table = field_validator("tables")(each_of_its_table)


class PendingRun(BaseModel):
    """A run that has begun and not committed.  kind: what it is for; as_of: by stage, fixed at its start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str = Field(pattern=rf"^{_RUN_ID.pattern}$")
    kind: str = "refresh"
    as_of: Mapping[str, datetime]
    started_at: datetime
    config_digest: str


def commit(root: Path, manifest: Manifest) -> Path:
    """Write the manifest; from here on the run exists.

    Raises BrokenContract when another manifest of that run id is there, UsageError or StopRun when the
    folder cannot be written.
    """
    path = path_of(root, manifest.run_id)
    content = manifest.model_dump_json(indent=1).encode()
    if path.exists() and path.read_bytes() != content:
        raise BrokenContract(f"run {manifest.run_id} was committed before, with other content: {path}")
    put(path, content)
    return path


def load(root: Path, run_id: str) -> Manifest:
    """The manifest of a run.

    Raises UsageError when there is no such run, or its file is damaged or of a later format.
    """
    path = path_of(root, run_id) if _RUN_ID.fullmatch(run_id) else None
    if path is None or path.name == _PENDING or not path.is_file():
        raise UsageError(f"there is no run {run_id!r} in {root}", fix="`toolloom runs` lists them")
    return _parse(Manifest, path)


def chosen(root: Path, named: str) -> Manifest:
    """The manifest of the run that somebody names: its id, how it begins if no other does so, or `latest`.

    `latest` is the last that was committed, complete or not; `latest~1` the one before it, and so on.  Raises
    `UsageError` as `load` does, with the runs that may be meant where it is not one.
    """
    if _RUN_ID.fullmatch(named) and named != Path(_PENDING).stem and exists(root, named):
        return load(root, named)
    none = f"there is no run {named!r} in {root}"
    runs = list_runs(root)[::-1]
    back = _LATEST.fullmatch(named)
    if back is None:
        candidates = [
            Candidate((run.run_id,), f"{run.kind}, {run.status}, {run.finished_at:%Y-%m-%d %H:%M}")
            for run in runs
        ]
        fix = "`toolloom runs` lists them"
        return load(root, the_one(named, candidates, several="runs", none=none, fix=fix).ids[0])
    at = int(back[1] or 0)
    if at >= len(runs):
        raise UsageError(none, fix=f"there are {len(runs)} to look at; `toolloom runs` lists them")
    return load(root, runs[at].run_id)


def newest(root: Path) -> Manifest | None:
    """What views show: the newest complete manifest, else the newest partial one, else None."""
    runs = list_runs(root)
    complete = [run for run in runs if run.status == "complete"]
    chosen = (complete or runs)[-1:]
    return load(root, chosen[0].run_id) if chosen else None


def latest(root: Path) -> Manifest | None:
    """The last committed run, complete or not: the one that the next goes on from."""
    runs = list_runs(root)
    return load(root, runs[-1].run_id) if runs else None


def exists(root: Path, run_id: str) -> bool:
    return path_of(root, run_id).is_file()


def list_runs(root: Path) -> tuple[RunSummary, ...]:
    """All committed runs, oldest first (by time of finishing, then run id)."""
    runs = (_parse(RunSummary, path_of(root, run_id)) for run_id in run_ids(root))
    return tuple(sorted(runs, key=lambda run: (run.finished_at, run.run_id)))


def run_ids(root: Path) -> tuple[str, ...]:
    """The ids of all committed runs, sorted."""
    paths = (root / _FOLDER).glob("[!.]*.json")
    return tuple(sorted(path.stem for path in paths if path.name != _PENDING))


def history(root: Path, table: str) -> tuple[TableRef, ...]:
    """The files of a history table in all committed runs, older ones first.

    They tell of pruned runs, too, and of those that the run shown does not go on from.
    """
    runs = (load(root, run.run_id) for run in list_runs(root))
    return tuple(dict.fromkeys(ref for run in runs for ref in run.tables.get(table, ())))


def begin(root: Path, run: PendingRun) -> PendingRun:
    """Record that a run starts, and return the run to carry out: `resumed`.

    Call it with the folder's lock held.
    """
    run = resumed(root, run)
    put(root / _FOLDER / _PENDING, run.model_dump_json(indent=1).encode())
    return run


def resumed(root: Path, run: PendingRun) -> PendingRun:
    """The run to carry out in place of a new one.

    A run that crashed is gone on with by one of its kind when the configuration is the same: its id, times
    and `as_of` are kept, so that what it finished is found again.  With another configuration the new run
    keeps only its `as_of`, the moments at which the world was looked at; a run of another kind looks at
    another part of it.
    """
    crashed = crashed_run(root)
    if crashed is not None and crashed.kind == run.kind:
        same = crashed.config_digest == run.config_digest
        return crashed if same else run.model_copy(update={"as_of": {**run.as_of, **crashed.as_of}})
    return run


def crashed_run(root: Path) -> PendingRun | None:
    """The run that began and never committed; None when there is none."""
    path = root / _FOLDER / _PENDING
    if not path.is_file():
        return None
    pending = _parse(PendingRun, path)
    return None if path_of(root, pending.run_id).exists() else pending


def finish(root: Path) -> None:
    """Forget the pending run, after its commit or when it is given up."""
    (root / _FOLDER / _PENDING).unlink(missing_ok=True)


def path_of(root: Path, run_id: str) -> Path:
    return root / _FOLDER / f"{run_id}.json"


def _parse(model: type[M], path: Path) -> M:
    try:
        content = orjson.loads(path.read_bytes())
        _refuse_later_format(path, content)
        found = model.model_validate(content)
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise _damaged(path, str(error)) from error
    if path.name not in (_PENDING, f"{content['run_id']}.json"):
        raise _damaged(path, f"it says that it is run {content['run_id']}")
    return found


def _damaged(path: Path, how: str) -> UsageError:
    goes_on = (
        "the next run begins anew" if path.name == _PENDING else "the newest run before it is shown then"
    )
    return UsageError(f"{path} is damaged: {how}", fix=f"restore it from a copy, or remove it: {goes_on}")


def _refuse_later_format(path: Path, content: object) -> None:
    found = content.get("format", FORMAT) if isinstance(content, dict) else FORMAT
    if isinstance(found, int) and found > FORMAT:
        raise UsageError(
            f"{path} has format {found}; this version of toolloom reads up to {FORMAT}",
            fix="upgrade toolloom",
        )
