"""`toolloom retriever evaluate` and `toolloom find`: over a data folder, and over query files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import SMALL, Sandbox
from snapshots import Snapshot, rows
from toolbench_queries import mentions, query, tool_called, write_queries
from typer.testing import CliRunner
from warm import WarmToolloom

import toolloom as python_face
from flows.cli import app

NEED = "How far apart are two airports?"


@pytest.fixture(scope="module")
def at_teacher(sandbox: Sandbox) -> list[str]:
    """`--set` arguments that have the teacher make the vectors."""
    said = {"model": "endpoint", "endpoint.base_url": sandbox.teacher, "endpoint.model": "toolloom-teacher"}
    return [part for name, value in said.items() for part in ("--set", f"retriever.{name}={value}")]


@pytest.fixture(scope="module")
def measured(
    toolloom: WarmToolloom,
    sandbox: Sandbox,
    uninterrupted: Snapshot,
    at_teacher: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, list[dict[str, Any]]]:
    """A folder whose instructions retrievers were measured on; and what was printed."""
    data = tmp_path_factory.mktemp("measured") / "data"
    shutil.copytree(uninterrupted.data, data)
    arguments = ["retriever", "evaluate", "--format", "json"]
    done = toolloom(*arguments, *SMALL, *sandbox.settings(), *at_teacher, "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    return data, json.loads(done.stdout)


def test_all_kept_apis_are_ranked_for_all_instructions(measured: tuple[Path, Any]) -> None:
    data, _ = measured
    assert rows(
        data,
        "SELECT retriever, count(*) = (SELECT count(*) FROM instructions) AS all_of_them, "
        "bool_and(n_apis = (SELECT count(*) FROM documents)) AS all_apis, "
        "bool_and(len(ranks) = len(relevant_apis)) AS all_needed, "
        "bool_and(list_max(ranks) <= n_apis AND list_min(ranks) >= 1) AS are_ranks "
        "FROM retrieval_ranks JOIN instructions USING (instruction_id) GROUP BY ALL ORDER BY ALL",
    ) == [
        {"retriever": each, "all_of_them": True, "all_apis": True, "all_needed": True, "are_ranks": True}
        for each in ("bm25", "bm25+toolloom-teacher", "toolloom-teacher")
    ]


def test_every_kept_api_has_a_vector(measured: tuple[Path, Any]) -> None:
    data, _ = measured
    (n,) = rows(
        data,
        "SELECT count(*) AS apis, count(vector) AS vectors "
        "FROM documents LEFT JOIN embeddings USING (api_id)",
    )
    assert n["vectors"] == n["apis"] > 0


def test_what_is_printed_is_what_the_view_says(measured: tuple[Path, list[dict[str, Any]]]) -> None:
    data, printed = measured
    (of_all,) = [
        row
        for row in printed
        if (row["retriever"], row["instructions"], row["twins"], row["k"]) == ("bm25", "all", "apart", 5)
    ]
    (said,) = rows(
        data,
        "SELECT count(*) AS n, avg(ndcg) AS ndcg, avg(recall) AS recall, avg(complete) AS complete "
        "FROM retrieval_scores WHERE k = 5 AND twins = 'apart' AND retriever = 'bm25'",
    )
    assert {name: of_all[name] for name in said} == pytest.approx(said)
    assert of_all["ndcg_low"] <= of_all["ndcg"] <= of_all["ndcg_high"]


KEPT = "SELECT (SELECT count(*) FROM embeddings) AS vectors, (SELECT count(*) FROM retrieval_ranks) AS ranks"


def test_a_refresh_of_the_same_encodes_nothing_and_keeps_vectors_and_ranks(
    measured: tuple[Path, Any], toolloom: WarmToolloom, sandbox: Sandbox, at_teacher: list[str]
) -> None:
    data, _ = measured
    before, encodings = rows(data, KEPT), sandbox.stats["by_stage"]["embed"]
    done = toolloom("refresh", *SMALL, *sandbox.settings(), *at_teacher, "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(data, KEPT) == before
    assert sandbox.stats["by_stage"]["embed"] == encodings


@pytest.mark.slow
def test_a_refresh_that_cannot_encode_leaves_vectors_behind_and_goes_on(
    measured: tuple[Path, Any], toolloom: WarmToolloom, sandbox: Sandbox
) -> None:
    data, _ = measured
    before = rows(data, KEPT)
    done = toolloom("refresh", *SMALL, *sandbox.settings(), "--data", data)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "vectors are left behind" in done.stdout
    assert rows(data, KEPT) == before


def test_find_shows_the_best_apis(measured: tuple[Path, Any]) -> None:
    data, _ = measured
    (api,) = rows(
        data, "SELECT api_id, description FROM apis JOIN documents USING (api_id) ORDER BY 1 LIMIT 1"
    )
    done = CliRunner().invoke(
        app, ["find", api["description"], "--k", "2", "--format", "json", "--data", str(data)]
    )
    found = json.loads(done.stdout)
    assert done.exit_code == 0
    assert len(found) <= 2
    assert found[0]["api_id"] == api["api_id"]


def test_find_says_which_retriever_answered(measured: tuple[Path, Any], at_teacher: list[str]) -> None:
    plain = CliRunner().invoke(app, ["find", NEED, "--k", "1", "--data", str(measured[0])])
    mixed = CliRunner().invoke(
        app, ["find", NEED, "--k", "2", "--format", "json", *at_teacher, "--data", str(measured[0])]
    )
    assert "by bm25, among" in plain.stdout
    assert [row["retriever"] for row in json.loads(mixed.stdout)] == ["bm25+toolloom-teacher"] * 2


def test_more_apis_than_there_are_is_all_of_them_and_said(measured: tuple[Path, Any]) -> None:
    with python_face.open_data(measured[0]) as data, pytest.warns(UserWarning, match="fewer than 100,000"):
        found = data.find_apis(NEED, k=100_000, retriever="bm25")
    assert found.api_id.is_unique


def test_words_that_no_api_shares_find_none_and_it_is_said(measured: tuple[Path, Any]) -> None:
    arguments = ["find", "飞机场之间的距离", "--retriever", "bm25", "--data", str(measured[0])]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0
    assert "no API shares a word with that" in done.output
    assert "0 rows" in done.output


def test_a_named_model_that_is_not_there_does_not_give_way_to_bm25(measured: tuple[Path, Any]) -> None:
    done = CliRunner().invoke(
        app, ["find", NEED, "--retriever", "package:nothing-here", "--data", str(measured[0])]
    )
    assert done.exit_code == 2
    assert "nothing-here" in done.output


def test_queries_of_files_need_no_data_folder(tmp_path: Path) -> None:
    weather, words = (mentions(tool_called(slug)) for slug in ("moon-watch", "loan-planner"))
    asked = [
        query(1, f"Please, {weather[0]['api_description']}", weather),
        query(2, f"I want this: {words[0]['api_description']}", words, weather),
    ]
    file = write_queries(tmp_path / "G1_tool.json", *asked)
    done = CliRunner().invoke(app, ["retriever", "evaluate", "--queries", str(file), "--format", "json"])
    assert done.exit_code == 0, done.output
    first = json.loads(done.stdout)[0]
    assert (first["n"], first["n_apis"], first["ndcg"]) == (2, len(weather) + len(words), 1.0)


@pytest.mark.parametrize(
    ("model", "retrievers"),
    [
        pytest.param("endpoint", ["bm25", "bm25+toolloom-teacher", "toolloom-teacher"], id="of an endpoint"),
        pytest.param("newest", ["bm25"], id="none that was trained"),
    ],
)
def test_the_model_in_use_is_measured_on_queries_of_files(
    model: str, retrievers: list[str], at_teacher: list[str], tmp_path: Path
) -> None:
    apis = mentions(tool_called("moon-watch"))
    file = write_queries(tmp_path / "G1_tool.json", query(1, f"Please, {apis[0]['api_description']}", apis))
    named = [*at_teacher, "--set", f"retriever.model={model}", "--data", str(tmp_path / "data")]
    done = CliRunner().invoke(
        app, ["retriever", "evaluate", "--queries", str(file), *named, "--format", "json"]
    )
    assert done.exit_code == 0, done.output
    assert sorted({row["retriever"] for row in json.loads(done.stdout)}) == retrievers


def test_a_model_that_is_named_and_cannot_be_used_measures_nothing(tmp_path: Path) -> None:
    apis = mentions(tool_called("moon-watch"))
    file = write_queries(tmp_path / "G1_tool.json", query(1, "Please", apis))
    named = ["--set", "retriever.model=package:nothing-here", "--data", str(tmp_path / "data")]
    done = CliRunner().invoke(app, ["retriever", "evaluate", "--queries", str(file), *named])
    assert done.exit_code == 2
    assert "pip install nothing-here" in done.output
    assert not (tmp_path / "data").exists()


def test_a_query_that_needs_what_it_does_not_describe_is_left_out_and_told(tmp_path: Path) -> None:
    apis = mentions(tool_called("moon-watch"))
    whole = query(1, f"Please, {apis[0]['api_description']}", apis)
    lacking = query(2, "And this", apis) | {"relevant APIs": [["Moon Watch", "Nowhere"]]}
    file = write_queries(tmp_path / "G1_tool.json", whole, lacking, {"query": "no list"})
    done = CliRunner().invoke(app, ["retriever", "evaluate", "--queries", str(file)])
    assert done.exit_code == 0, done.output
    assert "left out: 2 of 3 queries" in done.output
    assert "1 instructions" in done.output


def test_judged_queries_bring_their_corpus_along(tmp_path: Path) -> None:
    files = {
        "corpus.jsonl": '{"_id": "a", "text": "apples"}\n{"_id": "b", "text": "pears"}\n',
        "queries.jsonl": '{"_id": "1", "text": "an apple"}\n{"_id": "2", "text": "no need"}\n',
        "qrels/test.tsv": "query-id\tcorpus-id\tscore\n1\ta\t1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = CliRunner().invoke(app, ["retriever", "evaluate", "--queries", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "left out: 1 of 2 queries, of which nothing is judged to be needed" in done.output
    assert "1 instructions, each ranking 2 APIs" in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["find", "!!"], "there is no word to go by"),
        (["find", "weather"], "there is no catalogue"),
        (["retriever", "evaluate"], "there is no data set"),
        (["retriever", "embed"], "there is no data set"),
        (["retriever", "evaluate", "--queries", "nowhere.json"], "--queries"),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*arguments, "--data", str(tmp_path / "empty")])
    assert done.exit_code == 2
    assert said in done.output
    assert "fix:" in done.output
