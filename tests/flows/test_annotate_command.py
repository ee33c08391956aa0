"""`toolloom annotate`: methods side by side, queries of files, replay."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import SMALL, Sandbox, at_endpoint, refused
from lesser_endpoints import endpoint_that
from llm_server import ModelServer
from prefect_records import artifacts, told_of
from serving import wait_for
from snapshots import Snapshot, rows
from toolbench_queries import SERVICE, mentions, query, tool_called, write_queries
from typer.testing import CliRunner
from warm import WarmToolloom

from flows.cli import app
from warehouse import manifest

WEATHER = {"category_name": "Weather", "tool_name": "Nowhere", "api_name": "forecast"}


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chemistry, units = mentions(tool_called("molecule-lab")), mentions(tool_called("unit-converter"))
    return write_queries(
        tmp_path_factory.mktemp("queries") / "G1_tool.json",
        query(7, "How heavy is a molecule of C6H12O6?", chemistry),
        query(8, "Convert 3 miles to kilometres, and tell the weather.", units, [WEATHER]),
        query(9, "What will the weather be?", [WEATHER]),
        {"query_id": 10, "api_list": units},
    )


@pytest.fixture(scope="module")
def annotated(
    toolloom: WarmToolloom, sandbox: Sandbox, queries: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A folder with nothing but the queries and what they bring along; and what was printed."""
    data = tmp_path_factory.mktemp("annotated") / "data"
    done = toolloom("annotate", "--queries", queries, *sandbox.settings(), *SERVICE, "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    return data, done.stdout


def test_queries_bring_their_catalogue_and_are_searched(annotated: tuple[Path, str]) -> None:
    data, _ = annotated

    assert rows(data, "SELECT stage, n_in, n_out, n_rejected FROM funnel WHERE stage <> 'crawl'") == [
        {"stage": "pose", "n_in": 4, "n_out": 2, "n_rejected": 2},
        {"stage": "annotate", "n_in": 2, "n_out": 2, "n_rejected": 0},
    ]
    found = rows(
        data,
        "SELECT regexp_extract(instruction_id, '(.*)-[0-9a-f]+', 1) AS id, split, "
        "len(relevant_apis) AS needed, n_calls > 0 AS called "
        "FROM annotations JOIN instructions USING (instruction_id) ORDER BY id",
    )
    common = {"split": "test_tool", "needed": 1, "called": True}
    assert found == [{"id": f"toolbench-G1-{number}", **common} for number in (7, 8)]


def test_bare_queries_are_offered_what_the_retriever_finds(
    toolloom: WarmToolloom, sandbox: Sandbox, uninterrupted: Snapshot, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(uninterrupted.data, data)
    bare = write_queries(
        tmp_path / "bare.json", "The distance between two airports, OSL and LIS, please.", {"query": "Zyx"}
    )
    arguments: list[str | Path] = ["annotate", "--queries", bare, "--offer", "retrieved@3"]
    done = toolloom(*arguments, *sandbox.settings(), "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr

    (found,) = rows(
        data,
        "SELECT offer, len(offered_api_ids) AS n, len(api_ids) AS named, "
        "list_contains(offered_api_ids, 'Travel/flight_distance/distance_between_airports') AS has_it "
        "FROM annotations JOIN instructions USING (instruction_id) WHERE query LIKE 'The distance%'",
    )
    assert re.fullmatch("retrieved@3:bm25:[0-9a-f]{16}", found.pop("offer"))
    assert found == {"n": 3, "named": 0, "has_it": True}
    assert rows(data, "SELECT reason FROM rejects WHERE stage = 'annotate'") == [{"reason": "no_api_found"}]


def test_apis_that_are_not_there_are_told_per_query(annotated: tuple[Path, str]) -> None:
    data, printed = annotated

    assert rows(data, "SELECT row_id, reason, detail FROM rejects WHERE stage = 'pose' ORDER BY row_id") == [
        {
            "row_id": f"G1_tool.json[1].api_list[{len(mentions(tool_called('unit-converter')))}]",
            "reason": "api_not_in_catalogue",
            "detail": "Weather / Nowhere / forecast",
        },
        {
            "row_id": "G1_tool.json[2]",
            "reason": "no_api_in_catalogue",
            "detail": "none of its 1 APIs is in the catalogue",
        },
        {
            "row_id": "G1_tool.json[2].api_list[0]",
            "reason": "api_not_in_catalogue",
            "detail": "Weather / Nowhere / forecast",
        },
        {"row_id": "G1_tool.json[3]", "reason": "no_query", "detail": "it has no text in `query`"},
    ]
    assert "api_not_in_catalogue: 2 in 2 queries" in printed


def test_annotating_leaves_what_every_run_leaves(annotated: tuple[Path, str], prefect_api: str) -> None:
    data, printed = annotated
    shown = manifest.newest(data)
    assert shown is not None

    assert shown.run_id in (data / "report.html").read_text()
    assert f"  report    {data / 'report.html'}" in printed
    reports = [each["data"] for each in artifacts(prefect_api, "annotate-report")]
    assert len([text for text in reports if f"Run {shown.run_id}: 2 searches" in text]) == 1
    event = wait_for(lambda: told_of(prefect_api, "toolloom.run.committed", shown.run_id))
    assert (event["kind"], event["status"], event["data"]) == ("annotate", "complete", str(data))


def test_a_commit_whose_run_was_removed_is_made_again(
    toolloom: WarmToolloom, sandbox: Sandbox, annotated: tuple[Path, str], queries: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(annotated[0], data)
    command = ["annotate", "--queries", str(queries), *sandbox.settings(), *SERVICE, "--data", str(data)]
    first = toolloom(*command)
    again = manifest.newest(data)
    assert first.returncode == 0, first.stdout + first.stderr
    assert again is not None
    manifest.path_of(data, again.run_id).unlink()

    done = toolloom(*command)

    assert done.returncode == 0, done.stdout + done.stderr
    shown = manifest.newest(data)
    assert shown is not None
    assert (shown.parent, shown.stages) == (again.parent, again.stages)


def test_files_that_are_gone_are_told_of_by_every_kind_of_run(
    toolloom: WarmToolloom, sandbox: Sandbox, annotated: tuple[Path, str], queries: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(annotated[0], data)
    shown = manifest.newest(data)
    assert shown is not None
    (ref,) = shown.tables["calls"]
    (data / ref.path).unlink()

    done = toolloom("annotate", "--queries", queries, *sandbox.settings(), *SERVICE, "--data", data)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"gone, damaged or of others: 1 of the files of run {shown.run_id} (calls)" in done.stdout


@pytest.mark.slow
def test_methods_stand_side_by_side_and_the_fair_one_spends_as_much(
    toolloom: WarmToolloom, sandbox: Sandbox, annotated: tuple[Path, str], queries: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(annotated[0], data)
    common = [*sandbox.settings(), *SERVICE, "--data", str(data)]

    for method in ("react@2", "react@budget"):
        done = toolloom("annotate", "--queries", queries, "--method", method, *common)
        assert done.returncode == 0, done.stdout + done.stderr

    found = rows(
        data, "SELECT method, count(*) AS n, bool_and(n_nodes > 1) AS trees FROM annotations GROUP BY ALL"
    )
    assert sorted((row["method"], row["n"], row["trees"]) for row in found) == [
        ("dfsdt", 2, True),
        ("react@2", 2, True),
        ("react@budget", 2, True),
    ]
    spent = rows(
        data,
        "SELECT fair.n_queries <= dfsdt.n_queries AS fair FROM annotations AS fair "
        "JOIN annotations AS dfsdt USING (instruction_id) "
        "WHERE fair.method = 'react@budget' AND dfsdt.method = 'dfsdt'",
    )
    assert spent == [{"fair": True}] * 2
    nodes = rows(data, "SELECT count(*) AS n FROM nodes ANTI JOIN annotations USING (annotation_id)")
    assert nodes == [{"n": 0}]


@pytest.mark.slow
def test_a_replay_calls_no_api(
    toolloom: WarmToolloom, sandbox: Sandbox, annotated: tuple[Path, str], queries: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(annotated[0], data)
    before = trees(data)
    nowhere = ["--set", "sandbox.serve=false", "--set", "llm.base_url=http://127.0.0.1:9/v1"]
    nowhere += ["--set", 'calling.resolve={"*.sandbox.test" = "http://127.0.0.1:9"}']

    done = toolloom("annotate", "--queries", queries, "--replay", *nowhere, *SERVICE, "--data", data)

    assert done.returncode == 0, done.stdout + done.stderr
    assert trees(data) == before
    assert rows(data, "SELECT DISTINCT origin FROM calls ORDER BY origin") == [
        {"origin": "real"},
        {"origin": "replayed"},
    ]
    del sandbox


def trees(data: Path) -> list[dict[str, Any]]:
    return rows(data, "SELECT * FROM nodes ORDER BY annotation_id, node_id")


@pytest.mark.slow
def test_a_replay_of_what_was_never_asked_says_so(
    toolloom: WarmToolloom, sandbox: Sandbox, queries: Path, tmp_path: Path
) -> None:
    common = [*sandbox.settings(), *SERVICE, "--data", str(tmp_path / "data")]

    done = toolloom("annotate", "--queries", queries, "--replay", *common)

    assert done.returncode == 0, done.stdout + done.stderr
    found = rows(tmp_path / "data", "SELECT DISTINCT origin, outcome FROM calls")
    assert found == [{"origin": "not_recorded", "outcome": "not_recorded"}]


@pytest.mark.slow
def test_without_a_search_to_compare_with_there_is_no_budget(
    toolloom: WarmToolloom, sandbox: Sandbox, queries: Path, tmp_path: Path
) -> None:
    common = [*sandbox.settings(), *SERVICE, "--data", str(tmp_path / "data")]

    code, text = refused(toolloom("annotate", "--queries", queries, "--method", "react@budget", *common))

    assert code == 1
    assert "no_budget 2" in text
    (reject,) = rows(tmp_path / "data", "SELECT DISTINCT detail FROM rejects WHERE reason = 'no_budget'")
    assert "run `toolloom annotate --method dfsdt` first" in reject["detail"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{not json", "it is not JSON"),
        ('{"query": "x"}', "it is no JSON list of queries"),
        ("[1, 2]", "it is no JSON list of queries"),
        ("[]", "it is an empty list\n"),
        (None, "does not exist"),
    ],
)
def test_a_file_without_queries_is_refused_before_anything_starts(
    tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "queries.json"
    if content is not None:
        path.write_text(content)

    refusal = CliRunner().invoke(app, ["annotate", "--queries", str(path), "--data", str(tmp_path / "data")])

    assert refusal.exit_code == 2
    assert f"--queries {path}" in refusal.output
    assert message in refusal.output
    assert "`api_list`" in refusal.output


@pytest.mark.slow
def test_queries_that_lack_what_is_needed_are_told(
    toolloom: WarmToolloom, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = write_queries(tmp_path / "queries.json", {"query_id": 1, "query": "Will it rain?"})
    common = [*sandbox.settings(), *SERVICE, "--data", str(tmp_path / "data")]

    code, text = refused(toolloom("annotate", "--queries", path, *common))

    assert code == 1
    assert "malformed 1" in text
    (reject,) = rows(tmp_path / "data", "SELECT DISTINCT detail FROM rejects")
    assert "api_list" in reject["detail"]


@pytest.mark.slow
@pytest.mark.parametrize("tools", ["auto", "native"])
def test_a_model_that_calls_nothing_is_told_and_costs_nothing_that_was_there(
    toolloom: WarmToolloom, sandbox: Sandbox, annotated: tuple[Path, str], tmp_path: Path, tools: str
) -> None:
    data = tmp_path / "data"
    shutil.copytree(annotated[0], data)
    units = mentions(tool_called("unit-converter"))
    path = write_queries(
        tmp_path / "G1_tool.json", *(query(n, f"Convert {n} miles to kilometres.", units) for n in range(20))
    )
    before = rows(data, "SELECT * FROM annotations ORDER BY annotation_id")

    with ModelServer(otherwise=endpoint_that(ignores=("tools", "tool_choice"))) as chatting:
        model = [*at_endpoint(chatting.url), "--set", f"llm.tools={tools}"]
        common = [*sandbox.settings(), *SERVICE, *model, "--data", str(data)]
        code, text = refused(toolloom("annotate", "--queries", path, *common))

    assert code == 1
    assert "called no function in its first" in text
    assert "set [llm] model to one that can call functions" in text
    assert rows(data, "SELECT * FROM annotations ORDER BY annotation_id") == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "bfs"], "annotate.method"),
        (["--set", "annotate.rules=mine"], "annotate.rules"),
        (["--set", "annotate.width=0"], "annotate.width"),
    ],
)
def test_a_wrong_setting_is_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    refusal = CliRunner().invoke(app, ["annotate", *arguments, "--data", str(tmp_path / "data")])

    assert refusal.exit_code == 2
    assert message in refusal.output


@pytest.mark.slow
def test_a_refresh_that_changes_nothing_keeps_what_stands_beside(
    toolloom: WarmToolloom, sandbox: Sandbox, uninterrupted: Snapshot, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(uninterrupted.data, data)
    common = [*SMALL, *sandbox.settings(), "--data", str(data)]
    done = toolloom("annotate", "--method", "react@3", *common)
    assert done.returncode == 0, done.stdout + done.stderr
    side_by_side = methods(data)

    done = toolloom("refresh", *common)

    assert "Up to date" in done.stdout, done.stdout + done.stderr
    assert side_by_side == {"dfsdt": 24, "react@3": 24}
    assert methods(data) == side_by_side

    done = toolloom("refresh", *common, "--set", "instruct.accepted=12")

    assert done.returncode == 0, done.stdout + done.stderr
    assert methods(data) == {"dfsdt": 12, "react@3": 12}
    assert [run.kind for run in manifest.list_runs(data)] == ["refresh", "annotate", "refresh"]


def methods(data: Path) -> dict[str, int]:
    found = rows(data, "SELECT method, count(*) AS n FROM annotations GROUP BY ALL ORDER BY ALL")
    return {row["method"]: row["n"] for row in found}
