"""One writer at a time in a data folder, also when several machines share it.

The kernel's lock decides between the processes of one machine, and lets go of a process that dies.  File
systems of several machines do not all pass it on, so the lock file also says who works: an entry of
another machine is believed until it is removed, one of this machine is a dead process's when the kernel's
lock is free.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import orjson

from tasks.errors import UsageError
from warehouse.files import writing
from warehouse.seen import refuse_links

_NAME = ".lock"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who works on a folder.  command: what is told to others; job: its id elsewhere, if it has one."""

    host: str
    pid: int
    since: str
    command: str
    job: str | None = None

    def __str__(self) -> str:
        return f"pid {self.pid} on {self.host}, since {self.since}: {self.command}"


@contextmanager
def folder_lock(root: Path, command: str, job: str | None = None) -> Iterator[Holder | None]:
    """Hold the data folder for this process; yields who held it before and died, if anybody did.

    command: what other processes are told is going on; it must hold no secret.  The lock file stays;
    its presence means nothing.  A dead holder whose job is still to be told of stays entered until somebody
    with a job of his own has been here.  Raises UsageError when another run holds it or the folder is not
    writable.
    """
    with _kernel_lock(root) as descriptor:
        dead = _dead_holder(root, descriptor)
        # Should this holder die as well, the job of the one before is still found.
        told_later = dead.job if job is None and dead is not None else job
        with writing(root):
            _describe(
                descriptor,
                Holder(
                    socket.gethostname(),
                    os.getpid(),
                    datetime.now(UTC).isoformat(timespec="seconds"),
                    command,
                    told_later,
                ),
            )
        try:
            yield dead
        finally:
            if job is None and dead is not None and dead.job is not None:
                _describe(descriptor, dead)
            else:
                os.ftruncate(descriptor, 0)


def require_free(root: Path) -> Holder | None:
    """Who held the folder and died, if anybody did.  Raises UsageError as `folder_lock` does."""
    with _kernel_lock(root) as descriptor:
        return _dead_holder(root, descriptor)


@contextmanager
def _kernel_lock(root: Path) -> Iterator[int]:
    refuse_links(root)  # before anything in it is written, the lock file first of all
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(root / _NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(root, descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(root: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _refuse_busy(root, _holder(descriptor))
    except OSError as error:
        raise UsageError(
            f"the file system of {root} has no file locks ({error.strerror})",
            fix="put the data folder on a local disk, or mount it with locks",
        ) from error


def _dead_holder(root: Path, descriptor: int) -> Holder | None:
    """Whoever is still entered while the kernel's lock is ours.  Raises UsageError for another machine's."""
    holder = _holder(descriptor)
    if holder is not None and holder.host != socket.gethostname():
        raise UsageError(
            f"a run on another machine ({holder}) works on {root}, or died there",
            fix=f"wait until it ends; when no such process is left on {holder.host}, remove {root / _NAME}",
        )
    return holder


def _describe(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, orjson.dumps(asdict(holder)), 0)
    os.fsync(descriptor)


def _holder(descriptor: int) -> Holder | None:
    """None when nobody is entered, also while the holder of the kernel's lock has not entered itself yet."""
    try:
        found = orjson.loads(os.pread(descriptor, 65_536, 0))
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict) or not {"host", "pid", "since", "command"} <= found.keys():
        return None
    known: dict[str, Any] = {field.name: found.get(field.name) for field in fields(Holder)}
    return Holder(**known)


def _refuse_busy(root: Path, holder: Holder | None) -> NoReturn:
    raise UsageError(
        f"another run ({holder or 'since a moment ago'}) works on {root}",
        fix="wait until it ends or stop it, or name another folder with --data or TOOLLOOM_DATA",
    )
