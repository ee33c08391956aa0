"""`[instruct] decontaminate`: what a benchmark holds does not come back as an instruction."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from commands import SMALL, Sandbox
from snapshots import Snapshot, rows
from warm import WarmToolloom


def test_texts_of_benchmark_files_are_refused_even_when_they_were_accepted_before(
    toolloom: WarmToolloom, sandbox: Sandbox, uninterrupted: Snapshot, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(uninterrupted.data, tmp_path / "data"))
    found = rows(data, "SELECT query FROM instructions ORDER BY instruction_id LIMIT 3")
    queries = [row["query"] for row in found]
    toolbench, plain = tmp_path / "G1_query.json", tmp_path / "benchmark.txt"
    toolbench.write_text(json.dumps([{"api_list": [], "query": queries[0], "query_id": 1}]))
    plain.write_text(f"Something else.\n{queries[1].upper()}\n")
    setting = f"instruct.decontaminate=['{toolbench}', '{plain}']"

    done = toolloom("refresh", *SMALL, "--set", setting, *sandbox.settings(), "--data", data)

    assert done.returncode == 0, done.stdout + done.stderr
    left = {row["query"] for row in rows(data, "SELECT query FROM instructions")}
    assert [query in left for query in queries] == [False, False, True]
    assert len(left) == 24
    refused = rows(data, "SELECT detail FROM rejects WHERE reason = 'contaminated'")
    assert len(refused) >= 2
