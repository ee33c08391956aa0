"""From the bytes of a ToolBench file to the JSON value in them, and a digest of a source's files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from tasks import exact_json
from tasks.catalogue.names import digest_of
from tasks.catalogue.source import CrawlReason
from tasks.catalogue.toolbench.layout import File
from tasks.errors import BadRow

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


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except OSError:
        return ""
