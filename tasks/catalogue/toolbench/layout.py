"""Where the files of a ToolBench source are: a `tools/` folder, a folder of query files, or one query file.

A *place* names a file within its source: the path below `location`, with the name of its last folder in
front.  Nothing but places enters an id or a table, so that no path of a machine does.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from tasks import exact_json
from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow, UsageError
from tasks.exact_json import digest_of

EXPECTED = (
    "give `location` in `[[catalogue.sources]]` a folder that holds tools/<Category>/<tool>.json, or a file "
    "or folder of ToolBench queries (JSON lists, or JSON lines, whose entries have an `api_list`)"
)

# As ToolBench's archive has them, below `data/`.
_TOOL_FOLDERS = ("tools", "toolenv/tools")
_QUERY_FOLDERS = ("instruction", "test_instruction")
_EXAMPLES = "response_examples"


@dataclass(frozen=True, slots=True)
class File:
    """A file to read, and the place that names it."""

    place: str
    path: Path


@dataclass(frozen=True, slots=True)
class Layout:
    """Either tool files or query files, sorted by place.  examples: the `response_examples` folder."""

    location: Path
    tools: tuple[File, ...] = ()
    queries: tuple[File, ...] = ()
    examples: Path | None = None

    def example_of(self, tool: File) -> File | None:
        """The file with the response examples of a tool, when there is one."""
        if self.examples is None:
            return None
        path = self.examples / tool.path.parent.name / tool.path.name
        place = f"{_EXAMPLES}/{_decodable(path.parent.name)}/{_decodable(path.name)}"
        return File(place, path) if path.exists() else None


def find_layout(location: Path) -> Layout:
    """Raises `UsageError` when there is nothing of the kind at `location`."""
    path = location.expanduser()
    try:
        if path.is_dir():
            return _in_folder(path)
        if path.is_file():
            return Layout(path, queries=(File(_decodable(path.name), path),))
    except OSError as error:
        raise unusable(location, f"cannot be read: {error.strerror}") from error
    raise unusable(location, "is neither a file nor a folder" if path.exists() else "does not exist")


def unusable(location: Path, what: str) -> UsageError:
    return UsageError(f"the toolbench source {str(location)!r} {what}", fix=EXPECTED)


def _in_folder(folder: Path) -> Layout:
    for name in _TOOL_FOLDERS:
        if (folder / name).is_dir():
            return _of_tools(folder, folder / name)
    queries = _json_files(folder, ".jsonl") or [
        path
        for name in _QUERY_FOLDERS
        if (folder / name).is_dir()
        for path in _json_files(folder / name, ".jsonl")
    ]
    if queries:
        return Layout(folder, queries=_files(folder, queries))
    return _of_tools(folder, folder)


def _of_tools(location: Path, folder: Path) -> Layout:
    found = [
        path for category in sorted(folder.iterdir()) if category.is_dir() for path in _json_files(category)
    ]
    if not found:
        raise unusable(location, "holds neither tool files (*.json) nor query files (*.json, *.jsonl)")
    examples = folder.parent / _EXAMPLES
    return Layout(location, tools=_files(location, found), examples=examples if examples.is_dir() else None)


def _json_files(folder: Path, *also: str) -> list[Path]:
    return [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in {".json", *also} and not path.name.startswith(".") and not path.is_dir()
    ]


def _files(location: Path, paths: Iterable[Path]) -> tuple[File, ...]:
    name = location.resolve().name
    found = (File(_decodable(f"{name}/{path.relative_to(location).as_posix()}"), path) for path in paths)
    return tuple(sorted(found, key=lambda file: file.place))


def _decodable(name: str) -> str:
    """Names of files may hold bytes that are no text."""
    return name.encode(errors="replace").decode()


def all_files(layout: Layout) -> Iterator[File]:
    """Every file the rows may depend on."""
    yield from (*layout.tools, *layout.queries)
    yield from (example for tool in layout.tools if (example := layout.example_of(tool)) is not None)


Identity = tuple[tuple[File, int, int], ...]


def read_json(path: Path) -> Any:
    """Raises `BadRow` (unreadable, not_json)."""
    return _json_in(_bytes_of(path))


def read_json_lines(path: Path) -> list[Any]:
    """A value a line; blank lines are none.  Raises `BadRow` (unreadable, not_json) with the line."""
    values = []
    for number, line in enumerate(_bytes_of(path).split(b"\n"), start=1):
        if line.strip():
            try:
                values.append(_json_in(line))
            except BadRow as fault:
                raise BadRow(fault.reason, f"line {number}: {fault.message}") from fault
    return values


def _bytes_of(path: Path) -> bytes:
    try:
        if not _is_regular(path):
            raise BadRow(CrawlReason.UNREADABLE, "it is no regular file")
        raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise BadRow(CrawlReason.UNREADABLE, f"it cannot be read: {error.strerror}") from error
    if not raw.strip():
        raise BadRow(CrawlReason.NOT_JSON, "it is empty")
    return raw


def _json_in(raw: bytes) -> Any:
    try:
        return exact_json.loads(raw)
    except orjson.JSONDecodeError:
        return _as_python_writes(raw)


def _as_python_writes(raw: bytes) -> Any:
    """Python's own JSON may hold NaN and halves of surrogate pairs: they become null and "?"."""
    try:
        value = json.loads(raw.decode(), parse_constant=lambda _: None)
        return exact_json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    except UnicodeDecodeError as error:
        raise BadRow(CrawlReason.NOT_JSON, f"it is not UTF-8: {error.reason}") from error
    except RecursionError as error:
        raise BadRow(CrawlReason.NOT_JSON, "its JSON is nested too deeply") from error
    except ValueError as error:
        raise BadRow(CrawlReason.NOT_JSON, f"it is not JSON: {error}") from error


def identity_of(files: Iterable[File]) -> Identity:
    """Each file with its size and time: changes when a file does, without reading any."""
    found = []
    for file in files:
        try:
            status = file.path.stat()
        except OSError:  # counts as missing: reading it will say why
            continue
        found.append((file, status.st_size, status.st_mtime_ns))
    return tuple(found)


def contents_digest(files: Iterable[File]) -> str:
    """Of the places and bytes of the files; asked for with every shard, read once."""
    return _contents_digest(identity_of(files))


@lru_cache(maxsize=16)
def _contents_digest(identity: Identity) -> str:
    return digest_of([[file.place, _digest(file.path)] for file, *_ in identity])


def _is_regular(path: Path) -> bool:
    """Reading a pipe or a device may never end."""
    return stat.S_ISREG(path.stat().st_mode)


def _digest(path: Path) -> str:
    try:
        if not _is_regular(path):
            return ""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except OSError:
        return ""
