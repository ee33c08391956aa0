"""`toolloom plan` on the folder of a small refresh: what is stored is not counted, what is missing is."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from commands import SMALL, Command, Sandbox, serve_steady_sandbox
from snapshots import Snapshot, rows
from typer.testing import CliRunner

from flows.cli import app
from flows.estimates import Forecast
from flows.text.plan import accuracy_text
from tasks.llm.batching.batches import Entry, Record, Records, batches_of
from tasks.planning.estimate import Amount, Estimate, StageEstimate
from warehouse import manifest

STAGES = ["probe", "compress", "propose", "select", "annotate"]
PRICES = ["--set", "llm.price_in=1", "--set", "llm.price_out=2"]


@pytest.fixture
def data(uninterrupted: Snapshot, tmp_path: Path) -> Path:
    return Path(shutil.copytree(uninterrupted.data, tmp_path / "data"))


def planned(data: Path, *settings: str) -> dict[str, Any]:
    """The default profile's model is at no address that could be asked."""
    result = CliRunner().invoke(
        app, ["plan", "--format", "json", *SMALL, *settings, "--data", str(data)], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.output))


def requests_of(plan: dict[str, Any]) -> dict[str, int]:
    return {stage["stage"]: stage["requests"] for stage in plan["stages"]}


def forget(data: Path, stage: str, which: str = "true") -> int:
    """Removes replies of a stage from the store; how many."""
    keys = [
        bytes.fromhex(row["store_key"])
        for row in rows(data, f"SELECT store_key FROM llm_calls WHERE stage = '{stage}' AND {which}")  # noqa: S608
    ]
    with sqlite3.connect(data / "store" / "replies.sqlite") as connection:
        connection.executemany("DELETE FROM entries WHERE key = ?", [(key,) for key in keys])
    connection.close()
    return len(keys)


def test_a_repeat_is_planned_with_no_request(data: Path) -> None:
    plan = planned(data)
    assert requests_of(plan) == dict.fromkeys(STAGES, 0)
    assert plan["total"] == {"requests": 0, "tokens_in": 0, "tokens_out": 0, "usd": 0.0, "hours": 0.0}


def test_exactly_the_missing_replies_are_counted(data: Path) -> None:
    n = forget(data, "propose", "ordinal = 0")
    plan = planned(data)
    assert n > 0
    assert requests_of(plan)["propose"] == n


def test_documents_that_stand_need_no_replies(data: Path) -> None:
    assert forget(data, "compress") > 0
    assert requests_of(planned(data)) == dict.fromkeys(STAGES, 0)


def test_apis_that_answer_with_other_values_ask_for_nothing(
    toolloom: Command, data: Path, tmp_path: Path
) -> None:
    tools = rows(data, "SELECT DISTINCT tool_id FROM apis JOIN verdicts USING (api_id) WHERE kept")
    drift = [{"change": "drift", "tool": row["tool_id"].replace("_", "-")} for row in tools]
    (tmp_path / "changes.json").write_text(json.dumps(drift))
    with serve_steady_sandbox(tmp_path, "--changes", str(tmp_path / "changes.json")) as drifted:
        done = toolloom("probe", *SMALL, *drifted.settings(), "--data", data)
    assert done.returncode == 0, done.stderr
    (changed,) = rows(
        data,
        "SELECT count(*) AS n FROM verdicts JOIN before.verdicts AS was USING (api_id) "
        "WHERE verdicts.example_response <> was.example_response",
    )
    assert changed["n"] > 100
    assert requests_of(planned(data)) == dict.fromkeys(STAGES, 0)


def test_what_an_interrupted_first_refresh_has_finished_is_not_counted(data: Path) -> None:
    """As a kill during the searches leaves it: stages in the cache, replies in the store, no run."""
    forget(data, "annotate", "ordinal > 0")
    interrupt(data)

    plan = planned(data)

    assert plan["assumptions"][0] == "the catalogue is the one that was crawled last: 249 APIs"
    # Of each search the first reply is there, and six are usual.
    assert requests_of(plan) == dict.fromkeys(STAGES[:-1], 0) | {"annotate": 24 * 5}


def interrupt(data: Path) -> None:
    """The run is no longer committed, but under way."""
    run = manifest.latest(data)
    assert run is not None
    manifest.path_of(data, run.run_id).unlink()
    pending = run.model_dump(include=set(manifest.PendingRun.model_fields))
    manifest.begin(data, manifest.PendingRun(**pending))


def test_a_search_that_was_cut_off_is_counted_for_what_is_left(data: Path) -> None:
    n_lost = forget(data, "annotate", "ordinal > 0")
    n_rows = len(rows(data, "SELECT annotation_id FROM annotations"))
    left = requests_of(planned(data))["annotate"]
    assert requests_of(planned(data))["propose"] == 0
    # Each search has its first reply, and is taken to need the usual number.
    assert n_lost - n_rows <= left <= n_lost + n_rows


def test_more_instructions_are_more_searches_and_nothing_else(data: Path) -> None:
    found = requests_of(planned(data, "--set", "instruct.accepted=30"))
    per_search = rows(
        data,
        "SELECT count(*) / count(DISTINCT row_id) AS n FROM llm_calls "
        "WHERE stage = 'annotate' AND error IS NULL",
    )[0]["n"]
    assert found == {
        "probe": 0,
        "compress": 0,
        "propose": 0,
        "select": 0,
        "annotate": round(6 * round(per_search, 2)),
    }


def test_other_settings_of_the_model_ask_everything_again(data: Path) -> None:
    found = requests_of(planned(data, "--set", "llm.temperature=0.3"))
    asked = rows(data, "SELECT stage, count(*) AS n FROM llm_calls WHERE ordinal = 0 GROUP BY stage")
    before = {row["stage"]: row["n"] for row in asked}
    assert [found[stage] for stage in ("compress", "propose")] == [before["compress"], before["propose"]]


def test_dollars_are_of_the_prices_and_half_in_batches(data: Path) -> None:
    forget(data, "propose")
    online, batched = (planned(data, *PRICES, *more) for more in ([], ["--set", "llm.batch=true"]))
    propose = [next(one for one in plan["stages"] if one["stage"] == "propose") for plan in (online, batched)]
    assert propose[0]["usd"] == pytest.approx(
        (propose[0]["tokens_in"] + 2 * propose[0]["tokens_out"]) / 1_000_000
    )
    assert propose[1]["usd"] == pytest.approx(propose[0]["usd"] / 2)
    assert planned(data)["total"]["usd"] is None


def test_batches_under_way_are_told(data: Path) -> None:
    entries = [
        Entry(key=key, stage="propose", row_id=key, ordinal=0, tokens_in=9, tokens_out=9) for key in "ab"
    ]
    Records(batches_of(data)).save(
        Record(mark="m", where="x", input_file_id="file-1", entries=tuple(entries))
    )
    assert planned(data)["assumptions"][-1] == (
        "2 requests are in batches under way: they are counted, and not paid again"
    )


@pytest.mark.slow
def test_the_plan_of_a_first_run_is_near_what_it_takes(
    toolloom: Command, sandbox: Sandbox, data: Path
) -> None:
    """By stage, the judge and the further rounds of draws included; a search is assumed at 6 requests."""
    stages_of_newest(data, "crawl", "probe", "compress")
    judged = ["--set", "instruct.verify=true", "--set", "sample.seed=1", "--set", "instruct.seed=1"]
    expected = requests_of(planned(data, *judged))
    done = toolloom("refresh", *SMALL, *judged, *sandbox.settings(), "--data", data)
    assert done.returncode == 0, done.stderr
    (run,) = rows(data, "SELECT run_id FROM runs ORDER BY finished_at DESC LIMIT 1")
    asked = rows(
        data,
        f"SELECT stage, count(*) AS n FROM llm_calls WHERE run_id = '{run['run_id']}' "  # noqa: S608
        "AND NOT from_store GROUP BY stage",
    )
    off = {row["stage"]: expected[row["stage"]] / row["n"] for row in asked if row["stage"] != "compress"}
    assert off.keys() == {"propose", "select", "annotate"}
    assert all(1 / 1.5 < share < 1.5 for share in off.values()), off


def stages_of_newest(data: Path, *stages: str) -> None:
    """Leaves the newest run no other stages, and the cache nothing."""
    (path,) = (data / "runs").glob("*.json")
    content = json.loads(path.read_text())
    content["stages"] = {stage: content["stages"][stage] for stage in stages}
    path.chmod(0o644)
    path.write_text(json.dumps(content))
    shutil.rmtree(data / "prefect")


def test_without_probing_it_rests_on_assumptions(data: Path) -> None:
    stages_of_newest(data, "crawl")

    plan = planned(data)

    assert requests_of(plan)["propose"] > 0
    assert "no API was called yet: 70% of them are taken to work" in " ".join(plan["assumptions"])


def test_without_a_catalogue_it_says_how_to_get_one(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    result = CliRunner().invoke(app, ["plan", "--data", str(folder)])
    assert result.exit_code == 0
    assert "No catalogue was crawled" in result.output
    assert "toolloom plan --crawl" in result.output
    assert CliRunner().invoke(app, ["plan", "--format", "json", "--data", str(folder)]).output == "null\n"
    assert not folder.exists()


OTHER_SOURCES = ["--set", 'catalogue.sources=[{ kind = "openapi", location = "SPEC" }]']
ONE_API = {
    "openapi": "3.1.0",
    "info": {"title": "Lone", "version": "1"},
    "servers": [{"url": "http://hub.sandbox.test/nothing"}],
    "paths": {"/here": {"get": {"operationId": "here", "responses": {"200": {"description": "yes"}}}}},
}


@pytest.fixture
def other_sources(tmp_path: Path) -> list[str]:
    """Settings of a catalogue that is not the sandbox's."""
    spec = tmp_path / "lone.json"
    spec.write_text(json.dumps(ONE_API))
    return [part.replace("SPEC", str(spec)) for part in OTHER_SOURCES]


def test_a_catalogue_of_other_sources_is_not_counted(data: Path, other_sources: list[str]) -> None:
    result = CliRunner().invoke(app, ["plan", *SMALL, *other_sources, "--data", str(data)])
    assert result.exit_code == 2
    assert f"the catalogue in {data} was crawled from other sources" in result.output
    assert "--crawl" in result.output


def test_a_refresh_of_other_sources_says_no_plan_before_its_crawl(
    toolloom: Command, sandbox: Sandbox, data: Path, other_sources: list[str]
) -> None:
    done = toolloom(
        "refresh", *SMALL, *other_sources, *sandbox.settings(), "--until", "crawl", "--data", data
    )
    assert done.returncode == 0, done.stderr
    assert "Plan:" not in done.stdout

    plan = planned(data, *other_sources)

    assert plan["assumptions"][0] == "the catalogue is the one that was crawled last: 1 APIs"
    assert "no API was called yet" in plan["assumptions"][1]


def test_a_refresh_says_its_plan_first_and_keeps_it(toolloom: Command, sandbox: Sandbox, data: Path) -> None:
    more = ["--set", "instruct.accepted=32", "--set", "sample.draws_per_tool=0.3", *PRICES]
    expected = planned(data, *more)
    done = toolloom("refresh", *SMALL, *more, *sandbox.settings(), "--data", data)
    assert done.returncode == 0, done.stderr
    assert f"Plan: about {expected['total']['requests']:,} requests" in done.stdout.splitlines()[0]

    plan = planned(data, *more)

    assert plan["total"]["requests"] == 0
    (run,) = rows(data, "SELECT run_id, n_requests, cost_usd FROM runs ORDER BY finished_at DESC LIMIT 1")
    assert plan["last"]["run_id"] == run["run_id"]
    assert plan["last"]["expected"] == expected["total"]
    assert plan["last"]["took"]["requests"] == run["n_requests"]
    assert plan["last"]["took"]["usd"] == pytest.approx(run["cost_usd"])
    assert 0.5 < plan["last"]["took"]["requests"] / expected["total"]["requests"] < 2
    text = CliRunner().invoke(app, ["plan", *SMALL, *more, "--data", str(data)]).output
    assert f"The estimate for run {run['run_id']} was" in text


@pytest.mark.parametrize(
    ("expected", "took", "said"),
    [
        (100, 116, "too low: it took 16% more requests"),
        (100, 79, "too high: it took 21% fewer requests"),
        (100, 100, "right in requests"),
        (0, 12, "too low by 12 requests"),
        (0, 0, "right: no request"),
    ],
)
def test_how_far_off_an_estimate_was(expected: int, took: int, said: str) -> None:
    def amount(requests: int) -> dict[str, Any]:
        return Amount(
            stage="propose", requests=requests, tokens_in=10, tokens_out=1, usd=None, hours=0
        ).model_dump()

    forecast = Forecast(
        run_id="run",
        expected=Estimate(stages=(StageEstimate(**amount(expected)),)),
        took=(Amount(**amount(took)),),
    )
    assert f"was {said}:" in accuracy_text(forecast)


@pytest.mark.parametrize(
    ("settings", "of_known", "of_new"),
    [
        ([], 24, 0),
        (["annotate.limit=10"], 10, 0),
        (["annotate.method=react"], 0, 24),
        (["annotate.method=react", "annotate.limit=10"], 0, 10),
        (["annotate.rules=toolbench"], 0, 24),
        (["annotate.method=react@budget"], 0, 24),
        (["annotate.method=react@budget", "annotate.budget_of=react@3"], 0, 0),
        (["annotate.method=react", "evaluate.against=dfsdt"], 0, 24),
    ],
)
def test_votes_are_counted_on_the_answers_that_a_refresh_will_have(
    data: Path, settings: list[str], of_known: int, of_new: int
) -> None:
    """No answer was judged yet: of each, three votes on it and three on its task, but where it is certain."""
    known = rows(data, "SELECT win FROM annotations ORDER BY instruction_id")[:of_known]
    words = [word for setting in (*settings, "evaluate.in_refresh=true") for word in ("--set", setting)]
    plan = planned(data, *words)
    expected = 3 * (of_known + sum(row["win"] for row in known)) + 6 * of_new
    assert requests_of(plan)["evaluate"] == expected
    assert requests_of(plan).get("prefer", 0) == 0
    assert (requests_of(plan)["annotate"] > 0) == (of_new > 0)


def test_judging_alone_is_estimated_without_a_request(data: Path) -> None:
    (found,) = rows(data, "SELECT count(*) AS n, count(*) FILTER (win) AS n_won FROM annotations")
    words = ["evaluate", "--estimate", "--votes", "1", *SMALL, "--data", str(data)]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[2].split()[:2] == ["evaluate", f"{found['n'] + found['n_won']:,}"]


def test_an_estimate_refuses_a_method_that_nobody_used_as_judging_does(data: Path) -> None:
    words = ["evaluate", "--estimate", "--against", "nosuch", *SMALL, "--data", str(data)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "no answer is of the method 'nosuch', with which the others are to be compared" in result.output
