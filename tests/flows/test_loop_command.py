"""`toolloom loop`: a model learns, is served, searches beside its teacher, and is compared with it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from commands import SMALL, Sandbox
from foreign_servers import python_with_models
from snapshots import rows

from flows.params import LoopParams

SHORT = [
    *("annotate.brief=true", "annotate.max_functions=2", "annotate.max_queries=4", "annotate.max_depth=3"),
    *("annotate.observation_tokens=32", "compress.max_tokens=128"),
    *("train.method=full", "train.max_steps=2", "train.accumulation=1", "train.max_tokens=4000"),
    *("loop.limit=2", "loop.parallel=1", "loop.max_tokens=32", "retriever.model=bm25"),
    *('loop.offers=["given", "retrieved@2"]', 'loop.methods=["react"]'),
    *("evaluate.votes=1", "evaluate.tasks=false"),
]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_loop_ends_in_a_table_of_all_sides_and_asks_nothing_again(
    sandbox: Sandbox, prefect_api: str, tmp_path: Path
) -> None:
    python, env = python_with_models()
    base, data = tmp_path / "tiny", tmp_path / "data"
    script = Path(__file__).parents[1] / "support" / "tiny_llama.py"
    subprocess.run([str(python), str(script), str(base)], env=env, check=True, timeout=120)
    sets = [word for each in (f"train.base={base}", *SHORT) for word in ("--set", each)]
    words = ["loop", *SMALL, *sets, *sandbox.settings(), "--data", str(data)]

    def closed() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(python), "-m", "flows", *words],
            env=env | {"PREFECT_API_URL": prefect_api},
            capture_output=True,
            text=True,
            check=False,
            timeout=800,
        )

    done = closed()

    assert done.returncode == 0, done.stdout + done.stderr
    whos, offers = ("teacher", "base", "tuned"), ("given", "retrieved@2")
    sides = [f"{who} react {offer}" for who in whos for offer in offers]
    (results,) = data.glob("models/*/comparison.json")
    assert [row["side"] for row in json.loads(results.read_bytes())] == sides
    assert all(side in done.stdout for side in sides)
    by_react = rows(
        data, "SELECT count(*) AS n, count(DISTINCT model) AS m FROM annotations WHERE method = 'react'"
    )
    assert by_react == [{"n": 12, "m": 3}]

    asked = "SELECT sum(n_requests) AS n FROM runs"
    first = rows(data, asked)
    again = closed()

    assert again.returncode == 0, again.stdout + again.stderr
    assert (rows(data, asked), [each.parent for each in data.glob("models/*/comparison.json")]) == (
        first,
        [results.parent],
    )


@pytest.mark.parametrize(
    "said", [{"offers": ("sampled",)}, {"methods": ("tot",)}, {"levels": ("nowhere",)}, {"methods": ()}]
)
def test_a_loop_of_what_there_is_not_is_refused(said: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(ValueError, match=next(iter(said))):
        LoopParams(**said)
