from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import UsageError
from tasks.transport.kvstore import DurableMap
from tasks.transport.kvupkeep import Freed, Holding, prune, survey

WRITES_ITS_SHARE = """
import asyncio, sys
from pathlib import Path
from tasks.transport.kvstore import DurableMap

def put_both(store, mine, i):
    return [
        store.put(f"{mine} {i}".encode(), f"value of {mine} {i}".encode()),
        store.put(f"shared {i}".encode(), f"from {mine}".encode()),
    ]

async def main():
    path, mine, n = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    with DurableMap(path) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        for start in range(0, n, 20):
            puts = [put for i in range(start, start + 20) for put in put_both(store, mine, i)]
            await asyncio.gather(*puts)

asyncio.run(main())
"""


def filled(path: Path, *, at: float, **entries: bytes) -> None:
    async def put() -> None:
        with DurableMap(path, clock=lambda: at) as store:
            for key, value in entries.items():
                await store.put(key.encode(), value)

    asyncio.run(put())


def keys(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return sorted(key.decode() for (key,) in connection.execute("SELECT key FROM entries"))


def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path, n = tmp_path / "store.sqlite", 400
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITES_ITS_SHARE, str(path), name, str(n)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for process in processes:  # both have it open before either writes
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        print(file=process.stdin, flush=True)
    assert [process.communicate()[0] is not None and process.returncode for process in processes] == [0, 0]

    async def read() -> list[bytes | None]:
        with DurableMap(path) as store:
            assert len(store) == 3 * n
            return [await store.get(f"{name} {i}".encode()) for name in ("a", "b") for i in range(n)]

    assert asyncio.run(read()) == [f"value of {name} {i}".encode() for name in ("a", "b") for i in range(n)]


def test_a_survey_tells_what_is_there_and_what_nobody_wants(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    filled(path, at=100, a=b"12345", b=b"123", c=b"")

    found = survey(path, [b"a", b"not there"])

    assert (found.n_entries, found.value_bytes, found.n_unwanted, found.unwanted_bytes) == (3, 8, 2, 3)
    assert found.n_bytes == path.stat().st_size
    assert survey(tmp_path / "none.sqlite", []) == Holding()


def test_a_survey_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    filled(path, at=100, a=b"1")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        assert survey(path, []).n_unwanted == 1
    finally:
        writer.close()


def test_pruning_spares_what_is_wanted_and_what_is_young(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    filled(path, at=100, old=b"x" * 100_000, wanted=b"y")
    filled(path, at=200, young=b"z")

    freed = prune(path, [b"wanted"], stored_before=200, undated_go=True)

    assert keys(path) == ["wanted", "young"]
    assert freed.n_entries == 1
    assert freed.bytes_after == path.stat().st_size
    assert freed.bytes_before - freed.bytes_after > 90_000
    assert prune(path, [b"wanted"], stored_before=200, undated_go=True).n_entries == 0
    assert prune(tmp_path / "none.sqlite", [], stored_before=0, undated_go=True) == Freed()


@pytest.mark.parametrize(("undated_go", "left"), [(True, ["new"]), (False, ["new", "undated"])])
def test_a_file_from_before_entries_were_dated(tmp_path: Path, undated_go: bool, left: list[str]) -> None:
    path = tmp_path / "store.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE entries (key BLOB PRIMARY KEY, value BLOB NOT NULL)")
        connection.execute("INSERT INTO entries VALUES (?, ?)", (b"undated", b"1"))
    connection.close()
    filled(path, at=200, new=b"2")

    prune(path, [], stored_before=200, undated_go=undated_go)

    assert keys(path) == left


def test_a_file_that_is_no_store_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"something else altogether" * 100)
    with pytest.raises(UsageError, match=r"store\.sqlite cannot be read as a store"):
        survey(path, [])
