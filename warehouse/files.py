"""Files that appear whole or not at all, and what is said when a folder cannot be written.

A file is written under a temporary name in its own folder, flushed to the disk, and renamed.  A writer
that is killed leaves a temporary file behind, which no reader ever looks at.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from glob import escape
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from tasks.errors import StopRun, ToolloomError, UsageError

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ACCESS = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOENT}
)
_TEMPORARY = ".tmp"
_BEGINS_WITH = (".lock", "bases", "prefect", "runs", "served", "store")
_WRITTEN_FOLDERS = (".", "runs", "reports", "parts/*", "shards/*", "tables/*")
_PARTS = "parts/*/*.parquet"


def digest_of(content: bytes) -> str:
    """The 128-bit digest that names and verifies files, in hexadecimal."""
    return blake2b(content, digest_size=16).hexdigest()


def put(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file whole: a reader sees the old content or the new one, also after a crash.

    Raises UsageError when the folder cannot be written, StopRun when the disk is full or fails.
    """
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_beside(path)
        try:
            _write_to_disk(temporary, content, mode)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def refuse_foreign(data: Path) -> None:
    """Raises UsageError for a folder that holds files, none of which a data folder begins with."""
    if not data.is_dir() or any((data / name).exists() for name in _BEGINS_WITH):
        return
    other = sorted(path.name for path in data.iterdir())
    if other:
        raise UsageError(
            f"{data} holds files that are not Toolloom's ({other[0]}), and no data set",
            fix="name a folder that is new or empty with --data or TOOLLOOM_DATA",
        )


def digest_of_file(path: Path) -> str:
    """The digest of a file's bytes, which are never all in memory."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: blake2b(digest_size=16)).hexdigest()


def put_by_digest(
    folder: Path,
    suffix: str,
    write: Callable[[BinaryIO], None],
    *,
    mode: int = 0o644,
    lasting: bool = True,
) -> str:
    """Write a file whole, named by the digest of its bytes, and return the digest.

    `write` gets a stream.  A file of that name that has these bytes stays as it is.  lasting: whether it
    must outlast a power failure.  Raises as `put` does.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = temporary_beside(folder / f"new{suffix}")
        try:
            _write_to(temporary, write, mode)
            digest = digest_of_file(temporary)
            path = folder / f"{digest}{suffix}"
            if not (path.is_file() and digest_of_file(path) == digest):
                if lasting:
                    _sync(temporary)
                temporary.replace(path)
                if lasting:
                    _sync(folder)
        finally:
            temporary.unlink(missing_ok=True)
    return digest


def temporary_beside(path: Path) -> Path:
    """A name of its own in the folder of `path`, so that the rename stays within one file system."""
    return path.with_name(f".{path.name}.{uuid4().hex}{_TEMPORARY}")


def temporaries_beside(path: Path) -> list[Path]:
    """What has such a name: of writers that work, and of those that were killed."""
    return sorted(path.parent.glob(f".{escape(path.name)}.{'[0-9a-f]' * 32}{_TEMPORARY}"))


def _write_to_disk(path: Path, content: bytes, mode: int) -> None:
    _write_to(path, lambda stream: stream.write(content), mode)
    _sync(path)


def _write_to(path: Path, write: Callable[[BinaryIO], object], mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        write(stream)


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder outlast a power failure."""
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say in our own words what an OSError means for somebody who wanted to write into `folder`."""
    try:
        yield
    except OSError as error:
        raise write_failure(folder, error) from error


def passed_on(message: str) -> OSError:
    """The error of the system that a library tells of in its own words."""
    code = next((code for code in _NO_SPACE if os.strerror(code) in message), None)
    return OSError(code, message if code is None else os.strerror(code))


def write_failure(folder: Path, error: OSError) -> ToolloomError:
    """A full disk stops the run, which resumes later; a folder of the wrong kind was a wrong setting."""
    if error.errno in _NO_SPACE:
        return StopRun(
            f"no space left to write into {folder} ({error.strerror})",
            fix="free some space and run again; finished shards are not computed twice",
        )
    if error.errno in _NO_ACCESS:
        return UsageError(
            f"cannot write into {folder} ({error.strerror})",
            fix="make the folder writable, or name another one with --data or TOOLLOOM_DATA",
        )
    return StopRun(
        f"writing into {folder} failed ({error.strerror})",
        fix="look at the disk and run again; finished shards are not computed twice",
    )


def remove_leftovers(root: Path) -> tuple[Path, ...]:
    """Remove what writers that were killed left: temporary files, parts of shards; and say which.

    Only for the holder of the folder's lock: a temporary file of a living writer looks the same.
    """
    found = sorted(
        path
        for pattern in (*(f"{folder}/.*{_TEMPORARY}*" for folder in _WRITTEN_FOLDERS), _PARTS)
        for path in root.glob(pattern)
    )
    for path in found:
        path.unlink(missing_ok=True)
    return tuple(found)
