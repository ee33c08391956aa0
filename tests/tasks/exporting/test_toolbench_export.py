"""Answer files, queries and the retriever's data as ToolBench's own scripts read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from searched_world import SCRIPTS, TIDE, answers, calls, says, search, write_world
from toolbench_readers import answer_files, evaluated_steps, training_rows

from tasks.exporting.export import Exported
from tasks.exporting.toolbench import number_of

Export = Callable[..., Exported]
METHOD = "DFS_woFilter_w2"


def one(folder: Path) -> dict[str, Any]:
    (path,) = folder.iterdir()
    content: dict[str, Any] = json.loads(path.read_text("ascii"))
    return content


def drawn(node: dict[str, Any]) -> list[Any]:
    """A tree without what is the same everywhere."""
    words = [node["node_type"], node["description"], node.get("observation_code"), node["expand_num"]]
    flags = "".join(flag[0] for flag in ("pruned", "finished") if node[flag])
    return [*words, flags, *(drawn(child) for child in node["children"])]


def test_answers_are_filed_by_scenario_and_level(export: Export) -> None:
    exported = export("toolbench")

    assert {name: n for name, n in exported.written.items() if name.endswith("answer/")} == {
        "G1_answer/": 1,
        "G1_tool_answer/": 1,
        "G2_answer/": 2,
        "G3_category_answer/": 1,
    }
    assert [path.name for path in (exported.out / "G1_answer").iterdir()] == [
        f"{number_of('beach')}_{METHOD}.json"
    ]


def test_an_answer_has_the_published_fields(export: Export) -> None:
    answer = one(export("toolbench").out / "G1_answer")

    assert list(answer) == ["win", "tree", "forward_args", "compare_candidates", "answer_generation"]
    assert answer["forward_args"] == {
        "single_chain_max_step": 12,
        "tree_beam_size": 2,
        "max_query_count": 200,
        "answer": 1,
        "with_filter": False,
    }
    made = answer["answer_generation"]
    assert {name: value for name, value in made.items() if name not in ("function", "train_messages")} == {
        "valid_data": True,
        "query_count": 4,
        "total_tokens": 44,
        "final_answer": SCRIPTS["beach"][3].tool_calls[0].arguments,
        "chain": [],
        "query": 'Will it rain at the beach of Brest,\n\tor is it "dry"?',
        "finish_type": "give_answer",
    }
    assert [(f["name"], f["parameters"].get("optional")) for f in made["function"]] == [
        ("rain_for_sky", []),
        ("wind_for_sky", []),
        ("Finish", None),
    ]


def test_the_tree_is_nested_as_published(export: Export) -> None:
    tree = one(export("toolbench").out / "G1_answer")["tree"]

    gives_up = '{"return_type": "give_up_and_restart"}'
    assert (tree["size"], tree["max_length"]) == (13, 7)
    last = SCRIPTS["beach"][3].tool_calls[0].arguments
    ouessant, brest = '{"city": "Ouessant"}', '{"city": "Brest"}'
    answered = ["Action", "Finish", None, 0, "f", ["Action Input", last, 3, 4, "f"]]
    called = ["Action", "rain_for_sky", None, 0, "f", ["Action Input", ouessant, 0, 3, "f", answered]]
    gave_up = ["Action", "Finish", None, 0, "", ["Action Input", gives_up, 4, 2, "p"]]
    stuck = ["Thought", "That leads nowhere.", None, 0, "", gave_up]
    first = ["Action", "rain_for_sky", None, 0, "", ["Action Input", brest, 0, 1, "", stuck]]
    assert drawn(tree["tree"]) == [
        *["Action Input", "", None, 0, ""],
        ["Thought", "First the rain.", None, 0, "", first],
        ["Action", "wind_for_sky", None, 0, "", ["Action Input", "{}", 11, 0, "f", called]],
    ]


def test_nodes_have_the_published_keys(export: Export) -> None:
    root = one(export("toolbench").out / "G1_answer")["tree"]["tree"]
    common = ["is_terminal", "pruned", "finished", "depth", "node_type", "description", "Elo"]
    seen = ["observation", "observation_code"]
    thought, call = root["children"]

    assert list(root) == [*common, "child_count", "expand_num", "io_state", "children"]
    assert list(thought) == [*common, "child_count", "expand_num", "children"]
    assert list(call["children"][0]) == [*common, *seen, "child_count", "expand_num", "io_state", "children"]


def test_candidates_are_the_paths_to_the_answers(export: Export) -> None:
    (path,) = one(export("toolbench").out / "G1_answer")["compare_candidates"]

    assert [node["description"] for node in path[::2]] == ["wind_for_sky", "rain_for_sky", "Finish"]
    assert all("children" not in node for node in path)


def test_thoughts_survive_the_published_preprocessing(export: Export) -> None:
    out = export("toolbench").out

    rows = training_rows(out / "G3_category_answer")
    assert [row["conversations"][-1]["value"] for row in rows] == [
        '\nThought: The tide decides.\nAction: tides_for_sea\nAction Input: {"city": "Brest"}',
        "\nThought: Its name is another.\nAction: tide_for_sea\nAction Input: " + TIDE.arguments,
        "\nThought: \nAction: Finish\nAction Input: " + SCRIPTS["harbour"][3].tool_calls[0].arguments,
    ]


def test_parallel_calls_come_one_after_the_other(export: Export) -> None:
    out = export("toolbench").out
    ((_, content),) = answer_files(out / "G1_answer", METHOD)

    assert [step.partition(" -> ")[0] for step in evaluated_steps(content, METHOD)] == [
        "wind_for_sky({})",
        'rain_for_sky({"city": "Ouessant"})',
        f"Finish({SCRIPTS['beach'][3].tool_calls[0].arguments})",
    ]


def test_a_give_up_is_a_result_of_its_own_kind(export: Export) -> None:
    out = export("toolbench").out

    made = [content["answer_generation"] for _, content in answer_files(out / "G2_answer", METHOD)]
    assert sorted((each["valid_data"], each["finish_type"]) for each in made) == [
        (False, "give_answer"),
        (True, "give_up"),
    ]
    assert len(training_rows(out / "G2_answer")) == 2


def test_give_ups_alone_can_be_exported(export: Export, tmp_path: Path) -> None:
    write_world(
        tmp_path / "data", [search("sail", [says(calls("Finish", return_type="give_up_and_restart"))] * 2)]
    )

    assert export("toolbench", tmp_path / "data").written["G2_answer/"] == 1


def test_a_search_without_a_result_can_be_evaluated(export: Export) -> None:
    out = export("toolbench").out

    steps = [evaluated_steps(content, METHOD) for _, content in answer_files(out / "G2_answer", METHOD)]
    assert ["Where to?"] * 3 in steps


@pytest.mark.parametrize("n_kept", [0, 1, 3])
def test_a_tree_whose_nodes_are_missing_is_left_out(export: Export, tmp_path: Path, n_kept: int) -> None:
    whole, torn = search("beach"), search("picnic")
    write_world(tmp_path / "data", [whole, replace(torn, nodes=torn.nodes[len(torn.nodes) - n_kept :])])

    exported = export("toolbench", tmp_path / "data")

    assert exported.left_out == {"nodes of its tree are missing": 1}
    assert exported.written["G1_answer/"] == 1


def test_chains_are_tries(export: Export, tmp_path: Path) -> None:
    script = [says("Hm.", calls("rain_for_sky")), says(calls("Finish", return_type="give_up_and_restart"))]
    tries = [*script, says(answers("Dry."))]
    write_world(tmp_path / "data", [search("picnic", tries, method="react@2")])

    answer = one(export("toolbench", tmp_path / "data").out / "G1_tool_answer")

    assert answer["try_count"] == 2
    assert [(len(each["chain"]), each["win"]) for each in answer["trys"]] == [(5, False), (2, True)]
    assert answer["forward_args"] == {"single_chain_max_step": 12, "pass_at": 2, "answer": 1}
    assert [path.name for path in (tmp_path / "out" / "G1_tool_answer").iterdir()] == [
        f"{number_of('picnic')}_CoT@2.json"
    ]


def test_searches_that_differ_only_by_rules_have_files_of_their_own(export: Export, tmp_path: Path) -> None:
    write_world(tmp_path / "data", [search("picnic"), search("picnic", rules="toolbench")])

    out = export("toolbench", tmp_path / "data").out

    number = number_of("picnic")
    assert sorted(path.name for path in (out / "G1_tool_answer").iterdir()) == [
        f"{number}_toolbench_{METHOD}.json",
        f"{number}_toolloom_{METHOD}.json",
    ]


def test_no_search_takes_the_file_of_another(export: Export, tmp_path: Path) -> None:
    found = [search("picnic", method="react"), search("picnic", method="react@1")]
    write_world(tmp_path / "data", found)

    out = export("toolbench", tmp_path / "data").out

    first, second = sorted(rows.annotation.annotation_id for rows in found)
    number = number_of("picnic")
    assert sorted(path.name for path in (out / "G1_tool_answer").iterdir()) == sorted(
        [f"{number}_CoT@1.json", f"{number}_{second[:12]}_CoT@1.json"]
    )
    assert first != second


def test_queries_are_as_published(export: Export) -> None:
    out = export("toolbench").out

    queries = {
        each["instruction_id"]: each for each in json.loads((out / "G2_query.json").read_text("ascii"))
    }
    sail = queries["sail"]
    assert sail | {"api_list": []} == {
        "api_list": [],
        "query": "When can we sail from Brest?",
        "relevant APIs": [["Sea", "Tide"]],
        "query_id": number_of("sail"),
        "instruction_id": "sail",
    }
    assert sail["api_list"][0] == {
        "category_name": "Sea",
        "tool_name": "Sea",
        "api_name": "Tide",
        "api_description": "Says the tide.",
        "required_parameters": [
            {"name": "city", "type": "STRING", "description": "The city.", "default": "Brest"}
        ],
        "optional_parameters": [{"name": "day", "type": "STRING", "description": "The day.", "default": ""}],
        "method": "GET",
        "template_response": {
            "of": "str",
            "days": "list of int with length 2",
            "log": [{"at": "NoneType", "_list_length": 1}],
            "none": "empty list",
        },
    }


def test_test_ids_name_what_was_held_out(export: Export) -> None:
    out = export("toolbench").out

    found = {path.name: json.loads(path.read_text()) for path in (out / "test_query_ids").iterdir()}
    picnic, harbour = str(number_of("picnic")), str(number_of("harbour"))
    assert found == {
        "G1_tool.json": {picnic: 0},
        "G1_test_query_ids.json": {picnic: 0},
        "G3_category.json": {harbour: 0},
        "G3_test_query_ids.json": {harbour: 0},
    }


def test_the_retriever_finds_what_each_query_needs(export: Export) -> None:
    folder = export("toolbench").out / "retrieval" / "G1"

    corpus = pd.read_csv(folder / "corpus.tsv", sep="\t")
    queries = pd.read_csv(folder / "train.query.txt", sep="\t", names=["qid", "query"])
    labels = pd.read_csv(folder / "qrels.train.tsv", sep="\t", names=["qid", "useless", "docid", "label"])
    documents = dict(zip(corpus["docid"], map(json.loads, corpus["document_content"]), strict=True))
    assert [documents[docid]["api_name"] for docid in labels["docid"]] == ["Rain"]
    assert queries.to_dict("records") == [
        {"qid": number_of("beach"), "query": 'Will it rain at the beach of Brest,\n\tor is it "dry"?'}
    ]
    assert labels[["qid", "useless", "label"]].to_numpy().tolist() == [[number_of("beach"), 0, 1]]
    assert (folder / "test.query.txt").is_file()


def test_query_ids_are_exact_in_any_reader_of_json() -> None:
    assert all(0 <= number_of(str(n)) < 2**53 for n in range(1000))
    assert len({number_of(str(n)) for n in range(10_000)}) == 10_000
