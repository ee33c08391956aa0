"""One writer at a time in a data folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from tasks.errors import UsageError
from warehouse.files import writing

_NAME = ".lock"


@contextmanager
def folder_lock(root: Path, command: str) -> Iterator[None]:
    """Hold the data folder for this process; the kernel lets go of it even after kill -9.

    command: what other processes are told is going on; it must hold no secret.  The lock file stays;
    its presence means nothing.  Raises UsageError when another run holds it or the folder is not
    writable.
    """
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(root / _NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(root, descriptor)
        with writing(root):
            _describe(descriptor, command)
        yield
    finally:
        os.close(descriptor)


def _lock(root: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _busy(root, _holder(descriptor)) from None
    except OSError as error:
        raise UsageError(
            f"the file system of {root} has no file locks ({error.strerror})",
            fix="put the data folder on a local disk, or mount it with locks",
        ) from error


def _describe(descriptor: int, command: str) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, orjson.dumps({"pid": os.getpid(), "since": since, "command": command}), 0)


def _holder(descriptor: int) -> dict[str, Any]:
    try:
        found = orjson.loads(os.pread(descriptor, 65_536, 0))
    except orjson.JSONDecodeError:
        # The holder has the lock and has not written yet who it is.
        return {}
    return found if isinstance(found, dict) else {}


def _busy(root: Path, holder: dict[str, Any]) -> UsageError:
    who = f"pid {holder.get('pid', 'unknown')}, since {holder.get('since', 'a moment ago')}"
    what = f": {holder['command']}" if holder.get("command") else ""
    return UsageError(
        f"another run ({who}{what}) works on {root}",
        fix="wait until it ends or stop it, or name another folder with --data or TOOLLOOM_DATA",
    )
