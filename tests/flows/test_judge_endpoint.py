"""A judge that is another endpoint than the writer: who is asked what, and what becomes of odd replies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from commands import SMALL, Sandbox, refused
from judge_endpoint import JudgeEndpoint
from llm_server import Json
from snapshots import Snapshot, rows
from typer.testing import CliRunner
from warm import WarmToolloom

from flows.cli import app

NOBODY = ("--set", "llm.base_url=http://127.0.0.1:9/v1")
VOTES = "FROM evaluations ORDER BY ALL"


@pytest.fixture
def data(uninterrupted: Snapshot, tmp_path: Path) -> Path:
    """Answers that nobody has judged."""
    copy = tmp_path / "data"
    shutil.copytree(uninterrupted.data, copy)
    return copy


def test_the_judge_alone_is_asked_and_its_votes_stand_beside_those_of_others(
    data: Path, toolloom: WarmToolloom, sandbox: Sandbox
) -> None:
    evaluate = ("evaluate", "--votes", "1", *SMALL, *sandbox.settings())
    first = toolloom(*evaluate, "--data", data)
    assert first.returncode == 0, first.stdout + first.stderr
    with JudgeEndpoint(sandbox.teacher) as judge:
        second = toolloom(*evaluate, *NOBODY, *judge.settings(), "--data", data)
        assert second.returncode == 0, second.stdout + second.stderr
        n_questions = judge.n_questions
        again = toolloom(*evaluate, *NOBODY, *judge.settings(), "--data", data)
        assert (again.returncode, judge.n_questions) == (0, n_questions)

    assert "judge: second-opinion at http" in second.stdout
    counted = rows(
        data,
        "SELECT judge, count(*) AS n, count(*) FILTER (WHERE NOT by_rule) AS asked "
        "FROM evaluations GROUP BY ALL ORDER BY ALL",
    )
    assert [row["judge"] for row in counted] == ["second-opinion", "toolloom-teacher"]
    assert counted[0]["n"] == counted[1]["n"]
    assert 0 < counted[0]["asked"] == counted[1]["asked"] <= n_questions
    told = rows(
        data,
        "SELECT count(*) AS n FROM llm_calls WHERE stage = 'evaluate' AND model = 'second-opinion'",
    )
    assert told == [{"n": n_questions}]
    for view in ("pass_rates", "judge_health", "judged_answers"):
        judges = rows(data, f"SELECT DISTINCT judge FROM {view} ORDER BY ALL")  # noqa: S608 - our own
        assert judges == [{"judge": "second-opinion"}, {"judge": "toolloom-teacher"}]
    compared = ["compare", "dfsdt", "--judge", "second-opinion", "--format", "json", "--data", str(data)]
    shown = CliRunner().invoke(app, compared)
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.output)[0]["n"] > 0


def test_a_judge_counts_in_no_key_but_those_of_judging(
    data: Path, toolloom: WarmToolloom, sandbox: Sandbox
) -> None:
    asked = sandbox.stats["requests"]
    with JudgeEndpoint(sandbox.teacher) as judge:
        done = toolloom("refresh", *SMALL, *sandbox.settings(), *judge.settings(), "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (sandbox.stats["requests"] - asked, judge.asked.total()) == (0, 0)


def test_a_judge_that_goes_away_leaves_all_else_whole_and_is_asked_for_the_rest(
    data: Path, toolloom: WarmToolloom, sandbox: Sandbox
) -> None:
    evaluate = ("evaluate", "--votes", "1", *SMALL, *sandbox.settings(), *NOBODY)
    searches = rows(data, "FROM annotations ORDER BY ALL")
    with JudgeEndpoint(sandbox.teacher, down_after=12) as judge:
        patience = judge.settings(outage_s="0", concurrency="1", attempts="2")
        stopped = toolloom(*evaluate, *patience, "--data", data)
        assert stopped.returncode == 1, stopped.stdout + stopped.stderr
        assert judge.base_url in stopped.stderr
        assert "[llm]" not in stopped.stderr
        assert rows(data, "FROM annotations ORDER BY ALL") == searches
        assert judge.n_questions == 12
        judge.down_after = None
        done = toolloom(*evaluate, *patience, "--data", data)
        assert done.returncode == 0, done.stdout + done.stderr
    asked = rows(
        data, "SELECT count(DISTINCT (row_id, ordinal)) AS n FROM llm_calls WHERE stage = 'evaluate'"
    )
    assert asked == [{"n": judge.n_questions}]
    assert rows(data, "FROM annotations ORDER BY ALL") == searches


def test_a_missing_key_is_named_with_its_variable_and_section(
    data: Path, toolloom: WarmToolloom, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JUDGES_OWN_KEY", raising=False)
    with JudgeEndpoint(sandbox.teacher) as judge:
        settings = judge.settings(api_key_env="JUDGES_OWN_KEY")
        code, message = refused(toolloom("evaluate", *SMALL, *sandbox.settings(), *settings, "--data", data))
    assert code == 2
    assert "[evaluate.judge] api_key_env names the environment variable JUDGES_OWN_KEY" in message
    assert "export JUDGES_OWN_KEY=" in message


WITHOUT_ONE_LABEL = (
    '{"reason": "it may be right"}',
    '{"reason": "both", "answer_status": ["Solved", "Unsolved"]}',
    '{"reason": "x", "answer_status": "Solved"}\n{"reason": "y", "answer_status": "Unsolved"}',
    "The answer is Solved, I would say, if not Unsolved.",
    '{"reason": "the third", "index": 2}',
    '{"reason": "the third", "answer_status": 2}',
)


def test_a_reply_without_one_label_is_a_reject_and_other_votes_are_kept(
    data: Path, toolloom: WarmToolloom, sandbox: Sandbox
) -> None:
    given: dict[str, str | None] = {}

    def twist(body: Json, _: int) -> str | None:
        """Of every second question about an answer, and likewise when it is asked again."""
        shown = "".join(message["content"] for message in body["messages"][:2])
        n = len(given)
        return given.setdefault(shown, WITHOUT_ONE_LABEL[n // 2 % len(WITHOUT_ONE_LABEL)] if n % 2 else None)

    evaluate = ("evaluate", "--votes", "1", *SMALL, *sandbox.settings(), *NOBODY)
    with JudgeEndpoint(sandbox.teacher, twist=twist) as judge:
        done = toolloom(*evaluate, *judge.settings(), "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(given.values()) == {None, *WITHOUT_ONE_LABEL}
    refused_ones = rows(data, "SELECT row_id, reason FROM rejects WHERE stage = 'evaluate' ORDER BY ALL")
    assert refused_ones
    assert {row["reason"] for row in refused_ones} == {"malformed_reply"}
    account = rows(data, "SELECT n_in, n_out, n_rejected FROM funnel WHERE stage = 'evaluate'")[0]
    assert (account["n_in"], account["n_rejected"]) == (
        account["n_out"] + len(refused_ones),
        len(refused_ones),
    )
    voted = "SELECT count(DISTINCT subject_id) AS n FROM evaluations WHERE question = 'answer' AND label > ''"
    judged = rows(data, voted)
    assert judged == [{"n": account["n_out"]}]
    assert account["n_out"] > 0


def test_a_refresh_is_judged_by_another_endpoint_at_its_own_prices_and_within_its_caps(
    data: Path, toolloom: WarmToolloom, sandbox: Sandbox
) -> None:
    """The cap ends the judging alone; the next refresh asks for the rest, and nothing twice."""
    with JudgeEndpoint(sandbox.teacher) as judge:
        priced = judge.settings(price_in="1", price_out="2", max_tokens="400")
        refresh = ("refresh", *SMALL, *sandbox.settings(), "--set", "evaluate.in_refresh=true", *priced)
        capped = toolloom(*refresh, "--set", "budget.stages.evaluate.max_usd=0.1", "--data", data)
        message = capped.stdout + capped.stderr
        n_capped = judge.n_questions
        whole = toolloom(*refresh, "--data", data)
        assert whole.returncode == 0, whole.stdout + whole.stderr
        n_questions = judge.n_questions

    assert capped.returncode != 0, message
    assert "max_usd" in message
    assert 0 < n_capped < n_questions, message
    assert rows(data, "SELECT kind, status FROM snapshot") == [{"kind": "refresh", "status": "complete"}]
    asked = rows(
        data,
        "SELECT count(*) AS n, count(DISTINCT store_key) AS different, bool_and(cost_usd > 0) AS priced "
        "FROM llm_calls WHERE stage = 'evaluate' AND model = 'second-opinion' AND NOT from_store",
    )
    assert asked == [{"n": n_questions, "different": n_questions, "priced": True}]
