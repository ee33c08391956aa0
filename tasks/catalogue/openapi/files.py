"""Where the files of a source are, and reading them: a file, a folder, a glob on this machine; their digest.

A *place* names a file within its source: a path relative to the source's root, or a URL.  Nothing but
places leaves this module, so that no path of a machine enters an id or a table.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Protocol
from urllib.parse import unquote

from tasks.catalogue.openapi.parsing import MAX_BYTES
from tasks.catalogue.source import CrawlReason
from tasks.errors import BadRow, UsageError
from tasks.exact_json import digest_of

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:|//|\\\\")
_HTTP = re.compile(r"(?:https?:)?//", re.IGNORECASE)
SUFFIXES = frozenset({".json", ".yaml", ".yml"})

EXPECTED = (
    "give `location` in `[[catalogue.sources]]` a file, a folder, a glob or a URL of OpenAPI documents "
    "(2.0, 3.0, 3.1; JSON or YAML)"
)


class Elsewhere(BadRow):
    """A reference to another host, which is not asked."""


class Files(Protocol):
    """The files of a source.  explicit: its location names one document, and not where to look for some."""

    explicit: bool

    def places(self) -> tuple[str, ...]:
        """The files that may be documents, sorted."""
        ...

    def read(self, place: str) -> bytes:
        """Raises `BadRow` when this file cannot be read."""
        ...

    def join(self, place: str, reference: str) -> str:
        """The place that a reference in the file at `place` means.

        Raises `BadRow` outside the source, `Elsewhere` where that is at another host.
        """
        ...

    def url_of(self, place: str) -> str | None:
        """What relative server addresses in the file are relative to; None on this machine."""
        ...

    def close(self) -> None: ...


class LocalFiles:
    """Files below one folder of this machine; nothing outside of it is ever read."""

    def __init__(self, root: Path, places: tuple[str, ...], *, explicit: bool) -> None:
        self._root = root
        self._places = places
        self.explicit = explicit

    def places(self) -> tuple[str, ...]:
        return self._places

    def read(self, place: str) -> bytes:
        try:
            path = self.path(place)
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                raise BadRow(CrawlReason.UNREADABLE, "it is no file, or a folder that cannot be listed")
            if found.st_size > MAX_BYTES:
                raise BadRow(CrawlReason.TOO_LARGE, f"it is larger than {MAX_BYTES:,} bytes")
            return path.read_bytes()
        except (OSError, ValueError, RuntimeError) as error:  # a name no file can have, links in a circle
            raise BadRow(CrawlReason.UNREADABLE, f"it cannot be read: {_why(error)}") from error

    def join(self, place: str, reference: str) -> str:
        if _SCHEME.match(reference):
            kind = Elsewhere if _HTTP.match(reference) else BadRow
            raise kind(CrawlReason.BROKEN_REFERENCE, f"{reference} is not a file of this source")
        joined = normpath(join(dirname(place), unquote(reference.partition("?")[0])))
        if joined == ".." or joined.startswith(("../", "/")):
            raise BadRow(
                CrawlReason.BROKEN_REFERENCE,
                f"{reference} is outside the source: only files below its `location` are read",
            )
        return joined

    def url_of(self, place: str) -> str | None:  # noqa: ARG002 - the protocol's
        return None

    def close(self) -> None:
        """There is nothing to close."""

    def path(self, place: str) -> Path:
        """Raises `BadRow` where a link leads out of the source."""
        path = self._root / place
        if not path.resolve().is_relative_to(self._root.resolve()):
            raise BadRow(CrawlReason.BROKEN_REFERENCE, "a link leads outside the folder of the source")
        return path


def local_files(location: str) -> LocalFiles:
    """Raises `UsageError` when there is nothing of the kind at `location`."""
    path = Path(location).expanduser()
    try:
        if path.is_dir():
            return _several(location, path, _in_folder(path))
        if path.is_file():
            return LocalFiles(path.parent, (path.name,), explicit=True)
        if glob.has_magic(location):
            return _several(location, *_matching(path))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the openapi source {location!r} cannot be read: {_why(error)}", fix=EXPECTED
        ) from error
    what = "is neither a file nor a folder" if path.exists() else "does not exist"
    raise UsageError(f"the openapi source {location!r} {what}", fix=EXPECTED)


def _several(location: str, root: Path, places: Iterable[str]) -> LocalFiles:
    found = tuple(sorted(place.encode(errors="replace").decode() for place in places))
    if not found:
        raise UsageError(
            f"the openapi source {location!r} holds no file: looked for {', '.join(sorted(SUFFIXES))}",
            fix=EXPECTED,
        )
    return LocalFiles(root, found, explicit=False)


def _matching(pattern: Path) -> tuple[Path, list[str]]:
    """The folder before the first wildcard, and the files below it that match."""
    root = next(parent for parent in pattern.parents if not glob.has_magic(str(parent)))
    matching = root.glob(str(pattern.relative_to(root)))
    return root, [path.relative_to(root).as_posix() for path in matching if path.is_file()]


def _in_folder(root: Path) -> list[str]:
    """Files by their suffix; a folder that cannot be read stands for what may be in it."""
    unreadable: list[OSError] = []
    found: list[Path] = []
    for folder, subfolders, names in os.walk(root, onerror=unreadable.append):
        subfolders[:] = [name for name in subfolders if not name.startswith(".") and name != "node_modules"]
        found.extend(
            Path(folder, name)
            for name in names
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
        )
    found.extend(Path(str(error.filename)) for error in unreadable)
    return [path.relative_to(root).as_posix() for path in found]


def _why(error: Exception) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)


_REFERENCE = re.compile(rb"""\$ref["']?\s*:\s*["']?([^"'#\s,}\]]+)""")


def contents_digest(location: str) -> str:
    """Of the names and bytes of all files at `location`, and of those they refer to.

    What cannot be read counts as missing: opening the source tells.
    """
    try:
        files = local_files(location)
    except UsageError:
        return digest_of(None)
    return digest_of(sorted(_digests(files)))


def _digests(files: LocalFiles) -> Iterator[tuple[str, str]]:
    """Each place with the digest of its bytes, referenced files included."""
    pending = list(files.places())
    seen = set(pending)
    while pending:
        place = pending.pop()
        digest, references = _file(files, place)
        yield place, digest
        for reference in references:
            referred = _joined(files, place, reference)
            if referred is not None and referred not in seen:
                seen.add(referred)
                pending.append(referred)


def _joined(files: LocalFiles, place: str, reference: str) -> str | None:
    try:
        return files.join(place, reference)
    except BadRow:
        return None


def _file(files: LocalFiles, place: str) -> tuple[str, tuple[str, ...]]:
    try:
        path = files.path(place)
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
            return f"{found.st_size} bytes unread", ()
        return _read(path, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))
    except (BadRow, OSError, ValueError, RuntimeError):
        return "", ()


@lru_cache(maxsize=50_000)
def _read(path: Path, _identity: tuple[int, ...]) -> tuple[str, tuple[str, ...]]:
    """Digest and references; asked for with every shard, read once per version of the file."""
    raw = path.read_bytes()
    references = {reference.decode(errors="replace") for reference in _REFERENCE.findall(raw)}
    return hashlib.blake2b(raw, digest_size=16).hexdigest(), tuple(sorted(references))
