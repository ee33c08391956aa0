"""`toolloom import toolbench`: a run of its own, whose searches can be exported again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import SMALL, Sandbox, refused
from imports import imported, rejects
from searched_world import RAIN, TIDE, says, search, write_world
from searched_world import answers as answering
from snapshots import Snapshot
from typer.testing import CliRunner
from warm import WarmToolloom

from flows.cli import app
from tasks.exporting.export import export_run
from tasks.exporting.params import ExportParams
from warehouse import manifest
from warehouse.connect import open_database

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "toolbench"


def export(data: Path, out: Path) -> Path:
    export_run(data, "toolbench", out, run=None, params=ExportParams())
    return out


def answers_in(folder: Path) -> dict[str, Any]:
    """Contents by scenario's folder and name."""
    paths = [path for path in folder.rglob("G*/*.json") if path.name[0].isdigit()]
    return {f"{path.parent.name}/{path.name}": json.loads(path.read_text("utf-8")) for path in paths}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The answer files of a small world."""
    root = tmp_path_factory.mktemp("answers")
    write_world(root / "data")
    return export(root / "data", root / "toolbench")


def asked(data: Path, sql: str) -> list[tuple[Any, ...]]:
    with open_database(data) as connection:
        return connection.execute(sql).fetchall()


def test_what_was_exported_comes_back_the_same(answers: Path, tmp_path: Path) -> None:
    imported(tmp_path / "data", answers)

    again = answers_in(export(tmp_path / "data", tmp_path / "out"))

    assert again == answers_in(answers)
    assert len(again) == 5


def test_ranked_searches_come_back_the_same(tmp_path: Path) -> None:
    ranked = [says("Rain?", RAIN), says(TIDE), says("A"), says("B"), says("Done.", answering("Dry."))]
    write_world(tmp_path / "ours", [search("beach", ranked, method="dfs_ranked")])
    exported = export(tmp_path / "ours", tmp_path / "toolbench")
    imported(tmp_path / "data", exported)

    again = answers_in(export(tmp_path / "data", tmp_path / "out"))

    assert again == answers_in(exported)
    assert len(again) == 1


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="published answers are not part of the repository")
def test_published_trees_come_back_the_same(tmp_path: Path) -> None:
    imported(tmp_path / "data", PUBLISHED)

    before, after = answers_in(PUBLISHED), answers_in(export(tmp_path / "data", tmp_path / "out"))

    assert {name: json.dumps(content["tree"]) for name, content in after.items()} == {
        name: json.dumps(content["tree"]) for name, content in before.items()
    }
    same = ["win", "forward_args", "compare_candidates"]
    assert [[content[key] for key in same] for content in after.values()] == [
        [before[name][key] for key in same] for name in after
    ]
    counted = "SELECT n_queries, count(DISTINCT query_no) FROM annotations JOIN nodes USING (annotation_id)"
    assert all(
        n == told for told, n in asked(tmp_path / "data", f"{counted} GROUP BY annotation_id, n_queries")
    )


def test_query_files_say_what_was_offered_and_needed(answers: Path, tmp_path: Path) -> None:
    imported(tmp_path / "data", answers)
    sail = "FROM instructions WHERE query LIKE '%sail%'"

    assert asked(tmp_path / "data", f"SELECT api_ids, relevant_apis {sail}") == [
        (
            ["Sea/sea/tide", "Weather/sky/rain"],
            [{"tool_name": "Sea", "api_name": "Tide", "api_id": "Sea/sea/tide"}],
        )
    ]


def test_query_files_and_corpus_come_back_the_same(answers: Path, tmp_path: Path) -> None:
    imported(tmp_path / "data", answers)
    again = export(tmp_path / "data", tmp_path / "out")

    for scenario in ("G1", "G2", "G3"):
        before, after = (
            {
                entry["query_id"]: {**entry, "instruction_id": ""}
                for entry in json.loads((folder / f"{scenario}_query.json").read_text())
            }
            for folder in (answers, again)
        )
        assert after == before
        texts = [
            [
                line.partition("\t")[2]
                for line in (folder / f"retrieval/{scenario}/corpus.tsv").read_text().splitlines()
            ]
            for folder in (answers, again)
        ]
        assert sorted(texts[0]) == sorted(texts[1])


def test_documentation_is_kept_as_a_query_file_has_it(answers: Path, tmp_path: Path) -> None:
    shutil.copytree(answers / "G2_answer", tmp_path / "G2_answer")
    queries = json.loads((answers / "G2_query.json").read_text())
    for query in queries:
        query["api_list"][0] |= {
            "template_response": {"at": "str"},
            "method": "get",
            "of_our_own": [None, 12345678901234567890123],
        }
        query["api_list"].append(query["api_list"][0])
        function = {"name": "again", "parameters": {}}
        for path in (tmp_path / "G2_answer").glob(f"{query['query_id']}_*.json"):
            content = json.loads(path.read_text())
            content["answer_generation"]["function"].insert(0, function)
            path.write_text(json.dumps(content))
    (tmp_path / "G2_query.json").write_text(json.dumps(queries))
    imported(tmp_path / "data", tmp_path)

    again = json.loads((export(tmp_path / "data", tmp_path / "out") / "G2_query.json").read_text())
    assert {entry["query"]: entry["api_list"] for entry in again} == {
        entry["query"]: entry["api_list"] for entry in queries
    }


def test_without_query_files_functions_say_what_was_offered(answers: Path, tmp_path: Path) -> None:
    shutil.copytree(answers / "G2_answer", tmp_path / "G2_answer")
    (tmp_path / "G2_query.json").write_text("[")
    output = imported(tmp_path / "data", tmp_path)

    found = asked(
        tmp_path / "data", "SELECT api_ids, relevant_apis FROM instructions WHERE query LIKE '%sail%'"
    )
    assert found == [(["sea/tide", "sky/rain"], [])]
    (remark,) = rejects(tmp_path / "data", output)
    assert (remark.row_id, remark.reason, remark.detail[:13]) == (
        "G2_query.json",
        "partly_read",
        "it is no JSON",
    )
    assert (output.counts.n_in, output.counts.n_rejected) == (2, 0)


def test_what_is_imported_twice_is_there_once(answers: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    shutil.copytree(answers / "G1_answer", few / "G1_answer")
    for path in list((few / "G1_answer").iterdir()):
        (few / "G1_answer" / f"0{path.name}").write_bytes(path.read_bytes())
    (few / "G1_answer" / "9_DFS_w2.json").write_text("{}")
    first = imported(tmp_path / "data", few)
    imported(tmp_path / "data", answers, run="more")
    again = imported(tmp_path / "data", answers, run="again")

    refused_first = [each.reason for each in rejects(tmp_path / "data", first)]
    assert sorted(refused_first) == ["duplicate", "malformed"]
    assert asked(tmp_path / "data", "SELECT count(*), count(DISTINCT annotation_id) FROM annotations") == [
        (5, 5)
    ]
    alone = imported(tmp_path / "alone", answers)
    assert [ref.file_digest for ref in again.tables["annotations"]] == [
        ref.file_digest for ref in alone.tables["annotations"]
    ]


def test_documentation_stays_where_a_later_folder_has_no_queries(answers: Path, tmp_path: Path) -> None:
    for scenario in ("G1", "G2"):
        shutil.copytree(answers / f"{scenario}_answer", tmp_path / "later" / f"{scenario}_answer")
    imported(tmp_path / "data", answers)
    before = asked(tmp_path / "data", "FROM instructions ORDER BY ALL")

    imported(tmp_path / "data", tmp_path / "later", run="later")

    assert asked(tmp_path / "data", "FROM instructions ORDER BY ALL") == before


def test_every_file_is_an_answer_or_a_reject(answers: Path, tmp_path: Path) -> None:
    shutil.copytree(answers / "G2_answer", tmp_path / "G2_answer")
    odd = {"query_id": 1, "query": "Sail?", "api_list": [7], "relevant APIs": [[["Sea"], {}], "Sea"]}
    (tmp_path / "G2_query.json").write_text(json.dumps([odd, {"query_id": 2}, "other"]))
    (tmp_path / "G3_query.json").write_text("{}")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "7_CoT@1.json").write_text("{}")
    output = imported(tmp_path / "data", tmp_path)

    assert (output.counts.n_in, output.counts.n_out, output.counts.n_rejected) == (3, 2, 1)
    assert sorted((each.row_id, each.reason, each.detail) for each in rejects(tmp_path / "data", output)) == [
        (
            "G2_query.json",
            "partly_read",
            "2 of 3 entries have no query_id, query or api_list",
        ),
        ("G3_query.json", "partly_read", "it is no list of queries"),
        ("mine/7_CoT@1.json", "of_no_set", "its folder is not called G1_answer or the like"),
    ]


def test_a_second_model_goes_beside_the_first_with_its_votes(tmp_path: Path) -> None:
    for model in ("one", "two"):
        answer = {"method": "CoT@1", "total_steps": 2, "final_answer": "", "answer_details": []}
        entry = {"query": "Rain?", "available_tools": [], "answer": answer}
        for name, content in {
            f"{model}/{model}/G1_tool.json": {"7": entry},
            f"{model}/pass_rate_results/G1_tool_{model}.json": {
                "7": {"is_solved": {"0": "AnswerStatus.Unsure"}}
            },
        }.items():
            (tmp_path / name).parent.mkdir(parents=True)
            (tmp_path / name).write_text(json.dumps(content))
    for number, model in enumerate(("one", "two", "one")):
        imported(tmp_path / "data", tmp_path / model, run=f"r{number}")

    assert asked(
        tmp_path / "data",
        "SELECT model, count(label) FROM annotations JOIN evaluations ON subject_id = annotation_id "
        "GROUP BY model ORDER BY model",
    ) == [("one", 1), ("two", 1)]
    assert asked(tmp_path / "data", "SELECT count(*) FROM instructions") == [(1,)]


def broken(folder: Path) -> Path:
    (folder / "G1_answer").mkdir(parents=True)
    (folder / "G1_answer" / "1_CoT@1.json").write_text("[]")
    return folder


def empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("format_", "make", "said"),
    [
        ("toolbench", empty, "no answer of ToolBench in"),
        ("toolbench", Path, "is not there"),
        ("openai", broken, "there is no format 'openai' to import"),
    ],
)
def test_what_is_no_folder_of_answers_is_told_before_anything_starts(
    tmp_path: Path, format_: str, make: Callable[[Path], Path], said: str
) -> None:
    words = ["import", format_, str(make(tmp_path / "folder")), "--data", str(tmp_path / "data")]
    done = CliRunner().invoke(app, words)

    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "data").exists()


def test_a_folder_of_others_is_not_made_a_data_folder(answers: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")

    done = CliRunner().invoke(app, ["import", "toolbench", str(answers), "--data", str(mine)])

    assert (done.exit_code, "holds files that are not Toolloom's (notes.txt)" in done.stderr) == (2, True)
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]


def test_a_folder_without_a_usable_answer_makes_no_run(toolloom: WarmToolloom, tmp_path: Path) -> None:
    done = toolloom("import", "toolbench", broken(tmp_path / "folder"), "--data", tmp_path / "data")

    code, message = refused(done)
    assert (code, "none of 1 answers can be used" in message) == (1, True), message
    assert "G1_answer/1_CoT@1.json: the file is no JSON object" in message
    assert not manifest.list_runs(tmp_path / "data")
    assert manifest.crashed_run(tmp_path / "data") is None


def test_an_import_stays_beside_what_a_refresh_makes(
    toolloom: WarmToolloom, sandbox: Sandbox, uninterrupted: Snapshot, answers: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(uninterrupted.data, data)
    (data / "report.html").write_text("of the run before")
    counted = "SELECT offer, count(*) FROM annotations GROUP BY offer ORDER BY offer"
    ours = asked(data, counted)

    done = toolloom("import", "toolbench", answers, "--data", data)

    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    run = manifest.newest(data)
    assert run is not None
    before = manifest.load(data, str(run.parent))
    assert (run.kind, run.status, before.kind, run.keys) == ("import", "complete", "refresh", before.keys)
    assert run.run_id in (data / "report.html").read_text()
    assert asked(data, counted) == [("imported", 5), *ours]
    assert asked(data, "SELECT n_in, n_out FROM funnel WHERE stage = 'import'") == [(5, 5)]

    again = toolloom("refresh", *SMALL, *sandbox.settings(), "--data", data)
    assert f"run {run.run_id} stands" in again.stdout, again.stdout + again.stderr

    more = toolloom("refresh", *SMALL, *sandbox.settings(), "--set", "instruct.accepted=20", "--data", data)
    assert more.returncode == 0, more.stdout + more.stderr
    assert ("imported", 5) in asked(data, counted)


TREES = "SELECT annotation_id, tokens_in, n_nodes, max_depth FROM annotations ORDER BY ALL"


@pytest.mark.parametrize("order", ["raw, converted", "converted, raw", "raw, converted, raw, converted"])
def test_raw_answers_stay_where_the_same_come_converted(order: str, answers: Path, tmp_path: Path) -> None:
    imported(tmp_path / "first", answers)
    export_run(tmp_path / "first", "tooleval", tmp_path / "tooleval", run=None, params=ExportParams())
    (made,) = (tmp_path / "tooleval").rglob("DFS_woFilter_w2")
    places = {"raw": tmp_path / "raw", "converted": tmp_path / "tooleval"}
    for scenario in ("G1", "G2"):  # as ToolEval's folders are called, which name the model
        of_set = tmp_path / "raw" / made.name / f"{scenario}_instruction"
        shutil.copytree(answers / f"{scenario}_answer", of_set)
    imported(tmp_path / "raw_alone", tmp_path / "raw")

    for number, name in enumerate(order.split(", ")):
        output = imported(tmp_path / "data", places[name], run=f"run{number}")

    raw, found = asked(tmp_path / "raw_alone", TREES), asked(tmp_path / "data", TREES)
    assert {*raw} < {*found}  # others are there as converted alone
    assert len(found) == len({annotation_id for annotation_id, *_ in found})
    told = [reject.reason for reject in rejects(tmp_path / "data", output)]
    assert told == (["duplicate"] * len(raw) if order.endswith("converted") else ["replaced"])
    assert output.counts.n_out == len(found)
    assert output.counts.n_rejected == told.count("duplicate")
