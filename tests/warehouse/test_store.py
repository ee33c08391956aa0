"""Table files: sorted, verified, written once, compacted without losing or doubling a row."""

from __future__ import annotations

import random
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.errors import BrokenContract
from warehouse.digest import combined, content_digest
from warehouse.ref import TableRef
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import APIS, CALLS, INSTRUCTIONS, NODES, PROBES, SAMPLES, TOOLS
from warehouse.tables.catalogue import Tool


@dataclass(frozen=True, kw_only=True)
class Meaning:
    text: str
    weight: float | None


@dataclass(frozen=True, kw_only=True)
class Word:
    word: str
    count: int
    meanings: tuple[Meaning, ...]
    seen_at: datetime


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


ROW = "table tools: row ('Weather/skies',)"


def _files(store: Store) -> list[str]:
    return sorted(path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file())


def test_rows_come_back_whole_and_in_key_order(store: Store, build: ModuleType) -> None:
    rows = [build.api("Weather/skies/b"), build.api("Weather/skies/a"), build.api("Weather/skies/é")]
    ref = store.write_shard(APIS, rows)
    assert store.read(APIS, [ref]) == [rows[1], rows[0], rows[2]]


def test_a_file_is_named_by_its_bytes_and_not_writable(store: Store, build: ModuleType) -> None:
    ref = store.write_shard(TOOLS, [build.tool()])
    assert ref.path == f"shards/tools/{ref.file_digest}.parquet"
    assert stat.S_IMODE((store.root / ref.path).stat().st_mode) & 0o222 == 0
    assert _files(store) == [ref.path]


def test_the_same_rows_are_the_same_file_written_once(store: Store, build: ModuleType) -> None:
    rows = [build.tool(tool_id=f"Weather/{name}") for name in "abc"]
    ref = store.write_shard(TOOLS, rows)
    written_at = (store.root / ref.path).stat().st_mtime_ns
    assert store.write_shard(TOOLS, reversed(rows)) == ref
    assert (store.root / ref.path).stat().st_mtime_ns == written_at


def test_a_table_without_rows_has_a_file_too(store: Store) -> None:
    ref = store.write_shard(TOOLS, [])
    assert (ref.rows, ref.content_digest) == (0, f"0-{0:032x}")
    assert store.read(TOOLS, [ref]) == []


def test_read_goes_file_after_file(store: Store, build: ModuleType) -> None:
    late, early = build.tool(tool_id="Weather/z"), build.tool(tool_id="Weather/a")
    refs = [store.write_shard(TOOLS, [row]) for row in (late, early)]
    assert store.read(TOOLS, refs) == [late, early]


def test_two_rows_of_one_key_are_refused_by_name(store: Store, build: ModuleType) -> None:
    rows = [build.probe(attempt=2), build.probe(attempt=1), build.probe(attempt=2, outcome="timeout")]
    with pytest.raises(BrokenContract) as error:
        store.write_shard(PROBES, rows)
    key = ("run-1", "Weather/skies/forecast", 2)
    assert error.value.message == f"table probes: two rows have the key run_id, api_id, attempt = {key!r}"
    assert _files(store) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"description": None},
            "table tools: a row cannot be stored: description is None",
        ),
        (
            {"description": "lone \ud800 surrogate"},
            f"{ROW} cannot be stored: str is not valid UTF-8: surrogates not allowed",
        ),
        (
            {"n_apis": 2**70},
            f"{ROW} cannot be stored: Integer exceeds 64-bit range",
        ),
        (
            {"collections": ("Outdoors", None)},
            "table tools: a row cannot be stored: collections[] is None",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(
    store: Store, build: ModuleType, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BrokenContract) as error:
        store.write_shard(TOOLS, [build.tool(**changes)])
    assert error.value.message == complaint


def _truncate(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-7])


def _flip_a_bit(path: Path) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [_truncate, _flip_a_bit, Path.unlink])
def test_a_harmed_file_is_never_accepted_and_is_written_anew(
    store: Store, build: ModuleType, harm: Callable[[Path], None]
) -> None:
    rows = [build.tool(tool_id=f"Weather/{name}") for name in "abc"]
    ref = store.write_shard(TOOLS, rows)
    assert store.verify(ref)
    harm(store.root / ref.path)
    assert not store.verify(ref)
    with pytest.raises(BrokenContract):
        store.read(TOOLS, [ref])
    with pytest.raises(BrokenContract):
        store.compact(TOOLS, [ref])
    assert store.write_shard(TOOLS, rows) == ref
    assert store.verify(ref)


def test_a_file_of_another_table_is_refused(store: Store, build: ModuleType) -> None:
    ref = store.write_shard(TOOLS, [build.tool()])
    with pytest.raises(BrokenContract, match="a file of table tools was read as table apis"):
        store.read(APIS, [ref])


def test_a_file_with_other_columns_is_refused(store: Store) -> None:
    @dataclass(frozen=True, kw_only=True)
    class OldTool:
        tool_id: str
        title: str

    old = Table(name="tools", row_type=OldTool, grain="a tool", key=("tool_id",))
    ref = store.write_shard(old, [OldTool(tool_id="a", title="A")])
    with pytest.raises(BrokenContract, match="has other columns than table tools has now"):
        store.read(TOOLS, [ref])


def _shards(store: Store, rows: list[Tool], n_shards: int) -> list[TableRef]:
    return [store.write_shard(TOOLS, rows[shard::n_shards]) for shard in range(n_shards)]


@pytest.mark.parametrize("n_shards", [1, 3, 40])
def test_compacting_makes_the_file_that_one_shard_would_be(
    store: Store, build: ModuleType, n_shards: int
) -> None:
    rows = [build.tool(tool_id=f"Weather/{number:03}") for number in range(30)]
    random.Random(7).shuffle(rows)  # noqa: S311
    whole = store.write_shard(TOOLS, rows)
    compacted = store.compact(TOOLS, _shards(store, rows, n_shards))
    assert compacted == whole.model_copy(update={"path": f"tables/tools/{whole.file_digest}.parquet"})
    assert store.read(TOOLS, [compacted]) == sorted(rows, key=lambda row: row.tool_id)


def test_compacting_nothing_makes_a_table_without_rows(store: Store) -> None:
    ref = store.compact(TOOLS, [])
    assert (ref.rows, ref.content_digest, store.read(TOOLS, [ref])) == (0, f"0-{0:032x}", [])


def test_keys_of_several_columns_are_in_order_of_all_of_them(store: Store, build: ModuleType) -> None:
    rows = [build.node(number, annotation_id=f"a{tree}") for tree in range(3) for number in (0, 2, 10)]
    refs = [store.write_shard(NODES, rows[shard::4]) for shard in range(4)]
    compacted = store.read(NODES, [store.compact(NODES, refs)])
    assert [(row.annotation_id, row.node_id) for row in compacted] == [
        (f"a{tree}", number) for tree in range(3) for number in (0, 2, 10)
    ]


@pytest.mark.parametrize(("table", "n_groups"), [(TOOLS, 3), (NODES, 11), (CALLS, 11)])
def test_row_groups_are_small_where_single_rows_are_looked_up(
    store: Store, build: ModuleType, table: Table[Any], n_groups: int
) -> None:
    one = {"tools": build.tool, "nodes": build.node, "calls": build.call}[table.name]()
    keys = [f"{n:06}" for n in range(20_001)] if table is TOOLS else range(20_001)
    rows = [replace(one, **{table.key[-1]: key}) for key in keys]
    ref = store.compact(table, [store.write_shard(table, rows)])
    assert pq.ParquetFile(store.root / ref.path).metadata.num_row_groups == n_groups


def test_one_key_in_two_shards_is_refused_by_name(store: Store, build: ModuleType) -> None:
    refs = [
        store.write_shard(TOOLS, [build.tool(), build.tool(tool_id="Weather/a")]),
        store.write_shard(TOOLS, [build.tool(description="Another.")]),
    ]
    with pytest.raises(BrokenContract) as error:
        store.compact(TOOLS, refs)
    assert error.value.message == "table tools: two rows have the key tool_id = 'Weather/skies'"


def test_content_digest_leaves_out_volatile_columns_only(build: ModuleType) -> None:
    row = build.probe()
    later = replace(row, run_id="run-2", latency_ms=1.5, probed_at=datetime(2027, 1, 1, tzinfo=UTC))
    other = replace(row, outcome="timeout")
    digests = [content_digest(PROBES, [r]) for r in (row, later, other)]
    assert (digests[0] == digests[1], digests[0] == digests[2]) == (True, False)


def test_a_column_that_says_nothing_leaves_rows_what_they_were_before_it_came(build: ModuleType) -> None:
    """The digests are those of a version without `distractors`."""
    sample, instruction = build.sample(), build.instruction()
    assert content_digest(SAMPLES, [sample]) == "1-7012dbcf0b1a337d97f0e160d58eba0c"
    assert content_digest(INSTRUCTIONS, [instruction]) == "1-943b79749309bffad6d7f7add50751c7"
    assert content_digest(SAMPLES, [replace(sample, distractors=())]) != content_digest(SAMPLES, [sample])


def test_content_digest_sees_nested_values(build: ModuleType) -> None:
    row = build.instruction()
    other = replace(row, relevant_apis=(replace(row.relevant_apis[0], api_name="storms"),))
    assert content_digest(INSTRUCTIONS, [row]) != content_digest(INSTRUCTIONS, [other])


def test_content_digest_is_of_the_rows_not_of_their_order_or_shards(store: Store, build: ModuleType) -> None:
    rows = [build.tool(tool_id=f"Weather/{number}") for number in range(7)]
    whole = content_digest(TOOLS, rows)
    assert content_digest(TOOLS, reversed(rows)) == whole
    assert combined(_shards(store, rows, 3)) == whole


def test_content_digest_names_the_table() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Word:
        word: str

    one, other = (Table(name=name, row_type=Word, grain="a word", key=("word",)) for name in ("one", "other"))
    word = Word(word="same")
    assert content_digest(one, [word]) != content_digest(other, [word])


def test_content_digest_stays_what_it_was() -> None:
    """Caches and manifests of earlier versions hold these digests."""

    words = Table(name="words", row_type=Word, grain="a word", key=("word",), volatile=frozenset({"count"}))
    seen = datetime(2026, 3, 1, 12, tzinfo=UTC)
    rows = [
        Word(word="skein", count=1, meanings=(Meaning(text="a loop of yarn", weight=0.5),), seen_at=seen),
        Word(word="weft", count=2, meanings=(Meaning(text="cross threads", weight=None),), seen_at=seen),
    ]
    assert content_digest(words, rows) == "2-5a59c35c0aa8d3cc5027343a9b1c778c"
