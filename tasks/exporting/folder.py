"""The folder an export is written to: whole or not at all, and never over somebody else's files."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks import exact_json
from tasks.errors import UsageError
from warehouse.files import temporaries_beside, temporary_beside, write_failure

MARKER = "export.json"
_PART = re.compile(r"(?!\.{1,2}$)[^/\\\x00-\x1f\x7f]{1,250}")


@dataclass(slots=True)
class ExportFolder:
    """A folder being written.  written: what it holds, by file or folder, in rows."""

    path: Path
    written: dict[str, int] = field(default_factory=dict)

    def file(self, name: str) -> Path:
        """The path of a file in it; its folders are there.

        Names are made of columns (scenario, split, model), and a data folder may be somebody else's: raises
        `UsageError` for one that would leave the export.
        """
        if not all(_PART.fullmatch(part) for part in name.split("/")):
            raise UsageError(
                f"a row of the data folder asks for the file {name[:200]!r}, which is no name in an export; "
                "nothing was written",
                fix="this data folder was not written by Toolloom alone: look where it is from",
            )
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def describe(self, description: dict[str, Any]) -> None:
        """Writes what the export is, by which a later one knows that it may replace it."""
        content = json.dumps({"made_by": "toolloom", **description, "written": self.written}, indent=1)
        self.file(MARKER).write_text(content + "\n", encoding="utf-8")


@contextmanager
def export_folder(out: Path, format_: str) -> Iterator[ExportFolder]:
    """A folder beside `out` that takes its place when all is written, and is removed when it is not.

    What an export to `out` that was killed left there is removed first.  Raises `UsageError` when `out`
    holds anything but an earlier export of this format or cannot be written, `StopRun` when the disk is full.
    """
    out = out.resolve()
    refuse_foreign(out, format_)
    _remove_abandoned(out)
    temporary = temporary_beside(out)
    try:
        temporary.mkdir(parents=True)
        with _in_use(temporary):
            yield ExportFolder(temporary)
            _take_place(temporary, out)
    except OSError as error:
        raise _failure(out, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _in_use(folder: Path) -> Iterator[None]:
    """Says to others that it is being written; the kernel lets go of the lock of who is killed."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # not every file system has locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(out: Path) -> None:
    for left in temporaries_beside(out):
        with suppress(OSError):  # it is in use, or has just been finished
            descriptor = os.open(left, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left)
            finally:
                os.close(descriptor)


def refuse_foreign(out: Path, format_: str) -> None:
    """Raises `UsageError` when `out` is there and neither empty nor an export of this format."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    held = (described(out) or {}).get("format")
    if held == format_:
        return
    what = f"an export of format {held}" if held else "files that are no export of toolloom"
    if not out.is_dir():
        what = "a file"
    raise UsageError(
        f"{out} is there already and {'is' if not out.is_dir() else 'holds'} {what}; nothing was written",
        fix="name another folder with --out, or remove this one yourself",
    )


def described(out: Path) -> dict[str, Any] | None:
    """What the export in `out` says of itself; None when there is none of ours."""
    try:
        found = json.loads((out / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("made_by") == "toolloom" else None


def _take_place(temporary: Path, out: Path) -> None:
    """Two renames where an earlier export is replaced: a reader sees the old one, none, or the new one."""
    if not out.exists():
        temporary.rename(out)
        return
    before = temporary_beside(out)
    out.rename(before)
    try:
        temporary.rename(out)
    except OSError:
        before.rename(out)
        raise
    shutil.rmtree(before, ignore_errors=True)


def _failure(out: Path, error: OSError) -> Exception:
    failure = write_failure(out, error)
    failure.fix = (
        "name a folder with --out that can be written"
        if isinstance(failure, UsageError)
        else "free some space and export again; nothing was left behind"
    )
    return failure


def disk_path(out: Path) -> str:
    """As people write it: relative to where they are when that is shorter."""
    relative = os.path.relpath(out)
    return min(relative, str(out), key=len)


def json_text(value: Any) -> str:
    """As `json.dumps` writes it, with decimals that no double holds as they were written."""
    if exact_json.is_plain(value):
        return json.dumps(value)
    return exact_json.text_of(value, ", ", ": ", ascii_only=True)


class _JsonLines:
    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, value: Any) -> None:
        self._stream.write(json_text(value) + "\n")

    def end(self) -> None:
        """A file of lines needs no end."""


class _JsonArray:
    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._opening = "[\n"

    def write(self, value: Any) -> None:
        self._stream.write(self._opening + json_text(value))
        self._opening = ",\n"

    def end(self) -> None:
        self._stream.write("[]\n" if self._opening == "[\n" else "\n]\n")


class Streams:
    """Files opened when the first value for them comes; a name ending in `.jsonl` is a file of lines.

    All text is ASCII, so that readers need not know of encodings.
    """

    def __init__(self, folder: ExportFolder, files: ExitStack) -> None:
        self._folder = folder
        self._files = files
        self._open: dict[str, _JsonLines | _JsonArray] = {}

    def write(self, name: str, value: Any) -> None:
        if name not in self._open:
            stream = self._files.enter_context(self._folder.file(name).open("w", encoding="ascii"))
            self._open[name] = (_JsonLines if name.endswith(".jsonl") else _JsonArray)(stream)
            self._folder.written[name] = 0
        self._open[name].write(value)
        self._folder.written[name] += 1

    def end(self) -> None:
        for stream in self._open.values():
            stream.end()


@contextmanager
def json_streams(folder: ExportFolder) -> Iterator[Streams]:
    """JSON files in the folder, complete when the block is left."""
    with ExitStack() as files:
        streams = Streams(folder, files)
        yield streams
        streams.end()


class TabbedFiles:
    """Files of tab-separated values, quoted as pandas does; opened when the first row for them comes."""

    def __init__(self, folder: ExportFolder, files: ExitStack) -> None:
        self._folder = folder
        self._files = files
        self._open: dict[str, Any] = {}

    def write(self, name: str, *row: object, header: tuple[str, ...] = ()) -> None:
        if name not in self._open:
            path = self._folder.file(name)
            stream = self._files.enter_context(path.open("w", encoding="utf-8", newline=""))
            self._open[name] = csv.writer(stream, delimiter="\t", lineterminator="\n")
            if header:
                self._open[name].writerow(header)
            self._folder.written[name] = 0
        self._open[name].writerow(row)
        self._folder.written[name] += 1


@contextmanager
def tabbed_files(folder: ExportFolder) -> Iterator[TabbedFiles]:
    with ExitStack() as files:
        yield TabbedFiles(folder, files)


_ROWS_AT_ONCE = 200


@dataclass(slots=True)
class _Waiting:
    writer: Any
    rows: list[Any]


class ParquetFiles:
    """Parquet files, a row group at a time; opened when the first row for them comes."""

    def __init__(self, folder: ExportFolder, files: ExitStack) -> None:
        self._folder = folder
        self._files = files
        self._open: dict[str, _Waiting] = {}

    def write(self, name: str, schema: Any, row: Mapping[str, Any]) -> None:
        if name not in self._open:
            writer = pq.ParquetWriter(self._folder.file(name), schema, compression="zstd")
            self._open[name] = _Waiting(self._files.enter_context(writer), [])
            self._folder.written[name] = 0
        waiting = self._open[name]
        waiting.rows.append(row)
        self._folder.written[name] += 1
        if len(waiting.rows) == _ROWS_AT_ONCE:
            self._write_group(waiting)

    def end(self) -> None:
        """Writes what waits for its group to be full."""
        for waiting in self._open.values():
            self._write_group(waiting)

    @staticmethod
    def _write_group(waiting: _Waiting) -> None:
        if waiting.rows:
            waiting.writer.write_table(pa.Table.from_pylist(waiting.rows, schema=waiting.writer.schema))
            waiting.rows.clear()


@contextmanager
def parquet_files(folder: ExportFolder) -> Iterator[ParquetFiles]:
    """Parquet files in the folder, complete when the block is left."""
    with ExitStack() as files:
        tables = ParquetFiles(folder, files)
        yield tables
        tables.end()
