"""Importing other tools' searches: a run of its own, on top of what the folder shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flows.reporting.write import newest_report
from tasks.errors import BrokenContract, NothingLeft, UsageError
from tasks.exact_json import digest_of
from tasks.frame.stage import KEYS
from tasks.importing.files import answer_files, answers_elsewhere
from tasks.importing.importing import STAGE, Imported, Known, import_files
from tasks.importing.queries import read_queries
from warehouse import manifest
from warehouse.checking import run_checks
from warehouse.connect import build_database
from warehouse.files import refuse_foreign, remove_leftovers
from warehouse.lock import folder_lock
from warehouse.manifest import Manifest
from warehouse.ref import TableRef
from warehouse.store import Store
from warehouse.tables import ANNOTATIONS, INSTRUCTIONS, REJECTS, RUNS
from warehouse.tables.accounts import Run, StageCounts

KIND = "import"
FORMATS = ("toolbench",)
_UNIT = "answer file"
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class ImportedRun:
    """A committed import.

    unused: query files, or entries of them, that were not used, and why.  elsewhere: files called like
    answers in folders that are not.
    """

    run_id: str
    n_files: int
    imported: Imported
    unused: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


def import_folder(data: Path, format_: str, folder: Path) -> ImportedRun:
    """Reads the answer files in a folder into a run of kind `import`.

    The run shows its parent's rows and the imported ones.  Raises `UsageError` for an unknown format or a
    folder without answer files, `NothingLeft` when none of them can be used: then nothing is committed.
    """
    if format_ not in FORMATS:
        raise UsageError(f"there is no format {format_!r} to import", fix=f"known: {', '.join(FORMATS)}")
    files = answer_files(folder)
    refuse_foreign(data)
    with folder_lock(data, f"import {format_}"):
        remove_leftovers(data)
        started_at = datetime.now(UTC)
        parent = manifest.newest(data)
        store = Store(data)
        queries = read_queries(folder)
        imported = import_files(store, files, queries, _known(store, parent))
        if not imported.n_searches:
            raise NothingLeft(
                f"none of {len(files):,} answer files could be imported: {_reasons(imported)}",
                fix=f"the first: {imported.rejects[0].row_id}: {imported.rejects[0].detail}",
            )
        run_id = _commit(data, parent, imported, len(files), started_at)
        newest_report(data, anew=True)
    elsewhere = tuple(answers_elsewhere(folder))
    return ImportedRun(run_id, len(files), imported, tuple(queries.unused), elsewhere)


def describe(run: ImportedRun) -> str:
    """What was imported and what was not, with the first few examples, as text for a terminal."""
    found = run.imported
    lines = [
        f"{found.n_searches:,} searches and {found.n_instructions:,} instructions "
        f"from {run.n_files:,} answer files, as a run of its own"
    ]
    if found.rejects:
        lines.append(f"  left out: {_reasons(found)}")
        lines += [f"    {reject.row_id}: {reject.detail}" for reject in found.rejects[:_EXAMPLES]]
    lines += [f"  not used: {each}" for each in run.unused]
    if run.elsewhere:
        lines.append(
            f"  passed over: {len(run.elsewhere):,} files called like answers, in folders not called "
            f"G1_answer or the like: {', '.join(run.elsewhere[:_EXAMPLES])}"
        )
    # Whatever a file is called or says, nothing in it controls the terminal.
    return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)


def _reasons(imported: Imported) -> str:
    counted = Counter(reject.reason for reject in imported.rejects)
    return ", ".join(f"{n:,} {reason}" for reason, n in counted.most_common())


def _known(store: Store, parent: Manifest | None) -> Known:
    tables: Mapping[str, tuple[TableRef, ...]] = {} if parent is None else parent.tables
    return Known(
        annotations={id_ for (id_,) in store.select(tables.get(ANNOTATIONS.name, ()), "annotation_id")},
        instructions={id_ for (id_,) in store.select(tables.get(INSTRUCTIONS.name, ()), "instruction_id")},
    )


def _commit(
    data: Path, parent: Manifest | None, imported: Imported, n_files: int, started_at: datetime
) -> str:
    run = _run_row(imported, n_files, started_at)
    snapshot = Manifest(
        run_id=run.run_id,
        kind=KIND,
        status="complete",
        parent=None if parent is None else parent.run_id,
        started_at=started_at,
        finished_at=run.finished_at,
        config_digest=run.config_digest,
        as_of={} if parent is None else parent.as_of,
        stages={} if parent is None else parent.stages,
        keys=KEYS if parent is None else parent.keys,
        tables=_tables(parent, imported, Store(data).write_shard(RUNS, [run])),
    )
    violations = run_checks(data, snapshot)
    if violations:
        raise BrokenContract(
            "laws of the warehouse do not hold, so nothing was committed:\n"
            + "\n".join(f"  {violation}" for violation in violations[:_EXAMPLES]),
            fix="this is a bug of Toolloom: please report it with the lines above",
        )
    manifest.commit(data, snapshot)
    build_database(data, manifest.newest(data))
    return run.run_id


def _tables(
    parent: Manifest | None, imported: Imported, run_ref: TableRef
) -> dict[str, tuple[TableRef, ...]]:
    """The parent's files and the new ones; of rejects of imports, those of this one."""
    tables = dict({} if parent is None else parent.tables)
    if parent is not None:
        of_stages = {ref for output in parent.stages.values() for ref in output.refs}
        tables[REJECTS.name] = tuple(ref for ref in tables.get(REJECTS.name, ()) if ref in of_stages)
    for name, ref in (*imported.tables.items(), (RUNS.name, run_ref)):
        tables[name] = tuple(dict.fromkeys((*tables.get(name, ()), ref)))
    return tables


def _run_row(imported: Imported, n_files: int, started_at: datetime) -> Run:
    counts = StageCounts(
        stage=STAGE,
        unit=_UNIT,
        n_in=n_files,
        n_out=imported.n_searches,
        n_rejected=len(imported.rejects),
        n_pending=0,
    )
    return Run(
        run_id=started_at.strftime("%Y%m%dT%H%M%S.%f")[:-3] + "Z",
        kind=KIND,
        as_of=started_at,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        status="complete",
        config_digest=digest_of([ref.content_digest for ref in imported.tables.values()]),
        counts=(counts,),
        n_requests=0,
        tokens_in=0,
        tokens_out=0,
        cost_usd=0.0,
    )
