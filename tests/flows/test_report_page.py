"""`toolloom report`: one file, with every value in it and none of them active."""

from __future__ import annotations

import json
import os
import re
import time
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from report_pages import Page, read_page
from typer.testing import CliRunner

from flows.cli import app
from flows.reporting import collect
from flows.reporting.evaluation import told_apart
from flows.reporting.write import write_report
from warehouse import manifest
from warehouse.files import temporary_beside
from warehouse.tables.retrieval import RetrievalRank
from warehouse.tables.training import TrainingStep

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def commit(root: Path, build: ModuleType, *rows: Any, **given: Any) -> None:
    manifest.commit(root, build.snapshot(root, *rows, **given))


@pytest.fixture
def hostile(tmp_path: Path, build: ModuleType) -> Page:
    """A report whose every text tries to get out."""
    commit(
        tmp_path,
        build,
        build.tool(category=EVIL),
        build.api(),
        build.verdict(reason=EVIL),
        build.instruction(query=EVIL, model=EVIL),
        build.annotation(final_answer=EVIL, method=EVIL, model=EVIL),
        build.node(0),
        build.node(1, 0, kind="action_input", query_no=0, thought=EVIL, function=EVIL, observation=EVIL),
        build.probe(outcome=EVIL),
        build.reject(reason=EVIL, detail=EVIL),
        build.run(build.counts("probe", 9, 4, 5)),
    )
    return read_page(write_report(tmp_path, None, run=None).read_text())


def test_no_value_becomes_an_element(hostile: Page) -> None:
    tags = [tag for tag, _ in hostile.elements]
    ids = [given.get("id") for tag, given in hostile.elements if tag == "script"]
    assert "img" not in tags
    assert ids == ["facts", "index", "trees-0", None]


def test_values_are_there_as_they_were(hostile: Page) -> None:
    facts = json.loads(hostile.script("facts"))
    (row,) = hostile.unpacked("index")
    ((root, node),) = hostile.unpacked("trees-0")
    assert facts["verdicts"][0]["reason"] == EVIL
    assert (row[4], row[11]) == (EVIL, EVIL)
    assert root == [0, None, "root", None, None, None, None, None, None, None, True]
    assert node == [1, 0, "action_input", 0, EVIL, EVIL, None, EVIL, None, None, True]


def test_only_our_script_and_style_may_run_and_nothing_may_be_fetched(hostile: Page) -> None:
    def source(text: str) -> str:
        return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"

    (style,) = (text for tag, _, text in hostile.texts if tag == "style")
    (policy,) = (
        given["content"]
        for _, given in hostile.elements
        if given.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy == (
        f"default-src 'none'; script-src {source(hostile.script(None))}; style-src {source(style)}; "
        "base-uri 'none'; form-action 'none'"
    )


def test_nothing_refers_to_anything_outside(hostile: Page) -> None:
    referring = {"src", "href", "action", "data", "poster", "srcset", "style"}
    found = [given[name] for _, given in hostile.elements for name in referring & set(given)]
    assert {value for value in found if value and not value.startswith("#")} == set()


def test_the_script_writes_no_markup(hostile: Page) -> None:
    writes = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser"
    assert re.findall(writes, hostile.script(None)) == []


def test_a_run_without_instructions_has_a_report(tmp_path: Path, build: ModuleType) -> None:
    commit(tmp_path, build, build.run(build.counts("crawl", 3, 3)), status="partial")
    page = read_page(write_report(tmp_path, None, run=None).read_text())
    assert page.title == "Toolloom report, run run-1"
    assert page.unpacked("index") == []


def test_retrievers_that_were_measured_are_told_with_intervals(tmp_path: Path, build: ModuleType) -> None:
    ranks = [
        RetrievalRank(
            retriever="bm25",
            instruction_id=f"instruction-{at}",
            scenario="G1",
            level=level,
            n_apis=9,
            names_tool=False,
            ranks=(rank,),
            twin_ranks=(rank,),
            top=("a",),
        )
        for at, (level, rank) in enumerate([("train", 1), ("train", 9), ("test_tool", 1)])
    ]
    commit(tmp_path, build, build.instruction(), *ranks)
    page = read_page(write_report(tmp_path, None, run=None).read_text())
    facts = json.loads(page.script("facts"))
    shown = [(row["instructions"], row["n"], row["n_apis"], row["ndcg"]) for row in facts["retrieved"]]
    assert shown == [("all", 3, 9, pytest.approx(2 / 3)), ("held out", 1, 9, 1.0)]
    assert all(row["low"] <= row["ndcg"] <= row["high"] for row in facts["retrieved"])
    assert [(row["level"], row["ndcg"]) for row in facts["retrievers"]] == [("test_tool", 1), ("train", 0.5)]


def test_how_a_model_learned_is_told_in_few_points(tmp_path: Path, build: ModuleType) -> None:
    steps = [
        TrainingStep(
            model_digest="m",
            phase="sft",
            step=step,
            epoch=step / 100,
            loss=None if step == 0 else 2.0,
            evaluation={0: 3.0, 150: 1.5}.get(step),
            margin=None,
            learning_rate=1e-4,
            tokens=100 * step,
        )
        for step in range(151)
    ]
    commit(tmp_path, build, build.instruction(), *steps)
    page = read_page(write_report(tmp_path, None, run=None).read_text())
    rows = json.loads(page.script("facts"))["training"]
    assert len(rows) == 60
    assert (rows[0]["step"], rows[0]["held_out"], rows[-1]["step"], rows[-1]["held_out"]) == (
        2,
        3.0,
        150,
        1.5,
    )
    assert {row["loss"] for row in rows} == {2.0}
    assert [row["held_out"] for row in rows[1:-1]] == [None] * 58


def test_an_instruction_that_several_methods_answered_is_told_once(tmp_path: Path, build: ModuleType) -> None:
    answers = [build.annotation(annotation_id=name, method=name) for name in ("dfsdt", "react")]
    commit(tmp_path, build, build.instruction(), *answers)
    assert "<h1>1 instruction, 1 of them answered</h1>" in write_report(tmp_path, None, run=None).read_text()


def test_the_same_run_gives_the_same_bytes(tmp_path: Path, build: ModuleType) -> None:
    commit(tmp_path, build, *build.small_world())
    first = write_report(tmp_path, tmp_path / "a.html", run=None).read_bytes()
    assert write_report(tmp_path, tmp_path / "b.html", run="run-1").read_bytes() == first


def test_a_long_observation_is_cut_where_there_are_many(
    tmp_path: Path, build: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "OBSERVED", 1)
    seen = build.node(1, 0, kind="action_input", query_no=0, observation="x" * 5_000)
    commit(tmp_path, build, build.instruction(), build.annotation(), build.node(0), seen, build.run())
    page = read_page(write_report(tmp_path, None, run=None).read_text())
    assert page.unpacked("trees-0")[0][1][7] == "x" * collect.SHORTEST + " …"


def test_instructions_beyond_the_limit_are_counted(tmp_path: Path, build: ModuleType) -> None:
    several = [build.instruction(instruction_id=f"instruction-{number}") for number in range(5)]
    commit(tmp_path, build, *several, build.run())
    text = write_report(tmp_path, None, run=None, limit=2).read_text()
    assert len(read_page(text).unpacked("index")) == 2
    assert "2 of 5 instructions, drawn evenly" in text


def test_what_a_killed_report_left_is_removed_by_a_later_one(tmp_path: Path, build: ModuleType) -> None:
    commit(tmp_path / "data", build)
    out = tmp_path / "elsewhere" / "report.html"
    out.parent.mkdir()
    left, another, under_way = (temporary_beside(path) for path in (out, out.with_name("other.html"), out))
    for path in (left, another, under_way):
        path.write_text("<!doctype ht")
    for path in (left, another):
        os.utime(path, (time.time() - 3600,) * 2)

    write_report(tmp_path / "data", out, run=None)

    assert set(out.parent.iterdir()) == {out, another, under_way}


def test_the_command_says_where_the_report_is(tmp_path: Path, build: ModuleType) -> None:
    commit(tmp_path, build, *build.small_world())
    done = CliRunner().invoke(app, ["report", "--data", str(tmp_path)])
    assert done.exit_code == 0
    assert done.output == f"{tmp_path}/report.html\n"


def test_a_folder_is_no_place_for_the_file(tmp_path: Path, build: ModuleType) -> None:
    commit(tmp_path, build, *build.small_world())
    done = CliRunner().invoke(app, ["report", "--data", str(tmp_path), "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"toolloom: {tmp_path} is a folder\n  fix: name a file with --out")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "toolloom: there is no run in"),
        (["--run", "other"], "toolloom: there is no run 'other' in"),
    ],
)
def test_without_a_run_there_is_a_clear_message(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(app, ["report", "--data", str(tmp_path), *arguments])
    assert done.exit_code == 2
    assert done.stderr.startswith(message)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["c7011e5b71129a41eee7755126bfec76", "llama3:8b"], ["c7011e5b", "llama3:8b"]),
        (["sampled", "retrieved@3:bm25+trained-83b14ae9:3e5e0b5d416417b6"], ["sampled", "retrieved@3"]),
        (["retrieved@5:bm25:aa", "retrieved@5:bm25:bb"], ["retrieved@5:bm25:aa", "retrieved@5:bm25:bb"]),
        (
            ["SmolLM2-135M-Instruct.Q4_1-cb0c031cab055c2f-b8a13a80"],
            ["SmolLM2-135M-Instruct.Q4_1-cb0c031c-b8a13a80"],
        ),
    ],
)
def test_sides_are_named_without_digests_where_that_leaves_them_apart(
    values: list[str], told: list[str]
) -> None:
    assert told_apart(values) == dict(zip(values, told, strict=True))
