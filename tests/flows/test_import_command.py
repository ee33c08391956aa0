"""`toolloom import toolbench`: a run of its own, whose searches can be exported again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from searched_world import RAIN, RUN, TIDE, says, search, write_world
from searched_world import answers as answering
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.importing import import_folder
from tasks.exporting.export import export_run
from tasks.exporting.params import ExportParams
from tasks.frame.stage import KEYS
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
    import_folder(tmp_path / "data", "toolbench", answers)

    again = answers_in(export(tmp_path / "data", tmp_path / "out"))

    assert again == answers_in(answers)
    assert len(again) == 5


def test_ranked_searches_come_back_the_same(tmp_path: Path) -> None:
    ranked = [says("Rain?", RAIN), says(TIDE), says("A"), says("B"), says("Done.", answering("Dry."))]
    write_world(tmp_path / "ours", [search("beach", ranked, method="dfs_ranked")])
    exported = export(tmp_path / "ours", tmp_path / "toolbench")
    import_folder(tmp_path / "data", "toolbench", exported)

    again = answers_in(export(tmp_path / "data", tmp_path / "out"))

    assert again == answers_in(exported)
    assert len(again) == 1


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="published answers are not part of the repository")
def test_published_trees_come_back_the_same(tmp_path: Path) -> None:
    import_folder(tmp_path / "data", "toolbench", PUBLISHED)

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
    import_folder(tmp_path / "data", "toolbench", answers)
    sail = "FROM instructions WHERE query LIKE '%sail%'"

    assert asked(tmp_path / "data", f"SELECT api_ids, relevant_apis {sail}") == [
        (
            ["Sea/sea/tide", "Weather/sky/rain"],
            [{"tool_name": "Sea", "api_name": "Tide", "api_id": "Sea/sea/tide"}],
        )
    ]


def test_query_files_and_corpus_come_back_the_same(answers: Path, tmp_path: Path) -> None:
    import_folder(tmp_path / "data", "toolbench", answers)
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
    import_folder(tmp_path / "data", "toolbench", tmp_path)

    again = json.loads((export(tmp_path / "data", tmp_path / "out") / "G2_query.json").read_text())
    assert {entry["query"]: entry["api_list"] for entry in again} == {
        entry["query"]: entry["api_list"] for entry in queries
    }


def test_without_query_files_functions_say_what_was_offered(answers: Path, tmp_path: Path) -> None:
    shutil.copytree(answers / "G2_answer", tmp_path / "G2_answer")
    (tmp_path / "G2_query.json").write_text("[")
    run = import_folder(tmp_path / "data", "toolbench", tmp_path)

    found = asked(
        tmp_path / "data", "SELECT api_ids, relevant_apis FROM instructions WHERE query LIKE '%sail%'"
    )
    assert found == [(["sea/tide", "sky/rain"], [])]
    assert [each.partition(": it is no JSON")[0] for each in run.unused] == ["G2_query.json"]


def test_an_import_is_a_run_on_top_of_what_was_there(answers: Path, tmp_path: Path) -> None:
    write_world(tmp_path / "data")
    run = import_folder(tmp_path / "data", "toolbench", answers)

    committed = manifest.load(tmp_path / "data", run.run_id)
    assert (committed.kind, committed.status, committed.parent) == ("import", "complete", RUN)
    assert asked(
        tmp_path / "data", "SELECT offer, count(*) FROM annotations GROUP BY offer ORDER BY offer"
    ) == [
        ("imported", 5),
        ("sampled", 5),
    ]
    assert asked(tmp_path / "data", "SELECT stage, n_in, n_out FROM funnel") == [("import", 5, 5)]


@pytest.mark.parametrize("keys", [1, KEYS])
def test_an_import_is_of_the_keys_of_what_it_stands_on(answers: Path, tmp_path: Path, keys: int) -> None:
    write_world(tmp_path)
    before = manifest.load(tmp_path, RUN)
    manifest.commit(tmp_path, before.model_copy(update={"run_id": f"{RUN}-again", "keys": keys}))

    run = import_folder(tmp_path, "toolbench", answers)

    assert manifest.load(tmp_path, run.run_id).keys == keys


def test_an_import_into_nothing_is_of_the_keys_of_today(answers: Path, tmp_path: Path) -> None:
    run = import_folder(tmp_path, "toolbench", answers)

    assert manifest.load(tmp_path, run.run_id).keys == KEYS


def test_the_report_is_that_of_the_import(answers: Path, tmp_path: Path) -> None:
    write_world(tmp_path / "data")
    (tmp_path / "data" / "report.html").write_text("of the run before")
    run = import_folder(tmp_path / "data", "toolbench", answers)

    assert run.run_id in (tmp_path / "data" / "report.html").read_text()


def test_a_folder_of_others_is_not_made_a_data_folder(answers: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")

    done = typed("toolbench", answers, "--data", mine)

    assert (done.exit_code, "holds files that are not Toolloom's (notes.txt)" in done.stderr) == (2, True)
    assert [path.name for path in mine.iterdir()] == ["notes.txt"]


def test_a_search_is_imported_once(answers: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    (few / "G1_answer").mkdir(parents=True)
    for path in (answers / "G1_answer").iterdir():
        (few / "G1_answer" / path.name).write_bytes(path.read_bytes())
        (few / "G1_answer" / f"0{path.name}").write_bytes(path.read_bytes())
    (few / "G1_answer" / "9_DFS_w2.json").write_text("{}")
    import_folder(tmp_path / "data", "toolbench", few)
    run = import_folder(tmp_path / "data", "toolbench", answers)

    assert [(each.reason, each.row_id.partition("/")[0]) for each in run.imported.rejects] == [
        ("imported_before", "G1_answer")
    ]
    assert asked(tmp_path / "data", "SELECT count(*), count(DISTINCT annotation_id) FROM annotations") == [
        (5, 5)
    ]
    assert asked(tmp_path / "data", "SELECT reason FROM rejects") == [("imported_before",)]
    earlier = manifest.list_runs(tmp_path / "data")[0].run_id
    with open_database(tmp_path / "data", earlier) as connection:
        found = connection.execute("SELECT reason FROM rejects ORDER BY reason").fetchall()
    assert found == [("duplicate",), ("malformed",)]


def typed(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["import", *map(str, words)])


def broken(folder: Path) -> Path:
    (folder / "G1_answer").mkdir(parents=True)
    (folder / "G1_answer" / "1_CoT@1.json").write_text("[]")
    return folder


def empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("format_", "make", "code", "said"),
    [
        ("toolbench", broken, 1, "none of 1 answer files could be imported: 1 malformed"),
        ("toolbench", empty, 2, "no answer file of ToolBench in"),
        ("toolbench", Path, 2, "is not there"),
        ("openai", broken, 2, "there is no format 'openai' to import"),
    ],
)
def test_what_cannot_be_imported_is_told(
    tmp_path: Path, format_: str, make: Callable[[Path], Path], code: int, said: str
) -> None:
    done = typed(format_, make(tmp_path / "folder"), "--data", tmp_path / "data")

    assert (done.exit_code, said in done.stderr) == (code, True), done.stderr
    assert not manifest.list_runs(tmp_path / "data")


def test_entries_of_query_files_that_cannot_be_used_are_counted(answers: Path, tmp_path: Path) -> None:
    shutil.copytree(answers / "G2_answer", tmp_path / "G2_answer")
    odd = {"query_id": 1, "query": "Sail?", "api_list": [7], "relevant APIs": [[["Sea"], {}], "Sea"]}
    (tmp_path / "G2_query.json").write_text(json.dumps([odd, {"query_id": 2}, "other"]))
    (tmp_path / "G3_query.json").write_text("{}")

    assert import_folder(tmp_path / "data", "toolbench", tmp_path).unused == (
        "G2_query.json: 2 of 3 entries have no query_id, query or api_list",
        "G3_query.json: it is no list of queries",
    )


def test_what_was_imported_is_listed(answers: Path, tmp_path: Path) -> None:
    broken(tmp_path / "folder")
    shutil.copytree(answers / "G3_category_answer", tmp_path / "folder" / "G3_category_answer")
    (tmp_path / "folder" / "mine").mkdir()
    (tmp_path / "folder" / "mine" / "7_CoT@1.json").write_text("{}")
    done = typed("toolbench", tmp_path / "folder", "--data", tmp_path / "data")

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "1 searches and 1 instructions from 2 answer files, as a run of its own",
        "  left out: 1 malformed",
        "    G1_answer/1_CoT@1.json: the file is no JSON object",
        "  passed over: 1 files called like answers, in folders not called G1_answer or the like: "
        "mine/7_CoT@1.json",
    ]
