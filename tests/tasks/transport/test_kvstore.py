import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
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
    path.write_bytes(b"something else altogether" * 100)
    with pytest.raises(
        UsageError, match=r"store\.sqlite cannot be opened as a store: file is not a database"
    ):
        DurableMap(path)


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
