"""`[sample] distractors`: more is offered, the same is asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from commands import SMALL, Sandbox
from snapshots import Snapshot, rows
from warm import WarmToolloom

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]

INSTRUCTIONS = "SELECT instruction_id, query, relevant_apis FROM instructions ORDER BY ALL"
CANDIDATES = "SELECT * FROM candidates ORDER BY candidate_id"


def test_the_same_instructions_are_searched_with_more_on_offer(
    toolloom: WarmToolloom, sandbox: Sandbox, uninterrupted: Snapshot, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(uninterrupted.data, tmp_path / "data"))
    more = ["--set", "sample.distractors=2"]
    done = toolloom("refresh", *SMALL, *more, *sandbox.settings(), "--data", data)

    assert done.returncode == 0, done.stdout + done.stderr
    for statement in (INSTRUCTIONS, CANDIDATES):
        assert rows(data, statement) == rows(uninterrupted.data, statement)
    assert rows(
        data,
        "SELECT count(*) > 0 AS n, bool_and(len(distractors) = 2) AS two_each, "
        "bool_and(list_has_all(offered_api_ids, distractors)) AS offered, "
        "bool_and(offered_api_ids = api_ids) AS nothing_else, "
        "bool_or(list_has_any(distractors, list_transform(relevant_apis, lambda x: x.api_id))) AS needed "
        "FROM annotations JOIN instructions USING (instruction_id)",
    ) == [{"n": True, "two_each": True, "offered": True, "nothing_else": True, "needed": False}]
    assert rows(
        data,
        "SELECT bool_and(apis.split = samples.split) AS of_the_split, bool_and(kept) AS kept "
        "FROM (SELECT split, unnest(distractors) AS api_id FROM samples) AS samples "
        "JOIN (SELECT api_id, split FROM apis JOIN tools USING (tool_id)) AS apis USING (api_id) "
        "JOIN verdicts USING (api_id)",
    ) == [{"of_the_split": True, "kept": True}]
