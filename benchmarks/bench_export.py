"""Exports of many searches: their speed, and whether memory grows with their number.

    python benchmarks/bench_export.py

Each format is exported from 1,000 and from 3,000 searches of 40 nodes, each time in a process of its own.
Goal: the peak of memory grows by at most 10 MB per 1,000 searches, which are 40 MB of rows.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from tasks.exporting.export import FORMATS, export_run
from tasks.exporting.params import ExportParams
from warehouse import manifest
from warehouse.manifest import Manifest
from warehouse.store import Store
from warehouse.tables import ANNOTATIONS, INSTRUCTIONS, NODES, RUNS
from warehouse.tables.accounts import Run
from warehouse.tables.annotations import Annotation, AnswerMessage, MessageToolCall, Node
from warehouse.tables.instructions import Instruction

GOAL_MB = 10.0
SIZES = (1_000, 3_000)
CALLS = 13
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FUNCTION = {"name": "look_up", "description": "Looks.", "parameters": {"type": "object", "properties": {}}}


def text_of(id_: str, number: int) -> str:
    """Two kilobytes that do not compress to nothing."""
    return json.dumps({"found": [blake2b(f"{id_}{number}{n}".encode()).hexdigest() for n in range(16)]})


def instruction(id_: str) -> Instruction:
    return Instruction(
        instruction_id=id_,
        sample_id=id_,
        scenario="G1",
        split="train",
        query=f"What is known of {id_}?",
        relevant_apis=(),
        api_ids=("A/b/look_up",),
        api_fingerprints=("",),
        n_words=5,
        model="bench",
        prompt_digest="",
        seed_ids=(),
    )


def call(id_: str, number: int) -> Iterator[Node]:
    """A thought, an action and its input."""
    last = number == CALLS - 1
    name, arguments = ("Finish", '{"return_type": "give_answer"}') if last else ("look_up", "{}")
    for at, kind in enumerate(("thought", "action", "action_input"), start=3 * number + 1):
        yield Node(
            annotation_id=id_,
            node_id=at,
            parent_id=at - 1,
            entry=number + 1 if kind == "action_input" else None,
            depth=at,
            kind=kind,
            query_no=number,
            shown=0,
            thought="Let me see." if kind == "thought" else None,
            function=None if kind == "thought" else name,
            arguments=arguments if kind == "action_input" else None,
            repaired=False,
            observation=text_of(id_, number) if kind == "action_input" else None,
            outcome="ok" if kind == "action_input" else None,
            code=(3 if last else 0) if kind == "action_input" else None,
            tokens=10,
            finish_reason="tool_calls",
            votes=None,
            pruned=False,
            terminal=last and kind == "action_input",
            on_answer_path=True,
        )


def nodes(id_: str) -> list[Node]:
    first, *rest = (node for number in range(CALLS) for node in call(id_, number))
    root = Node(
        **{name: getattr(first, name) for name in first.__slots__} | {"node_id": 0, "parent_id": None}
    )
    return [root, first, *rest]


def messages(id_: str) -> Iterator[AnswerMessage]:
    yield AnswerMessage(role="system", content="Call functions.", tool_calls=(), tool_call_id=None)
    yield AnswerMessage(role="user", content=f"What is known of {id_}?", tool_calls=(), tool_call_id=None)
    for number in range(CALLS):
        name = "Finish" if number == CALLS - 1 else "look_up"
        made = (MessageToolCall(id=f"call_{number}", name=name, arguments="{}"),)
        yield AnswerMessage(role="assistant", content="Let me see.", tool_calls=made, tool_call_id=None)
        shown = text_of(id_, number)
        yield AnswerMessage(role="tool", content=shown, tool_calls=(), tool_call_id=f"call_{number}")


def annotation(id_: str) -> Annotation:
    return Annotation(
        annotation_id=id_,
        instruction_id=id_,
        offer="sampled",
        offered_api_ids=("A/b/look_up",),
        method="dfsdt",
        rules="toolloom",
        model="bench",
        win=True,
        finish_type="give_answer",
        final_answer="It is known.",
        n_queries=CALLS,
        n_calls=CALLS - 1,
        tokens_in=1000,
        tokens_out=100,
        cost_usd=None,
        n_nodes=3 * CALLS + 1,
        depth=3 * CALLS,
        stopped_by="answered",
        messages=tuple(messages(id_)),
        functions=json.dumps([{"type": "function", "function": FUNCTION}]),
        wall_s=1.0,
    )


def write(root: Path, n: int) -> None:
    """A committed run of n searches."""
    store = Store(root)
    ids = [blake2b(str(number).encode(), digest_size=16).hexdigest() for number in range(n)]
    run = Run(
        run_id="bench",
        kind="refresh",
        as_of=NOW,
        started_at=NOW,
        finished_at=NOW,
        status="complete",
        config_digest="",
        counts=(),
        n_requests=0,
        tokens_in=0,
        tokens_out=0,
        cost_usd=None,
    )
    parts = [ids[at : at + 500] for at in range(0, n, 500)]
    shards = [store.write_shard(NODES, [node for id_ in part for node in nodes(id_)]) for part in parts]
    tables = {
        NODES.name: (store.compact(NODES, shards),),
        ANNOTATIONS.name: (store.write_shard(ANNOTATIONS, map(annotation, ids)),),
        INSTRUCTIONS.name: (store.write_shard(INSTRUCTIONS, map(instruction, ids)),),
        RUNS.name: (store.write_shard(RUNS, [run]),),
    }
    head = {"run_id": "bench", "kind": "refresh", "status": "complete", "parent": None, "config_digest": ""}
    times = {"started_at": NOW, "finished_at": NOW, "as_of": {}, "stages": {}}
    manifest.commit(root, Manifest(**head, **times, tables=tables))


def measure(root: Path, format_: str, out: Path) -> tuple[float, float]:
    """Seconds and the peak of memory in MB of an export in a process of its own."""
    command = [sys.executable, __file__, str(root), format_, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ourselves
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def export(root: Path, format_: str, out: Path) -> None:
    begun = time.perf_counter()
    export_run(root, format_, out, run=None, params=ExportParams())
    seconds = time.perf_counter() - begun
    # Not ru_maxrss, which a process takes over from the one that started it.
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(json.dumps([seconds, int(peak) / 1024]))


def main() -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        roots = {n: Path(folder, str(n)) for n in SIZES}
        for n, root in roots.items():
            write(root, n)
        for format_ in FORMATS:
            few, many = (measure(roots[n], format_, Path(folder, f"{format_}-{n}")) for n in SIZES)
            slope = (many[1] - few[1]) / (SIZES[1] - SIZES[0]) * 1000
            failed += slope > GOAL_MB
            verdict = f"(goal {GOAL_MB:g}): {'FAIL' if slope > GOAL_MB else 'PASS'}"
            speed = f"{format_:<10} {SIZES[1] / many[0]:>6,.0f} searches/s, {many[1]:.0f} MB"
            print(f"{speed}; {slope:+.1f} MB per 1,000 searches {verdict}")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        export(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    else:
        sys.exit(main())
