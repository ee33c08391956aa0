"""Judged queries of others: BEIR's layout, and ToolBench's retriever files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flows.text.retrieval import scores_of_files
from tasks.errors import UsageError
from tasks.retrieval.judged import read_judged

Json = dict[str, Any]


def lines(*values: Json) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def tabbed(*rows: tuple[object, ...]) -> str:
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def write(folder: Path, files: Mapping[str, str | None]) -> Path:
    for name, text in files.items():
        if text is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return folder


CORPUS: list[Json] = [
    {"_id": "d1", "title": "Apples", "text": "How they grow."},
    {"_id": "d2", "title": "Pears", "text": "When one picks them.", "metadata": {"tool_name": "Orchard"}},
    {"_id": "d3", "text": "Stones of cherries"},
    {"_id": "d4", "title": "Wine", "text": ""},
]
QUERIES: list[Json] = [
    {"_id": "q1", "text": "apples", "metadata": {"scenario": "G1"}},
    {"_id": "q2", "text": "the pear, o orchard", "metadata": {"scenario": "G1"}},
    {"_id": "q3", "text": "apples", "metadata": {"scenario": "G2", "level": "test_tool"}},
    {"_id": "q4", "text": "nobody has judged this"},
]
HEADER = ("query-id", "corpus-id", "score")
TEST = [HEADER, ("q1", "d1", 1), ("q1", "d3", 0), ("q2", "d3", 2)]
BEIR = {
    "corpus.jsonl": lines(*CORPUS),
    "queries.jsonl": lines(*QUERIES),
    "qrels/test.tsv": tabbed(*TEST),
    "qrels/train.tsv": tabbed(HEADER, ("q3", "d1", 1), ("q3", "d4", 1)),
}


def api(name: str, **more: Any) -> str:
    return json.dumps({"category_name": "Food", "tool_name": "Orchard", "api_name": name, **more})


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


PEARS = quoted(api("Pears", api_description="When one picks\tthem", required_parameters=[{"name": "when"}]))
TOOLBENCH = {
    "corpus.tsv": tabbed(
        ("docid", "document_content"), (7, quoted(api("Apples"))), (8, PEARS), (7, quoted(api("Apples")))
    ),
    "train.query.txt": tabbed((1, "apples, please")),
    "qrels.train.tsv": tabbed((1, 0, 7, 1)),
    "test.query.txt": tabbed((2, quoted("pears\nand apples"))),
    "qrels.test.tsv": tabbed((2, 0, 8, 1), (2, 0, 7, 1)),
}


def test_beir_is_read(tmp_path: Path) -> None:
    judged = read_judged(write(tmp_path, BEIR))
    assert [(each.api_id, each.text, each.tool) for each in judged.documents] == [
        ("d1", "Apples. How they grow.", ""),
        ("d2", "Pears. When one picks them.", "Orchard"),
        ("d3", "Stones of cherries", ""),
        ("d4", "Wine.", ""),
    ]
    assert judged.n_queries == 4
    assert [
        (row.instruction_id, row.scenario, row.split, [each.api_id for each in row.relevant_apis])
        for row in judged.instructions
    ] == [
        ("q1", "G1", "test", ["d1"]),
        ("q2", "G1", "test", ["d3"]),
        ("q3", "G2", "test_tool", ["d1", "d4"]),
    ]


def test_the_retriever_files_of_toolbench_are_read(tmp_path: Path) -> None:
    judged = read_judged(write(tmp_path / "G2", TOOLBENCH))
    assert [(each.api_id, each.text) for each in judged.documents] == [
        ("7", "Orchard: Apples."),
        ("8", "Orchard: Pears. When one picks them. (when)"),
    ]
    assert [
        (row.query, row.scenario, row.split, [each.api_id for each in row.relevant_apis])
        for row in judged.instructions
    ] == [("apples, please", "G2", "train", ["7"]), ("pears\nand apples", "G2", "test", ["7", "8"])]


def test_figures_are_those_computed_by_hand(tmp_path: Path) -> None:
    """What is needed and shares no word with its query comes last of the four: behind all that score 0 too.

    q1 needs the first.  q2 needs the fourth: its gain is 1/log2(5).  q3 needs the first and the fourth: of
    two, the ideal gain is 1 + 1/log2(3).
    """
    scores = scores_of_files(write(tmp_path, BEIR), tmp_path, None)
    apart = scores[scores["twins"] == "apart"].set_index(["instruction_id", "k"]).sort_index()
    expected = {
        ("q1", 1): (1, 1, 1, 1),
        ("q1", 5): (1, 1, 1, 1),
        ("q2", 3): (0, 0, 0, 0.25),
        ("q2", 5): (0.430677, 1, 1, 0.25),
        ("q3", 1): (1, 0.5, 0, 1),
        ("q3", 3): (0.613147, 0.5, 0, 1),
        ("q3", 5): (0.877215, 1, 1, 1),
    }
    columns = ["ndcg", "recall", "complete", "reciprocal_rank"]
    found = {at: tuple(apart.loc[at, columns]) for at in expected}
    assert found == {at: pytest.approx(values, abs=1e-6) for at, values in expected.items()}
    assert {(row.instruction_id, bool(row.names_tool)) for row in scores.itertuples()} == {
        ("q1", False),
        ("q2", False),  # of another document's tool
        ("q3", False),
    }


LOST = "there is no document 'd9' in the corpus"


@pytest.mark.parametrize(
    ("layout", "changed", "said"),
    [
        (BEIR, {"qrels/test.tsv": tabbed(*TEST, ("q1", "d9", 1))}, "test.tsv, line 5: " + LOST),
        (BEIR, {"qrels/test.tsv": tabbed(("q9", "d1", 1))}, "test.tsv, line 1: there is no query 'q9'"),
        (BEIR, {"qrels/test.tsv": tabbed(*TEST, ("q3", "d1", 1))}, "'q3' is in two splits, test and train"),
        (BEIR, {"qrels/test.tsv": tabbed(*TEST, ("q1", "d1", 0))}, "line 5: 'q1' and 'd1' are judged twice"),
        (BEIR, {"qrels/test.tsv": tabbed(*TEST, ("q1", "d1", "yes"))}, "line 5: 'yes' is no score"),
        (BEIR, {"qrels/test.tsv": "q1 d1 1\n"}, "line 1: a line has 1 columns"),
        (BEIR, {"qrels/test.tsv": None, "qrels/train.tsv": None}, "there is no qrels/test.tsv"),
        (BEIR, {"qrels/test.tsv": tabbed(("q1", "d1", 0)), "qrels/train.tsv": None}, "needs any document"),
        (BEIR, {"queries.jsonl": None}, "has no file queries.jsonl"),
        (BEIR, {"corpus.jsonl": None}, "has no file corpus.jsonl"),
        (BEIR, {"corpus.jsonl": "\n"}, "is empty"),
        (BEIR, {"corpus.jsonl": lines(*CORPUS) + "{no json"}, "corpus.jsonl, line 5: it is not JSON"),
        (BEIR, {"corpus.jsonl": "[1]\n"}, "corpus.jsonl, line 1: it is no JSON object"),
        (BEIR, {"corpus.jsonl": lines(*CORPUS, CORPUS[0])}, "line 5: the document 'd1' is there twice"),
        (BEIR, {"corpus.jsonl": lines({"_id": "d1"})}, "line 1: the document 'd1' has no text"),
        (BEIR, {"corpus.jsonl": lines({"text": "it"})}, "line 1: it has no _id"),
        (BEIR, {"queries.jsonl": lines(*QUERIES, QUERIES[0])}, "line 5: the query 'q1' is there twice"),
        (BEIR, {"queries.jsonl": lines({"_id": "q1"})}, "line 1: the query 'q1' has no text"),
        (TOOLBENCH, {"corpus.tsv": None}, "has no file corpus.tsv"),
        (TOOLBENCH, {"corpus.tsv": "docid\tdocument_content\n"}, "is empty"),
        (TOOLBENCH, {"corpus.tsv": tabbed((7, "{"))}, "corpus.tsv, line 1: it is not JSON"),
        (TOOLBENCH, {"corpus.tsv": tabbed((7, "{}"))}, "has neither tool_name nor api_name"),
        (
            TOOLBENCH,
            {"corpus.tsv": tabbed((7, PEARS), (7, quoted(api("A"))))},
            "'7' is there twice, and says",
        ),
        (TOOLBENCH, {"corpus.tsv": tabbed((7, PEARS, 1))}, "line 1: a line has 3 columns"),
        (TOOLBENCH, {"test.query.txt": tabbed((2, "a"), (2, "b"))}, "the query '2' is there twice, and says"),
        (TOOLBENCH, {"test.query.txt": None}, "has no file test.query.txt"),
        (TOOLBENCH, {"qrels.test.tsv": None, "qrels.train.tsv": None}, "there is no qrels.test.tsv"),
    ],
)
def test_what_does_not_fit_is_named_by_file_and_line(
    layout: dict[str, str], changed: dict[str, str | None], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as refused:
        read_judged(write(tmp_path, layout | changed))
    assert said in refused.value.message
    assert refused.value.fix


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (write(tmp_path, BEIR) / "queries.jsonl").write_bytes(b'{"_id": "q\xff"}\n')
    with pytest.raises(UsageError, match=r"queries\.jsonl: it is not UTF-8"):
        read_judged(tmp_path)


def test_of_several_folders_one_is_to_be_named(tmp_path: Path) -> None:
    for name in ("G1", "G2"):
        write(tmp_path / name, TOOLBENCH)
    with pytest.raises(UsageError, match="in folders of its own") as refused:
        scores_of_files(tmp_path, tmp_path, None)
    assert refused.value.fix == "name one of them: G1, G2"
