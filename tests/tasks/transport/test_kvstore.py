import asyncio
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tasks.errors import StopRun, UsageError
from tasks.transport.kvstore import DurableMap

WRITES_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from tasks.transport.kvstore import DurableMap

async def write(store, n):
    await store.put(b"key %d" % n, b"value %d " % n * 300)
    print(n, flush=True)

async def main():
    store = DurableMap(Path(sys.argv[1]))
    for start in range(0, 10**6, 50):
        await asyncio.gather(*(write(store, n) for n in range(start, start + 50)))

asyncio.run(main())
"""


def test_an_entry_is_there_after_put(tmp_path: Path) -> None:
    async def put_and_get() -> list[bytes | None]:
        with DurableMap(tmp_path / "deep" / "store.sqlite") as store:
            before = await store.get(b"key")
            await store.put(b"key", b"value")
            return [before, await store.get(b"key")]

    assert asyncio.run(put_and_get()) == [None, b"value"]


def test_the_last_put_wins_and_entries_outlive_the_map(tmp_path: Path) -> None:
    async def write() -> None:
        with DurableMap(tmp_path / "store.sqlite") as store:
            for value in (b"old", b"new"):
                await store.put(b"key", value)
            await store.put(b"other", b"")

    async def read() -> tuple[bytes | None, bytes | None, int]:
        with DurableMap(tmp_path / "store.sqlite") as store:
            return await store.get(b"key"), await store.get(b"other"), len(store)

    asyncio.run(write())
    assert asyncio.run(read()) == (b"new", b"", 2)


def test_many_may_open_a_new_store_at_once(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.sqlite" for n in range(10) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        for store in threads.map(DurableMap, paths):
            store.close()


def test_the_last_of_puts_made_at_once_wins(tmp_path: Path) -> None:
    async def write() -> bytes | None:
        with DurableMap(tmp_path / "store.sqlite") as store:
            await asyncio.gather(*(store.put(b"key", value) for value in (b"one", b"", b"three" * 999)))
            return await store.get(b"key")

    assert asyncio.run(write()) == b"three" * 999


def test_many_puts_share_few_commits(tmp_path: Path) -> None:
    async def write() -> int:
        with DurableMap(tmp_path / "store.sqlite") as store:
            await asyncio.gather(*(store.put(b"%d" % n, b"x" * 100) for n in range(3000)))
            return len(store)

    assert asyncio.run(write()) == 3000


def test_loops_of_several_threads_may_share_a_map(tmp_path: Path) -> None:
    with DurableMap(tmp_path / "store.sqlite") as store:

        async def write(thread: int) -> None:
            await asyncio.gather(*(store.put(b"%d %d" % (thread, n), b"x") for n in range(50)))

        threads = [threading.Thread(target=lambda t=t: asyncio.run(write(t))) for t in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store) == 200


def test_a_caller_that_went_away_harms_nobody(tmp_path: Path) -> None:
    async def cancel_one() -> int:
        with DurableMap(tmp_path / "store.sqlite") as store:
            leaving = asyncio.create_task(store.put(b"left", b"x"))
            staying = asyncio.create_task(store.put(b"stayed", b"x"))
            await asyncio.sleep(0)
            leaving.cancel()
            await staying
            return len(store)

    assert asyncio.run(cancel_one()) == 2


def test_closing_twice_is_once_and_a_closed_map_says_so(tmp_path: Path) -> None:
    store = DurableMap(tmp_path / "store.sqlite")
    store.close()
    store.close()
    with pytest.raises(RuntimeError, match=r"store\.sqlite is closed"):
        asyncio.run(store.put(b"key", b"value"))


def test_a_file_that_is_no_store_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    content = b"something else altogether" * 100
    path.write_bytes(content)
    with pytest.raises(UsageError) as error:
        DurableMap(path)
    assert error.value.message == f"{path} is damaged, or no store: file is not a database"
    assert error.value.fix is not None
    assert f"`mv {path} {path}.damaged`" in error.value.fix
    assert path.read_bytes() == content, "nothing is thrown away unasked"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER more AFTER INSERT ON entries BEGIN DELETE FROM entries; END",
        "CREATE VIEW more AS SELECT 1",
        "DROP TABLE entries; CREATE VIEW entries AS SELECT x'00' AS key, x'00' AS value, 0 AS stored_at",
        "CREATE VIRTUAL TABLE more USING fts5(x)",
    ],
)
def test_a_store_that_somebody_put_statements_into_is_refused(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "store.sqlite"
    DurableMap(path).close()
    with closing(sqlite3.connect(path)) as theirs:
        theirs.executescript(statement)
    with pytest.raises(UsageError, match="it has views, triggers or tables of others"):
        DurableMap(path)


def test_a_store_that_is_damaged_inside_stops_the_run_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"

    async def fill_and_damage() -> bytes | None:
        with DurableMap(path) as store:
            for number in range(200):
                await store.put(b"%d" % number, bytes(2_000))
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (path.stat().st_size - 8192))
        with DurableMap(path) as store:
            return await store.get(b"7")

    with pytest.raises(StopRun) as error:
        asyncio.run(fill_and_damage())
    assert error.value.message.startswith(f"{path} is damaged, or no store: ")
    assert f"`mv {path} {path}.damaged`" in str(error.value)


def test_a_place_where_no_file_can_be_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(UsageError, match=r"store\.sqlite cannot be opened as a store"):
        DurableMap(tmp_path / "folder" / "store.sqlite")
    (tmp_path / "store.sqlite").mkdir()
    with pytest.raises(UsageError, match=r"store\.sqlite cannot be opened as a store: unable to open"):
        DurableMap(tmp_path / "store.sqlite")


def test_a_full_disk_stops_the_run_and_loses_nothing_committed(tmp_path: Path) -> None:
    async def fill() -> tuple[int, bytes | None]:
        with DurableMap(tmp_path / "store.sqlite") as store:
            await store.put(b"small", b"kept")
            store._writer.execute("PRAGMA max_page_count = 20")
            with pytest.raises(StopRun, match=r"(?s)store\.sqlite cannot be written.*free space"):
                await store.put(b"large", b"x" * 10**6)
            await store.put(b"next", b"fits")
            return len(store), await store.get(b"small")

    assert asyncio.run(fill()) == (2, b"kept")


def test_committed_entries_survive_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    command = [sys.executable, "-c", WRITES_FOR_EVER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        reported = [int(process.stdout.readline()) for _ in range(500)]
        process.kill()
        reported += [int(line) for line in process.stdout.read().splitlines()]

    async def read_all() -> list[bytes | None]:
        with DurableMap(path) as store:
            return [await store.get(b"key %d" % n) for n in reported]

    assert asyncio.run(read_all()) == [b"value %d " % n * 300 for n in reported]
