"""A stage's code does not change unnoticed: its version is part of its cache key, its code is not.

The golden file holds, beside each stage's VERSION, a digest of every module whose code its rows come
from.  When one differs, decide whether the stage's rows can differ:

- they can: raise VERSION in tasks/<stage>.py, or old results would be taken for new ones;
- they cannot (renamed, faster, a better message): leave VERSION, so that nothing is computed again.

Then record it: `UPDATE_GOLDEN=1 pytest tests/house/test_stage_versions.py`.
"""

from __future__ import annotations

import ast
import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest
from stage_sources import StageCode, digest_of, stage_code, stages

GOLDEN = Path(__file__).with_name("golden") / "stage_sources.json"


@pytest.fixture(scope="module", autouse=True)
def _acknowledged() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        found = {stage: asdict(stage_code(stage)) for stage in stages()}
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def recorded() -> dict[str, StageCode]:
    content = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return {stage: StageCode(**entry) for stage, entry in content.items()}


@pytest.mark.parametrize("stage", stages())
def test_code_and_version_are_those_of_the_golden_file(stage: str) -> None:
    found, before = stage_code(stage), recorded()[stage]
    changed = sorted(dict(found.modules.items() ^ before.modules.items())) or ["no module"]

    if found != before:
        pytest.fail(
            f"{stage}: version {before.version} -> {found.version}; changed: {', '.join(changed)}.\n"
            f"Raise VERSION in tasks/{stage}.py if the stage's rows can differ, and in any case record it:\n"
            "UPDATE_GOLDEN=1 pytest tests/house/test_stage_versions.py",
            pytrace=False,
        )


def test_every_stage_is_recorded_and_no_other() -> None:
    assert list(recorded()) == stages()


PLAIN = "def half(x):\n    return x / 2\n"


@pytest.mark.parametrize(
    ("code", "same"),
    [
        ('"""Half."""\ndef half(x):\n    "Of x."\n    return (x /  # comment\n            2)\n', True),
        ("VERSION = 2\n" + PLAIN, True),
        (PLAIN.replace("2", "2.0"), False),
        (PLAIN.replace("half(x)", "half(x=1)"), False),
        (PLAIN + "half(1)\n", False),
    ],
)
def test_a_digest_is_of_what_is_executed(code: str, same: bool) -> None:
    assert (digest_of(ast.parse(code)) == digest_of(ast.parse(PLAIN))) is same


def test_code_that_a_stage_is_handed_counts_as_its_own() -> None:
    assert "tasks.calling.request" in stage_code("probe").modules
    assert "tasks.llm.replies" in stage_code("propose").modules
    assert not [module for module in stage_code("sample").modules if module.startswith("tasks.llm")]
