"""A digest of what a local source holds, so that an edited file is read again at once."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from tasks.catalogue.names import digest_of
from tasks.catalogue.openapi.files import LocalFiles, local_files
from tasks.catalogue.openapi.reading import MAX_BYTES
from tasks.errors import BadRow, UsageError

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
