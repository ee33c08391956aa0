"""The SQL side of a snapshot: a view for each table over its files, and the derived views.

    <data>/toolloom.duckdb    views of the newest run, for any DuckDB client; holds no rows

An open client blocks a writer of a DuckDB file, and views over relative paths would depend on the
client's folder.  So the file is built anew under another name, with absolute paths, and renamed over the
old one: who has the old one open goes on reading it.  Nothing of ours ever opens it, since whoever made it
decides what its views do; our queries make the same views in memory, which takes some milliseconds and
cannot go stale.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import ToolloomError, UsageError
from warehouse.files import digest_of, passed_on, sync_folder, temporary_beside, write_failure, writing
from warehouse.manifest import Manifest, chosen, exists, history, load, newest, run_ids
from warehouse.ref import TableRef
from warehouse.seen import Seen, refuse_links
from warehouse.sql import identifier, literal, literals, sql_files, statement, views_in_order
from warehouse.store import Store, lacks_only_new_columns
from warehouse.table import Table
from warehouse.tables import RUNS, TABLES

DATABASE = "toolloom.duckdb"
_NAME = "toolloom"
BEFORE = "before"
COMPARED = ("annotations", "apis", "instructions", "retrieval_ranks", "samples", "tools", "verdicts")
MAKE_ANEW = "run `toolloom refresh`, which makes anew what is lost, or name an earlier one with --run"
_GLOB = re.compile(r"[*?\[]")


def build_database(root: Path, manifest: Manifest | None) -> Path:
    """Make `toolloom.duckdb` show a manifest (None: every table empty), and return its path.

    Raises UsageError when a file of the manifest is gone or the folder cannot be written.
    """
    root = root.resolve()
    before = run_before(root, manifest)
    files = snapshot_files(root, manifest, before)
    temporary = temporary_beside(root / DATABASE)
    with writing(root):
        try:
            failure = _write_views(temporary, root, manifest, before, files)
            if failure is not None:
                raise write_failure(root, passed_on(failure))
            temporary.replace(root / DATABASE)
            seen = Seen(root)
            seen.note(DATABASE, _shown(root, manifest))
            seen.keep()
        finally:
            for left in (temporary, temporary.with_name(f"{temporary.name}.wal")):
                left.unlink(missing_ok=True)
        sync_folder(root)
    return root / DATABASE


def _write_views(
    path: Path,
    root: Path,
    manifest: Manifest | None,
    before: Manifest | None,
    files: dict[str, list[Path]],
) -> str | None:
    """What went wrong, if the disk did.

    As text: an error would take the connection with it, in its traceback, and whoever keeps that to the end
    of the process has DuckDB complain on standard error of what it could not free.
    """
    try:
        with duckdb.connect() as connection:
            connection.execute(statement("attach", path=literal(path), name=_NAME))
            _create_views(connection, root, manifest, before, files, described=True)
            connection.execute(statement("detach", name=_NAME))
    except (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException) as error:
        return str(error)
    return None


def open_database(
    root: Path,
    run: str | None = None,
    before: str | None = None,
    *,
    all_runs: bool = False,
    thoroughly: bool = False,
    described: bool = False,
) -> duckdb.DuckDBPyConnection:
    """A connection to the views of a run, the newest unless named, that can read them and nothing else.

    Runs are named as `manifest.chosen` takes them.  before: the run that it is compared with; its parent
    unless named.  all_runs: `runs` has those, too,
    that the run shown does not go on from.  thoroughly: every byte of the tables is read first; otherwise
    only of files that were touched since they were found whole.  described: columns have their comments,
    which is half of the time that it takes.

    Makes `toolloom.duckdb` anew on the way when it is not the one that we made of this run in this place.
    Raises UsageError when there is no data folder, no run, no such run, or a file of the run is gone,
    damaged, or of another table.
    """
    root = root.resolve()
    refuse_links(root)
    manifest = _newest_run(root) if run is None else chosen(root, run)
    seen = Seen(root)
    _refuse_damaged(root, seen, manifest, TABLES, thoroughly=thoroughly)
    if before is None:
        compared = run_before(root, manifest)
        if compared is not None and lost_files(root, compared, COMPARED, seen=seen):
            compared = None
    else:
        compared = chosen(root, before)
        _refuse_damaged(root, seen, compared, COMPARED, thoroughly=thoroughly)
    if run is None and not seen.knows(DATABASE, _shown(root, manifest)):
        _mend(root, manifest)
    if all_runs:
        # What is lost of runs that are not shown must not hide the others.
        of_all = {RUNS.name: history(root, RUNS.name)}
        lost = lost_files(root, manifest.model_copy(update={"tables": of_all}), of_all, seen=seen)
        there = {RUNS.name: tuple(ref for ref in of_all[RUNS.name] if ref not in lost)}
        manifest = manifest.model_copy(update={"tables": {**manifest.tables, **there}})
    seen.keep()
    files = snapshot_files(root, manifest, compared)
    connection = _connected(root, manifest, compared, files, described=described)
    _restrict(connection, files)
    return connection


def lost_files(
    root: Path, manifest: Manifest, tables: Iterable[str] = tuple(TABLES), *, seen: Seen | None = None
) -> dict[TableRef, str]:
    """The files of a run's tables that are not what was written, and what is the matter with each.

    seen: what of them need not be read; all bytes are without it.
    """
    lost = {}
    look = seen or Seen(root)
    for ref in {ref: None for name in tables for ref in manifest.tables.get(name, ())}:
        if not (root / ref.path).is_file():
            lost[ref] = "is gone"
        elif seen is not None and look.knows(ref.path, ref.file_digest):
            continue
        elif not look.holds(ref.path, ref.file_digest, thoroughly=seen is None):
            lost[ref] = "is damaged: its bytes are not those that were written"
        elif not _has_columns_of(TABLES[ref.table], root / ref.path):
            lost[ref] = f"has other columns than table {ref.table}"
            look.forget(ref.path)
    look.keep()
    return lost


def _refuse_damaged(
    root: Path, seen: Seen, manifest: Manifest, tables: Iterable[str], *, thoroughly: bool
) -> None:
    lost = lost_files(root, manifest, tables, seen=None if thoroughly else seen)
    for ref, matter in lost.items():
        more = f" (and {len(lost) - 1:,} more files)" if len(lost) > 1 else ""
        raise UsageError(
            f"run {manifest.run_id} needs {root / ref.path}, which {matter}{more}",
            fix=MAKE_ANEW,
        )


def _has_columns_of(table: Table[Any], path: Path) -> bool:
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError):
        return False
    return schema.equals(table.schema) or lacks_only_new_columns(table, schema)


def connect_snapshot(
    root: Path, manifest: Manifest | None, before: Manifest | None = None, *, described: bool = False
) -> duckdb.DuckDBPyConnection:
    """An unrestricted connection in memory to the views of a manifest, committed or not."""
    root = root.resolve()
    return _connected(root, manifest, before, snapshot_files(root, manifest, before), described=described)


def _connected(
    root: Path,
    manifest: Manifest | None,
    before: Manifest | None,
    files: dict[str, list[Path]],
    *,
    described: bool,
) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(statement("session"))
    _create_views(connection, root, manifest, before, files, described=described)
    return connection


def table_files(
    root: Path, manifest: Manifest | None, tables: Iterable[str] = tuple(TABLES)
) -> dict[str, list[Path]]:
    """The files of the tables, older ones first.

    A file without rows stands in for a table without files, and for columns that no file has yet.
    """
    store = Store(root)
    refs = manifest.tables if manifest is not None else {}
    found: dict[str, list[Path]] = {}
    for name in tables:
        table = TABLES[name]
        found[name] = [root / path for path in dict.fromkeys(ref.path for ref in refs.get(name, ()))]
        for path in found[name]:
            if not path.is_file():
                raise UsageError(
                    f"run {manifest.run_id if manifest else ''} needs {path}, which is gone",
                    fix=MAKE_ANEW,
                )
        if not found[name] or _is_older(table, found[name][-1]):
            found[name].append(root / store.compact(table, ()).path)
    return found


def snapshot_files(root: Path, manifest: Manifest | None, before: Manifest | None) -> dict[str, list[Path]]:
    """The files of every table, and those of the run before under `before.<table>`."""
    earlier = table_files(root, before, COMPARED)
    return table_files(root, manifest) | {f"{BEFORE}.{name}": files for name, files in earlier.items()}


def run_before(root: Path, manifest: Manifest | None) -> Manifest | None:
    """The parent, while its files are there: what it is compared with was pruned otherwise."""
    if manifest is None or manifest.parent is None or not exists(root, manifest.parent):
        return None
    parent = load(root, manifest.parent)
    paths = {ref.path for name in COMPARED for ref in parent.tables.get(name, ())}
    return parent if all((root / path).is_file() for path in paths) else None


def _is_older(table: Table[Any], path: Path) -> bool:
    """Whether a file was written before the table had all the columns it has now."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError):
        return False  # damaged: a query of it says so
    return not schema.equals(table.schema) and lacks_only_new_columns(table, schema)


def _newest_run(root: Path) -> Manifest:
    manifest = newest(root)
    if manifest is None:
        where = f"no run in {root}" if root.is_dir() else f"no data folder {root}"
        raise UsageError(f"there is {where}", fix="run `toolloom refresh`, or name a folder with --data")
    return manifest


def _create_views(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    manifest: Manifest | None,
    before: Manifest | None,
    files: dict[str, list[Path]],
    *,
    described: bool,
) -> None:
    connection.execute(statement("before_schema", name=BEFORE))
    for name, paths in files.items():
        table = TABLES[name.removeprefix(f"{BEFORE}.")]
        connection.execute(
            statement(
                "table_view",
                name=".".join(map(identifier, name.split("."))),
                paths=literals([_unglobbed(path) for path in paths]),
                # It costs a look at every file; schemas only ever grow, so the first file tells.
                by_name="true" if _is_older(table, paths[0]) else "false",
                grain=literal(table.grain),
            )
        )
        if described:
            comments = sql_files("comments")[table.name].comments
            connection.execute(comments.replace(f"COLUMN {table.name}.", f"COLUMN {name}."))
    connection.execute(_snapshot_view(root, manifest, before))
    for view in views_in_order():
        connection.execute(
            statement(
                "derived_view",
                name=identifier(view.name),
                select=view.text,
                grain=literal(view.title.removeprefix("Grain: ")),
            )
        )
        if described:
            connection.execute(view.comments)


def _snapshot_view(root: Path, manifest: Manifest | None, before: Manifest | None) -> str:
    names = ("run_id", "kind", "status", "parent", "started_at", "finished_at", "config_digest")
    values = {name: literal(getattr(manifest, name, None)) for name in names}
    committed = "true" if manifest is not None else "false"
    return statement(
        "snapshot_view",
        **values,
        compared_with=literal(before and before.run_id),
        runs_kept=literals(run_ids(root)),
        stages=_accounts(manifest),
        data_folder=literal(root),
        definitions=literal(_definitions()),
        committed=committed,
    )


def _accounts(manifest: Manifest | None) -> str:
    """What searches were put beside a refresh by `toolloom annotate` are accounts of the same stage."""
    stages = [] if manifest is None else manifest.stages.values()
    accounts = ({"stage": output.stage, **output.counts.model_dump()} for output in stages)
    return (
        "["
        + ", ".join(
            "{" + ", ".join(f"{literal(name)}: {literal(value)}" for name, value in account.items()) + "}"
            for account in accounts
        )
        + "]"
    )


def _definitions() -> str:
    """Another version of toolloom may know other tables and views."""
    views, comments = sql_files("views").values(), sql_files("comments").values()
    texts = [*TABLES, *(view.text + view.comments for view in views), *(file.comments for file in comments)]
    return digest_of("\n".join(texts).encode())


def _unglobbed(path: Path) -> str:
    """DuckDB takes a path for a pattern; a bracketed character stands for itself."""
    return _GLOB.sub(r"[\g<0>]", str(path))


def _restrict(connection: duckdb.DuckDBPyConnection, files: dict[str, list[Path]]) -> None:
    paths = [path for table in files.values() for path in table]
    allowed = {spelled for path in paths for spelled in (str(path), _unglobbed(path))}
    connection.execute(statement("restrict", paths=literals(sorted(allowed))))


def _shown(root: Path, manifest: Manifest | None) -> str:
    """What the database file of a run is noted as: which run it shows, from where, by which definitions."""
    run_id = None if manifest is None else manifest.run_id
    return digest_of("\n".join([str(run_id), str(root), _definitions()]).encode())


def _mend(root: Path, manifest: Manifest) -> None:
    try:
        build_database(root, manifest)
    except ToolloomError:
        # A reader of a read-only folder needs only the views in memory.
        return
