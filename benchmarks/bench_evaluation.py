"""Whether evaluations are exact, equal and quick: `bench_evaluation.py [--published FOLDER] [--data FOLDER]`

Made-up answers are judged by a judge in this process that replies at once, so that what is measured is what
an evaluation adds to its requests: reading, facts, what is asked, rows, files.  Shards are judged several
times, and the quickest of each counts: what else this machine does is no part of it.

--published: a folder with pass_round.jsonl and preference_round.jsonl, what the published evaluator decided
for every combination of labels, coins as fractions; all must be equal.  --data: a data folder of the sandbox
with searches of 765 queries, say, which `toolloom evaluate` judges in a copy; goal: 60 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from tasks.judging.compare import DRAWS, rates
from tasks.judging.params import EvaluateParams
from tasks.judging.votes import Evaluated, evaluate_answer
from tasks.llm.chat import ChatRequest, Reply
from warehouse.ref import TableRef
from warehouse.sql import sql_files
from warehouse.store import Store
from warehouse.tables import ANNOTATIONS, ANSWER_FACTS, EVALUATIONS
from warehouse.tables.annotations import Annotation, AnswerMessage, MessageToolCall

ANSWERS, PER_SHARD, TIMES = 2_000, 250, 4
MS_AN_ANSWER = 1.0
QUERIES, SIDES, DRAWN_SECONDS = 765, 4, 1.0
SANDBOX_SECONDS = 60.0  # for so many queries
CITIES = ("Oslo", "Bergen", "Troms\u00f8", "Bod\u00f8", "Hamar", "Moss", "Narvik", "Molde")


FUNCTIONS = json.dumps(
    [
        {
            "type": "function",
            "function": {
                "name": f"forecast_{call}_for_skies",
                "description": "Tells how the weather of a city will be for some days. " * 4,
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string", "description": "Name of the city"}},
                    "required": ["city"],
                },
            },
        }
        for call in range(4)
    ]
)


def made_up(number: int) -> Annotation:
    """A search of two calls, about as long as those of the sandbox, whose answer states ten values."""
    messages, said = [], []
    for call in range(2):
        city = CITIES[(number + call) % len(CITIES)]
        days = [
            {
                "date": f"2026-06-{day:02}",
                "temperature": (number * 7 + day * 3) % 40 - 8.25,
                "rain_mm": (number + day) % 30 / 4,
                "station": f"ST{number * 31 + day}",
            }
            for day in range(1, 9)
        ]
        observation = json.dumps({"error": "", "response": {"city": city, "days": days, "count": len(days)}})
        name, arguments = f"forecast_{call}_for_skies", json.dumps({"city": city})
        called = MessageToolCall(id=f"call-{call}", name=name, arguments=arguments)
        thought = "The weather of the next city is still missing."
        messages += [
            AnswerMessage(role="assistant", content=thought, tool_calls=(called,), tool_call_id=None),
            AnswerMessage(role="tool", content=observation, tool_calls=(), tool_call_id=f"call-{call}"),
        ]
        said.append(
            f'In "{city}" there are {len(days)} days: on {days[0]["date"]} it will be '
            f"{days[0]['temperature']} degrees with {days[0]['rain_mm']} mm of rain, as the station "
            f"{days[0]['station']} says, and on 2 June 2026 {days[1]['temperature']} degrees."
        )
    return Annotation(
        annotation_id=f"annotation-{number:06}",
        instruction_id=f"instruction-{number:06}",
        offer="sampled",
        offered_api_ids=tuple(f"Weather/skies/forecast_{call}" for call in range(4)),
        method="dfsdt",
        rules="toolloom",
        model="writer",
        win=True,
        finish_type="give_answer",
        final_answer=" ".join(said),
        n_queries=3,
        n_calls=2,
        tokens_in=1,
        tokens_out=1,
        cost_usd=None,
        n_nodes=9,
        depth=9,
        stopped_by="answered",
        messages=tuple(messages),
        functions=FUNCTIONS,
        wall_s=1.0,
    )


REPLIES = {
    label: Reply(content=json.dumps({"reason": "So.", "answer_status": label}))
    for label in ("Unsure", "Solved")
}


class Judge:
    """Replies at once, of each request the same, and about one in four times that it is unsure."""

    name = "judge"

    async def ask(self, request: ChatRequest, *, row_id: str, ordinal: int = 0) -> Reply:  # noqa: ARG002
        return REPLIES["Solved" if (hash_of(row_id) + ordinal) % 4 else "Unsure"]


def hash_of(row_id: str) -> int:
    return int(row_id.rpartition("-")[2])


def evaluation(store: Store, shards: Iterable[TableRef]) -> tuple[list[TableRef], list[float]]:
    """Judges shards of answers, and writes what came of them; with the seconds of CPU that each took."""
    params, judge = EvaluateParams(), Judge()
    written, seconds = [], []

    async def judged(rows: Sequence[Annotation]) -> list[Evaluated]:
        query = "How will the weather of these two cities be in the first week of June, and who says so?"
        return [await evaluate_answer(row, query, ["ok", "ok"], judge, params, None) for row in rows]

    for shard in shards:
        begun = time.process_time()
        came = asyncio.run(judged(store.read(ANNOTATIONS, [shard])))
        written.append(store.write_shard(ANSWER_FACTS, [each.facts for each in came]))
        written.append(store.write_shard(EVALUATIONS, [row for each in came for row in each.votes]))
        seconds.append(time.process_time() - begun)
    return written, seconds


def told(what: str, figure: str, passed: bool) -> bool:
    print(f"{what}: {figure}  {'PASS' if passed else 'FAIL'}")
    return passed


def cost_and_bytes() -> bool:
    digests, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        source = Store(Path(folder, "source"))
        shards = [
            source.write_shard(ANNOTATIONS, [made_up(number) for number in range(at, at + PER_SHARD)])
            for at in range(0, ANSWERS, PER_SHARD)
        ]
        for _ in range(TIMES):
            written, took = evaluation(source, shards)
            seconds.append(took)
            digests.append([ref.file_digest for ref in written])
    milliseconds = sum(map(min, zip(*seconds, strict=True))) / ANSWERS * 1e3
    quick = told(
        f"CPU that an evaluation adds to its requests, at most {MS_AN_ANSWER} ms an answer",
        f"{milliseconds:.2f} ms",
        milliseconds <= MS_AN_ANSWER,
    )
    equal = told(
        "evaluations of the same votes give the same bytes", "", all(each == digests[0] for each in digests)
    )
    return quick and equal


def bootstrap() -> bool:
    random = np.random.default_rng(1)
    passed = random.integers(0, 2, size=(QUERIES, SIDES)).astype(float)
    strata = [f"G{number % 3 + 1}/test" for number in range(QUERIES)]
    begun = time.perf_counter()
    rates(passed, strata)
    took = time.perf_counter() - begun
    what = f"{DRAWS:,} draws over {QUERIES} x {SIDES}, at most {DRAWN_SECONDS} s"
    return told(what, f"{took:.2f} s", took <= DRAWN_SECONDS)


def database() -> duckdb.DuckDBPyConnection:
    """The views that decide, over tables that hold the columns they read."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE annotations (annotation_id VARCHAR, finish_type VARCHAR)")
    connection.execute(
        "CREATE TABLE evaluations (subject_id VARCHAR, question VARCHAR, judge VARCHAR, vote BIGINT, "
        "instruction_id VARCHAR, label VARCHAR, by_rule BOOLEAN)"
    )
    connection.execute(
        "CREATE TABLE preferences (first_id VARCHAR, second_id VARCHAR, judge VARCHAR, vote BIGINT, "
        "instruction_id VARCHAR, preferred VARCHAR, by_rule BOOLEAN)"
    )
    for name in ("rules", "judged_answers", "judged_pairs"):
        query = sql_files("views")[name].text.partition(";\n\nCOMMENT")[0]
        connection.execute(f"CREATE VIEW {name} AS {query}")
    return connection


def published(folder: Path) -> bool:
    rounds = {
        name: [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines() if line]
        for name in ("pass_round", "preference_round")
    }
    decided = [
        *(passes(row) == Fraction(row["p_passed"]) for row in rounds["pass_round"]),
        *(wins(row) == Fraction(row["p_ref"]) for row in rounds["preference_round"]),
    ]
    what = "decisions that are equal to the published ones, as exact fractions"
    return told(what, f"{sum(decided)} of {len(decided)}", all(decided) and bool(decided))


def passes(row: dict[str, Any]) -> Fraction:
    connection = database()
    finish = "give_answer" if row["given"]["last_step_is_finish"] else "none"
    connection.execute("INSERT INTO annotations VALUES ('a', ?)", [finish])
    vote(connection, "a", "answer", row["answer_status"])
    if "check_task_solvable" in row["asked"]:
        vote(connection, "i", "task", row["task_status"])
    found = connection.execute("SELECT passed FROM judged_answers WHERE rules = 'toolbench'").fetchone()
    assert found is not None
    return Fraction(found[0])


def wins(row: dict[str, Any]) -> Fraction:
    """Of the reference.  A judge that prefers what it sees first prefers each once, in both orders."""
    given, connection = row["given"], database()
    connection.execute("INSERT INTO annotations VALUES ('ref', 'give_answer'), ('out', 'give_answer')")
    for answer, label in zip(("ref", "out"), given["answer_status"], strict=True):
        vote(connection, answer, "answer", label)
    orders = {"ref": ("first", "second"), "output": ("second", "first")}.get(
        given.get("judge_prefers"), ("first", "first")
    )
    for first, second, preferred in (("ref", "out", orders[0]), ("out", "ref", orders[1])):
        connection.execute(
            "INSERT INTO preferences VALUES (?, ?, 'judge', 0, 'i', ?, FALSE)", [first, second, preferred]
        )
    rules = "toolbench" if given["mode"] == "from_scratch" else "toolbench_recorded"
    found = connection.execute(
        "SELECT won FROM judged_pairs WHERE rules = ? AND annotation_id = 'ref'", [rules]
    ).fetchone()
    assert found is not None
    return Fraction(found[0])


def vote(connection: duckdb.DuckDBPyConnection, subject: str, question: str, label: str) -> None:
    connection.execute(
        "INSERT INTO evaluations VALUES (?, ?, 'judge', 0, 'i', ?, FALSE)", [subject, question, label]
    )


def sandbox(data: Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "data")
        shutil.copytree(data, copy)
        command = [str(Path(sys.executable).with_name("toolloom")), "evaluate", "--data", str(copy)]
        begun = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
        took = time.perf_counter() - begun
    return told(f"{data} is judged, at most {SANDBOX_SECONDS} s", f"{took:.1f} s", took <= SANDBOX_SECONDS)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", type=Path)
    parser.add_argument("--data", type=Path)
    chosen = parser.parse_args()
    passed = [cost_and_bytes(), bootstrap()]
    if chosen.published is not None:
        passed.append(published(chosen.published))
    if chosen.data is not None:
        passed.append(sandbox(chosen.data))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
