"""The empty database that Prefect's server begins with is the one that Prefect itself would make.

After moving to another version of Prefect, `UPDATE_GOLDEN=1 pytest tests/flows/test_history.py`.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import prefect.server.database
import pytest

from flows.prefect.guarded_server import FILE, begin_history

MIGRATIONS = Path(prefect.server.database.__file__).parent / "_migrations" / "versions" / "sqlite"
MIGRATE = "import asyncio; from prefect.server.database import provide_database_interface as interface"


def dumped(database: Path) -> list[list[str]]:
    """Its statements by their lines, all in order: migrations make constraints and indexes in any."""
    with closing(sqlite3.connect(database)) as connection:
        statements = list(connection.iterdump())
    return sorted(sorted(line.strip().rstrip(",") for line in each.splitlines()) for each in statements)


def statements_of(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        return "\n".join(connection.iterdump()) + "\n"


def test_it_ends_with_the_newest_migration(tmp_path: Path) -> None:
    begin_history(tmp_path / "prefect.db")

    with closing(sqlite3.connect(tmp_path / "prefect.db")) as connection:
        (told,) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    texts = [path.read_text(encoding="utf-8") for path in MIGRATIONS.glob("*.py")]
    made, revised = (
        {found for text in texts for found in re.findall(rf'^{name} = "(\w+)"', text, re.MULTILINE)}
        for name in ("revision", "down_revision")
    )
    assert {told[0]} == made - revised


@pytest.mark.slow
def test_it_is_what_all_migrations_come_to(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", f"{MIGRATE}; asyncio.run(interface().create_db())"],
        env={**os.environ, "PREFECT_HOME": str(tmp_path)},
        check=True,
    )
    expected = dumped(tmp_path / "prefect.db")
    if os.environ.get("UPDATE_GOLDEN"):
        FILE.write_text(statements_of(tmp_path / "prefect.db"), encoding="utf-8")

    begin_history(tmp_path / "begun" / "prefect.db")

    assert dumped(tmp_path / "begun" / "prefect.db") == expected


def test_a_history_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "prefect.db").write_bytes(b"of another run")

    begin_history(tmp_path / "prefect.db")

    assert (tmp_path / "prefect.db").read_bytes() == b"of another run"


def test_one_that_was_cut_off_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "prefect.begun").write_bytes(b"SQLite form")

    begin_history(tmp_path / "prefect.db")

    assert len(dumped(tmp_path / "prefect.db")) > 100
    assert not (tmp_path / "prefect.begun").exists()
