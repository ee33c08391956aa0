"""Servers that npm installs, for tests against software that is not of our making.

Installed once into `.node/` of the repository, a folder that git ignores.  What cannot be installed fails the
test that needs it: skipping would look like passing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".node"


def installed(package: str, version: str) -> Path:
    """The folder with the package's programs."""
    prefix = FOLDER / f"{package.replace('/', '+')}@{version}"
    programs = prefix / "node_modules" / ".bin"
    with _alone():
        if not programs.is_dir():
            _install(f"{package}@{version}", prefix)
    return programs


@contextmanager
def _alone() -> Iterator[None]:
    """Several test processes may want the same package."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(package: str, prefix: Path) -> None:
    npm = shutil.which("npm")
    assert npm is not None, f"{package} needs npm: install Node.js, which has it"
    # Renamed when complete, so that an interrupted installation is none.
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=FOLDER))
    done = subprocess.run(
        [npm, "install", "--prefix", unfinished, "--no-audit", "--no-fund", "--ignore-scripts", package],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"npm cannot install {package}:\n{done.stderr}"
    shutil.rmtree(prefix, ignore_errors=True)
    os.rename(unfinished, prefix)  # noqa: PTH104 - over nothing, or it fails
