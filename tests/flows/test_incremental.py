"""A refresh pays for what has changed, says what has changed, and forgets nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from commands import SMALL, Sandbox, serve_steady_sandbox
from refusals import refusal
from snapshots import Snapshot, rows, snapshot_of
from warm import WarmToolloom

from warehouse import manifest

pytestmark = pytest.mark.slow

# The hub is looked at again, and every verdict is made anew.
LOOK_AGAIN = ["--set", "catalogue.max_age=PT0S"]
NOW = [*LOOK_AGAIN, "--set", "probe.max_age=PT0S"]
CHANGES = [
    {"change": "describe", "tool": "Science/physical-constants"},
    {"change": "break", "tool": "Text/text-diff"},
    {"change": "remove", "tool": "Design/colour-names"},
    {"change": "repair", "tool": "Language/old-lexicon"},
    {"change": "add", "tool": "Science/unit-converter", "slug": "unit-converter-two"},
    {"change": "relist", "tool": "Science/periodic-table", "example": "other_form"},
]
# What a listing computes is another value at each look.
OTHER_EXAMPLES = [
    {"change": "relist", "tool": tool} for tool in ("Science/molecule-lab", "Science/unit-converter")
]
MOST_BEYOND_NEED = 1.2


@dataclass(frozen=True)
class History:
    """A folder whose hub changed, showed other examples, and changed back.

    asked_of_others: requests for the refresh that saw other examples.
    """

    data: Path
    first: Snapshot
    runs: list[str]
    asked_of_others: int

    def at(self, number: int) -> list[str]:
        return ["--run", self.runs[number], "--data", str(self.data)]


@pytest.fixture(scope="module")
def changed_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with changed_to(CHANGES, tmp_path_factory.mktemp("changed-sandbox")) as served:
        yield served


def changed_to(changes: list[dict[str, str]], folder: Path) -> AbstractContextManager[Sandbox]:
    (folder / "changes.json").write_text(json.dumps(changes))
    return serve_steady_sandbox(folder, "--changes", str(folder / "changes.json"))


@pytest.fixture(scope="module")
def history(
    toolloom: WarmToolloom,
    sandbox: Sandbox,
    changed_sandbox: Sandbox,
    uninterrupted: Snapshot,
    tmp_path_factory: pytest.TempPathFactory,
) -> History:
    data = tmp_path_factory.mktemp("incremental") / "data"
    shutil.copytree(uninterrupted.data, data)

    def refresh(world: Sandbox, looking: list[str]) -> int:
        done = toolloom("refresh", *SMALL, *looking, *world.settings(), "--data", data)
        assert done.returncode == 0, done.stdout + done.stderr
        return int(world.stats["requests"])

    asked = refresh(changed_sandbox, NOW)
    with changed_to(CHANGES + OTHER_EXAMPLES, tmp_path_factory.mktemp("other-examples")) as relisted:
        asked_of_others = refresh(replace(relisted, teacher=changed_sandbox.teacher), LOOK_AGAIN) - asked
    refresh(sandbox, NOW)
    return History(data, uninterrupted, [run.run_id for run in manifest.list_runs(data)], asked_of_others)


def asked(data: Path, run: str) -> dict[str, int]:
    """Requests that reached the model in a run, by stage."""
    sql = "SELECT stage, count(*) AS n FROM llm_calls WHERE run_id = '{}' AND NOT from_store GROUP BY stage"
    return {row["stage"]: row["n"] for row in rows(data, sql.format(run))}


def test_it_asks_for_what_the_changes_touch(toolloom: WarmToolloom, history: History) -> None:
    """Draws that have a changed or a new API, and as many searches as instructions that cannot stay."""
    counts = queried(toolloom, history.at(1), TOUCHED.format(run=history.runs[1]))
    paid, first = asked(history.data, history.runs[1]), asked(history.data, history.runs[0])

    assert 0 < counts["draws_asked"] <= MOST_BEYOND_NEED * counts["draws_touched"]
    assert 0 < counts["searches_asked"] <= MOST_BEYOND_NEED * counts["instructions_touched"]
    assert sum(paid.values()) < sum(first.values()) / 2


TOUCHED = """
    WITH draws AS (
        SELECT sample_id FROM (SELECT sample_id, unnest(api_ids) AS api_id FROM samples)
        WHERE api_id IN (SELECT api_id FROM changed_apis)
        UNION
        SELECT sample_id FROM samples WHERE sample_id NOT IN (SELECT sample_id FROM before.samples)
    ),
    touched AS (
        SELECT instruction_id FROM before.instructions
        WHERE sample_id NOT IN (SELECT sample_id FROM samples)
        UNION
        SELECT instruction_id FROM changed_instructions WHERE change IN ('gone_stale', 'changed')
    ),
    asked AS (
        SELECT DISTINCT stage, row_id FROM llm_calls WHERE run_id = '{run}' AND NOT from_store
    )
    SELECT
        (SELECT count(*) FROM draws) AS draws_touched,
        (SELECT count(*) FROM touched) AS instructions_touched,
        (SELECT count(*) FROM asked WHERE stage = 'propose') AS draws_asked,
        (SELECT count(*) FROM asked WHERE stage = 'annotate') AS searches_asked
"""


def queried(toolloom: WarmToolloom, where: Sequence[str], sql: str) -> dict[str, Any]:
    done = toolloom("sql", sql, "--format", "json", *where)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    return dict(row)


def test_nothing_is_asked_and_nothing_committed_when_only_values_changed(history: History) -> None:
    assert len(history.runs) == 3  # of four refreshes
    assert history.asked_of_others == 0


def test_what_comes_back_is_not_paid_for_again(history: History) -> None:
    assert asked(history.data, history.runs[2]) == {}
    assert snapshot_of(history.data).content == history.first.content


def test_diff_counts_what_was_added_removed_stale_and_back(toolloom: WarmToolloom, history: History) -> None:
    found = diff(toolloom, history, 0, 1)

    assert [tools_by_change(found), tools_by_change(diff(toolloom, history, 1, 2))] == [
        {
            "added": ["Science/unit_converter_two"],
            "came_back": ["Language/old_lexicon"],
            "changed": ["Science/periodic_table", "Science/physical_constants"],
            "gone_stale": ["Text/text_diff"],
            "removed": ["Design/colour_names"],
        },
        {
            "changed": ["Science/periodic_table", "Science/physical_constants"],
            "came_back": ["Design/colour_names", "Text/text_diff"],
            "gone_stale": ["Language/old_lexicon"],
            "removed": ["Science/unit_converter_two"],
        },
    ]


def test_diff_tells_which_instructions_went_stale_and_why(toolloom: WarmToolloom, history: History) -> None:
    stale = [
        change for change in diff(toolloom, history, 0, 1)["changes"] if change["change"] == "gone_stale"
    ]
    tools = {"physical_constants", "periodic_table", "text_diff", "colour_names"}

    assert {change["what"] for change in stale} == {"tool", "API", "instruction", "annotation"}
    reasons = [change["detail"] for change in stale if change["what"] == "instruction"]
    assert reasons
    assert all(any(tool in reason for tool in tools) for reason in reasons)


def test_instructions_and_their_annotations_come_back(toolloom: WarmToolloom, history: History) -> None:
    counts = {row["what"]: row for row in diff(toolloom, history, 1, 2)["counts"]}

    assert counts["instruction"]["came_back"] == counts["annotation"]["came_back"] > 0
    assert counts["instruction"]["added"] == counts["annotation"]["added"] == 0


def test_an_earlier_run_is_seen_as_it_was(toolloom: WarmToolloom, history: History) -> None:
    counts = "SELECT count(*) AS n FROM tools WHERE tool_id = 'Science/unit_converter_two'"

    assert [queried(toolloom, history.at(number), counts)["n"] for number in range(3)] == [0, 1, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonesuch"], "there is no run 'nonesuch'"),
        (["first", "nonesuch"], "there is no run 'nonesuch'"),
    ],
)
def test_a_run_that_does_not_exist_is_named(
    toolloom: WarmToolloom, history: History, arguments: list[str], message: str
) -> None:
    named = [history.runs[0] if name == "first" else name for name in arguments]
    found = refusal(toolloom("diff", *named, "--data", history.data))

    assert (found.code, found.fix) == (2, "`toolloom runs` lists them")
    assert message in found.message


def diff(toolloom: WarmToolloom, history: History, before: int, after: int) -> dict[str, Any]:
    runs = [history.runs[before], history.runs[after]]
    done = toolloom("diff", *runs, "--format", "json", "--data", history.data)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def tools_by_change(found: dict[str, Any]) -> dict[str, list[str]]:
    by_change: dict[str, list[str]] = {}
    for change in found["changes"]:
        if change["what"] == "tool":
            by_change.setdefault(change["change"], []).append(change["id"])
    return by_change


def test_a_folder_whose_keys_were_made_otherwise_is_gone_through_once_and_nothing_is_paid_again(
    toolloom: WarmToolloom, sandbox: Sandbox, uninterrupted: Snapshot, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(uninterrupted.data, tmp_path / "data"))
    shutil.rmtree(data / "prefect" / "results")  # nothing is found under a key
    (written,) = (data / "runs").glob("2*.json")
    written.write_text(json.dumps({**json.loads(written.read_bytes()), "keys": 1}))
    before = sandbox.stats

    first, second = (
        toolloom("refresh", *SMALL, *sandbox.settings(), "--data", data).stdout for _ in range(2)
    )

    assert f"stages of run {written.stem} are looked through anew, this once: " in first
    assert "looked through anew" not in second
    now = sandbox.stats
    # The selection before goes first, which may leave another API to a further draw: a prompt never sent yet.
    assert now["repeated"] == before["repeated"]
    assert {**now["by_stage"], "instruct": 0} == {**before["by_stage"], "instruct": 0}
    searches = "SELECT annotation_id, final_answer FROM annotations ORDER BY ALL"
    assert rows(data, searches) == rows(uninterrupted.data, searches)
