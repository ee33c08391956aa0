"""A data folder of any size without a run: a catalogue of the paper's breadth, instructions, and their trees.

Tables are written by the store itself, from shards in no order; words are drawn from a vocabulary, so that
they compress and are found like words.  Nothing is a fact about any model.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from catalogue import a_tool, an_api

from warehouse import manifest
from warehouse.connect import build_database
from warehouse.files import digest_of
from warehouse.manifest import Manifest
from warehouse.ref import TableRef
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import ANNOTATIONS, APIS, INSTRUCTIONS, NODES, PROBES, RUNS, TABLES, TOOLS, VERDICTS
from warehouse.tables.accounts import Run, StageCounts
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.probing import Probe, Verdict

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CATEGORIES, TOOLS_EACH, APIS_EACH = 49, 20, 5
RUNS_BEFORE = 12
PER_SHARD = 20_000
FAILURES = ("timeout", "server_error", "not_found", "unauthorized", "html", "empty")


@dataclass(frozen=True)
class Size:
    """instructions, each with one search; nodes of each search on average."""

    instructions: int
    nodes_each: int


class Words:
    """Text cut from one long text of words, some of which are rare."""

    def __init__(self, chance: random.Random) -> None:
        syllables = [a + b for a in "bcdfghjklmnprstvwz" for b in ("a", "e", "i", "o", "u", "an", "er")]
        vocabulary = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(30_000)]
        ranked = chance.choices(vocabulary, weights=[1 / (rank + 20) for rank in range(30_000)], k=400_000)
        self._text = " ".join(ranked)
        self._chance = chance

    def some(self, characters: int) -> str:
        start = int(self._chance.random() * (len(self._text) - characters))
        return self._text[start : start + characters]

    def as_json(self, characters: int) -> str:
        number = self._chance.random
        parts = [
            f'{{"name":"{self.some(14)}","value":{number():.5f}}}' for _ in range(max(1, characters // 38))
        ]
        return f'{{"items":[{",".join(parts)}]}}'


def generate(root: Path, size: Size) -> Manifest:
    """Fills an empty folder.  The same size gives the same rows."""
    chance = random.Random(size.instructions)  # noqa: S311  words, no secrets
    words, store = Words(chance), Store(root)
    apis = [
        f"Category {category:02}/tool_{tool}/api_{api}"
        for category in range(CATEGORIES)
        for tool in range(TOOLS_EACH)
        for api in range(APIS_EACH)
    ]
    tables = {
        TOOLS.name: (store.write_shard(TOOLS, _tools(words)),),
        APIS.name: (store.write_shard(APIS, (_api(api, words) for api in apis)),),
        VERDICTS.name: (store.write_shard(VERDICTS, map(_verdict, apis)),),
        PROBES.name: (store.write_shard(PROBES, _probes(apis, chance)),),
        RUNS.name: (store.write_shard(RUNS, _runs(size)),),
        **_searched(root, size, apis, words, chance),
    }
    found = Manifest(
        run_id="run-12",
        kind="refresh",
        status="complete",
        parent=None,
        started_at=NOON,
        finished_at=NOON + timedelta(hours=1),
        config_digest="generated",
        as_of={"crawl": NOON},
        stages={},
        tables=tables,
    )
    manifest.commit(root, found)
    build_database(root, found)
    return found


def _tools(words: Words) -> Iterator[Tool]:
    for category in range(CATEGORIES):
        for tool in range(TOOLS_EACH):
            yield a_tool(
                f"Category {category:02}/tool_{tool}",
                tool_name=f"Tool {tool}",
                description=words.some(80),
                host="http://paper.test",
                source_url="http://hub.test",
                n_apis=APIS_EACH,
                fingerprint="print",
            )


def _api(api_id: str, words: Words) -> Api:
    return an_api(api_id, description=words.some(60), url="http://paper.test/x", fingerprint="print")


def _verdict(api_id: str) -> Verdict:
    return Verdict(
        api_id=api_id,
        works=True,
        effective=True,
        kept=True,
        reason="ok",
        median_latency_ms=20.0,
        n_attempts=1,
        example_response=None,
        probed_at=NOON,
    )


def _probes(apis: list[str], chance: random.Random) -> Iterator[Probe]:
    for run in range(RUNS_BEFORE + 1):
        for api in apis:
            failed = chance.random() < 0.02 * (run + 1)
            yield Probe(
                run_id=f"run-{run:02}",
                api_id=api,
                attempt=1,
                arguments="{}",
                outcome=chance.choice(FAILURES) if failed else "ok",
                http_status=200,
                latency_ms=chance.lognormvariate(5, 0.7),
                content_type="application/json",
                n_bytes=2,
                body_head=None,
                probed_at=NOON - timedelta(days=7 * (RUNS_BEFORE - run)),
            )


def _runs(size: Size) -> Iterator[Run]:
    accepted = size.instructions
    stages = ("propose", 2 * accepted), ("select", accepted), ("annotate", accepted)
    for run in range(RUNS_BEFORE + 1):
        began = NOON - timedelta(days=7 * (RUNS_BEFORE - run))
        yield Run(
            run_id=f"run-{run:02}",
            kind="refresh",
            as_of=began,
            started_at=began,
            finished_at=began + timedelta(hours=3),
            status="complete",
            config_digest="generated",
            counts=tuple(
                StageCounts(
                    stage=stage, unit="instruction", n_in=number, n_out=number, n_rejected=0, n_pending=0
                )
                for stage, number in stages
            ),
            n_requests=1_000 * (run + 1),
            tokens_in=2_000_000,
            tokens_out=90_000,
            cost_usd=1.5,
        )


def _searched(
    root: Path, size: Size, apis: list[str], words: Words, chance: random.Random
) -> dict[str, tuple[TableRef, ...]]:
    """Instructions, annotations and nodes, a shard at a time, then compacted as a stage would."""
    shards: dict[str, list[TableRef]] = {table.name: [] for table in (INSTRUCTIONS, ANNOTATIONS, NODES)}
    for start in range(0, size.instructions, PER_SHARD):
        numbers = range(start, min(size.instructions, start + PER_SHARD))
        rows = [_search(number, size, apis, words, chance) for number in numbers]
        shards[INSTRUCTIONS.name].append(_shard(root, INSTRUCTIONS, [row[0] for row in rows]))
        shards[ANNOTATIONS.name].append(_shard(root, ANNOTATIONS, [row[1] for row in rows]))
        shards[NODES.name].append(_shard(root, NODES, [node for row in rows for node in row[2]]))
    return {name: (Store(root).compact(TABLES[name], refs),) for name, refs in shards.items()}


def _shard(root: Path, table: Table[Any], rows: list[dict[str, Any]]) -> TableRef:
    """Written without the rows' digests, which take most of the time."""
    path = root / "shards" / table.name / f"{digest_of(repr(rows[0]).encode())}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = pa.Table.from_pylist(rows, schema=table.schema).sort_by(
        [(name, "ascending") for name in table.key]
    )
    pq.write_table(ordered, path, compression="zstd")
    digest = f"{len(rows):x}-{digest_of(path.name.encode())}"
    return TableRef(
        table=table.name,
        path=path.relative_to(root).as_posix(),
        rows=len(rows),
        content_digest=digest,
        file_digest=digest_of(path.read_bytes()),
    )


def _search(
    number: int, size: Size, apis: list[str], words: Words, chance: random.Random
) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    name = md5(str(number).encode(), usedforsecurity=False).hexdigest()
    scenario = ("G1", "G2", "G3")[number % 3]
    needed = chance.sample(apis, chance.randint(1, 4))
    n_nodes = max(3, int(chance.gauss(size.nodes_each, 3)))
    won = chance.random() < 0.85
    instruction = {
        "instruction_id": name,
        "sample_id": name,
        "scenario": scenario,
        "split": "train",
        "query": words.some(chance.randint(180, 420)),
        "relevant_apis": [{"tool_name": api, "api_name": api, "api_id": api} for api in needed],
        "api_ids": needed,
        "api_fingerprints": ["print"] * len(needed),
        "n_words": chance.randint(30, 90),
        "model": "generated",
        "prompt_digest": "prompt",
        "seed_ids": [],
    }
    annotation = {
        "annotation_id": name,
        "instruction_id": name,
        "offer": "sampled",
        "offered_api_ids": needed,
        "method": "dfsdt",
        "rules": "toolloom",
        "model": "generated",
        "win": won,
        "finish_type": "give_answer" if won else "give_up",
        "final_answer": words.some(chance.randint(200, 600)) if won else None,
        "n_queries": n_nodes // 3,
        "n_calls": n_nodes // 3,
        "tokens_in": 9_000,
        "tokens_out": 700,
        "cost_usd": 0.01,
        "n_nodes": n_nodes,
        "depth": n_nodes - 1,
        "stopped_by": "answered" if won else "exhausted",
        "messages": [],
        "functions": "[]",
        "wall_s": 3.0,
    }
    return instruction, annotation, [_node(name, at, words, chance) for at in range(n_nodes)]


def _node(name: str, at: int, words: Words, chance: random.Random) -> dict[str, Any]:
    kind = "root" if at == 0 else ("thought", "action", "action_input")[(at - 1) % 3]
    called = kind == "action_input"
    return {
        "annotation_id": name,
        "node_id": at,
        "parent_id": at - 1 if at else None,
        "entry": at,
        "depth": at,
        "kind": kind,
        "query_no": (at - 1) // 3 if at else None,
        "shown": 0,
        "thought": words.some(90) if kind == "thought" else None,
        "function": words.some(24) if kind in ("action", "action_input") else None,
        "arguments": f'{{"word":"{words.some(60)}"}}' if called else None,
        "repaired": False,
        "observation": words.as_json(min(2_000, int(chance.expovariate(1 / 450)))) if called else None,
        "outcome": "ok" if called else None,
        "code": 0 if called else None,
        "tokens": 30,
        "finish_reason": "stop",
        "votes": None,
        "pruned": at % 9 == 8,
        "terminal": False,
        "on_answer_path": True,
    }
