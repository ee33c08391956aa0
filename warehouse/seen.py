"""Files of a data folder that are known to be what was written, so that they need not be read again.

    <data>/.seen.json    by path: the digest that was found, and the file's stamp at that moment

A folder may come from somebody else, programs may have been at it, and a copy may be half a copy, so no file
is believed for being there.  A stamp is what the kernel says of a file: where it is, its size, when its
content and when anything about it changed last.  The last moment no program can set, so a file that was
copied, unpacked, edited or swapped has another stamp than the one noted, also where the list came with it.
What a stamp cannot tell is a bit that the disk lost by itself: who must be sure reads all bytes
(`thoroughly`).
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import orjson

from tasks.errors import ToolloomError, UsageError
from warehouse.files import digest_of_file, put

_NAME = ".seen.json"
_COARSE_NS = 100_000_000  # a change so soon after another may leave the same time


class Seen:
    """What is known of the files of a folder; `keep` writes it down, where the folder lets it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._noted = _read(root / _NAME)
        self._has_more = False

    def knows(self, path: str, digest: str) -> bool:
        """Whether the file was noted so, and nothing has touched it since."""
        return self._noted.get(path) == [digest, *_stamp(self._root / path)]

    def holds(self, path: str, digest: str, *, thoroughly: bool = False) -> bool:
        """Whether the file's bytes have this digest; thoroughly: whatever is known, they are read."""
        if not thoroughly and self.knows(path, digest):
            return True
        before = _stamp(self._root / path)
        try:
            is_whole = bool(before) and digest_of_file(self._root / path) == digest
        except OSError:
            is_whole = False
        if not is_whole:
            self.forget(path)  # who looks less thoroughly must know
            return False
        if time.time_ns() - before[-1] > _COARSE_NS and before == _stamp(self._root / path):
            self._note(path, [digest, *before])
        return True

    def note(self, path: str, digest: str) -> None:
        """The file was written just now, by us."""
        self._note(path, [digest, *_stamp(self._root / path)])

    def forget(self, path: str) -> None:
        """The file is nothing to build on, whatever its bytes: the next look is a whole one again."""
        self._has_more |= self._noted.pop(path, None) is not None

    def keep(self) -> None:
        if not self._has_more:
            return
        there = {path: noted for path, noted in self._noted.items() if (self._root / path).is_file()}
        try:
            put(self._root / _NAME, orjson.dumps(there))
        except ToolloomError:
            return  # a folder that only can be read is looked at in full each time
        self._has_more = False

    def _note(self, path: str, noted: list[object]) -> None:
        if self._noted.get(path) != noted:
            self._noted[path] = noted
            self._has_more = True


def _read(path: Path) -> dict[str, list[object]]:
    try:
        found = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _stamp(path: Path) -> list[int]:
    """Empty for what is no file of its own."""
    try:
        found = os.lstat(path)
    except OSError:
        return []
    if not stat.S_ISREG(found.st_mode):
        return []
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def refuse_links(root: Path) -> None:
    """Raises `UsageError` when something in the folder leads out of it.

    Whoever packed a folder could otherwise have files of its new owner read, written over or removed.
    """
    folders = [root]
    while folders:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    _refuse_link(Path(entry.path))
                if entry.is_dir():
                    folders.append(Path(entry.path))


def _refuse_link(path: Path) -> NoReturn:
    raise UsageError(
        f"{path} is a link to {path.readlink()}, and a data folder has only files of its own",
        fix="put what it leads to in its place, or remove it; the data folder as a whole may be a link",
    )
