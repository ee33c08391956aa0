"""Converted answers, as the published evaluator reads them, and its results, as rows."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import UsageError
from tasks.import_ import AnswersIn, contents
from tasks.importing.files import find_answers
from tasks.importing.importing import Part, parts_of
from warehouse.table import to_columns
from warehouse.tables import ANNOTATIONS, EVALUATIONS, INSTRUCTIONS, NODES, PREFERENCES
from warehouse.tables.annotations import LOST

Json = dict[str, Any]
TIDE = {"name": "tide_for_sea", "description": "", "parameters": {"type": "object", "properties": {}}}
FINISH = {"name": "Finish", "description": "", "parameters": {"type": "object", "properties": {}}}
ANSWERED = '{\n  "return_type": "give_answer",\n  "final_answer": "At 05:12,\\n \\"high\\"."\n}'
GAVE_UP = '{"return_type": "give_up_and_restart"}'


def step(role: str, message: Any, *following: Json) -> Json:
    return {"role": role, "message": message, "next": list(following)}


def call(name: str, arguments: str, response: str, *following: Json) -> Json:
    return step("tool", {"name": name, "arguments": arguments, "response": response}, *following)


FINISHED = call("Finish", ANSWERED, "")
CALLED = call("tide_for_sea", '{"city": "Brest"}', '{"error": "", "response": "05:12"}', FINISHED)


def details(*steps: Json) -> list[Json]:
    return [step("system", "", step("user", "", *steps))]


def entry(*steps: Json, final: Any = ANSWERED, method: Any = "CoT@1", **given: Any) -> Json:
    answer = {"method": method, "total_steps": 4, "final_answer": final, "answer_details": details(*steps)}
    return {"query": "When is high water?", "available_tools": [TIDE, FINISH], "answer": answer} | given


def write(folder: Path, place: str, content: Any) -> Path:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def read(root: Path) -> Part:
    """All parts as one."""
    whole = Part()
    for part in parts_of(find_answers(root)):
        whole.n_files += part.n_files
        for name in ("instructions", "annotations", "nodes", "evaluations", "preferences"):
            getattr(whole, name).extend(getattr(part, name))
        whole.rejects += part.rejects
        whole.remarks += part.remarks
    return whole


def read_one(tmp_path: Path, content: Json, place: str = "ours/G2_tool.json") -> Part:
    return read(write(tmp_path, place, {"7": content}))


def test_an_entry_becomes_a_search_of_its_instruction(tmp_path: Path) -> None:
    found = read_one(tmp_path, entry(step("assistant", "The tide decides.", CALLED)))
    (instruction,), (annotation,) = found.instructions, found.annotations

    assert instruction.instruction_id.startswith("toolbench-G2-7-")
    assert (instruction.scenario, instruction.split, instruction.api_ids) == (
        "G2",
        "test_tool",
        ("sea/tide",),
    )
    assert (annotation.model, annotation.method, annotation.offer) == ("ours", "react@1", "imported")
    assert (annotation.win, annotation.finish_type, annotation.final_answer) == (
        True,
        "give_answer",
        'At 05:12,\n "high".',
    )
    assert (annotation.n_queries, annotation.n_calls, annotation.n_nodes, annotation.depth) == (2, 1, 6, 5)
    assert [(m.role, m.content, [c.name for c in m.tool_calls]) for m in annotation.messages] == [
        ("user", "When is high water?", []),
        ("assistant", "The tide decides.", ["tide_for_sea"]),
        ("tool", '{"error": "", "response": "05:12"}', []),
        ("assistant", None, ["Finish"]),
    ]
    assert [(n.kind, n.parent_id, n.depth, n.query_no, n.outcome, n.on_answer_path) for n in found.nodes] == [
        ("root", None, 0, None, None, True),
        ("thought", 0, 1, 0, None, True),
        ("action", 1, 2, 0, None, True),
        ("action_input", 2, 3, 0, "ok", True),
        ("action", 3, 4, 1, None, True),
        ("action_input", 4, 5, 1, "answered", True),
    ]


@pytest.mark.parametrize(
    ("steps", "final", "ended"),
    [
        ([CALLED], ANSWERED, ("give_answer", True)),
        ([call("Finish", GAVE_UP, "")], GAVE_UP, ("give_up", False)),
        ([call("Finish", GAVE_UP, "")], "", ("give_up", False)),
        ([call("Finish", ANSWERED, "")], "", ("give_answer", False)),
        ([call("tide_for_sea", "{}", "{}")], "", ("none", False)),
        ([call("tide_for_sea", "{}", "{}", step("assistant", "Sorry."))], ANSWERED, ("none", False)),
        ([step("assistant", "Hm.")], "", ("none", False)),
        ([], "", ("none", False)),
        ([call("tide_for_sea", "{}", "{}"), CALLED], ANSWERED, ("none", False)),  # the first one counts
        ([CALLED, call("tide_for_sea", "{}", "{}")], "05:12", ("give_answer", True)),
    ],
)
def test_an_answer_is_given_where_the_last_call_is_finish(
    tmp_path: Path, steps: list[Json], final: str, ended: tuple[str, bool]
) -> None:
    (annotation,) = read_one(tmp_path, entry(*steps, final=final)).annotations
    assert (annotation.finish_type, annotation.win) == ended


@pytest.mark.parametrize(
    ("method", "ours"),
    [
        ("CoT@1", ("react@1", None)),
        ("CoT@5", ("react@5", None)),
        ("chatgpt_CoT", ("react@1", None)),
        ("DFS_woFilter_w2", ("dfsdt", 2)),
        ("gpt_4_DFS_woFilter_w3", ("dfsdt", 3)),
        ("DFS_w2", ("dfs_ranked", 2)),
        ("DFS", ("dfsdt", None)),
        ("Reflexion", ("Reflexion", None)),
        ("../my own", ("..-my-own", None)),
        ("CoTs", ("CoTs", None)),
    ],
)
def test_methods_of_toolbench_have_our_names_and_others_their_own(
    tmp_path: Path, method: str, ours: tuple[str, int | None]
) -> None:
    (annotation,) = read_one(tmp_path, entry(CALLED, method=method)).annotations
    assert (annotation.method, annotation.width) == ours


def written(value: Json, length: int | None = None) -> Json:
    return step("tool", str(value)[:length])


CITY = {
    "name": "tide_for_sea",
    "arguments": '{\n  "city": "L\'Île"\n}',
    "response": '{"error": "it\'s \\"no\\""}',
}


@pytest.mark.parametrize(
    ("length", "n_arguments", "is_whole"),
    [(None, 24, True), (90, 24, False), (61, 19, False), (30, 0, False)],
)
def test_calls_that_are_written_as_python_does_are_read_as_far_as_they_go(
    tmp_path: Path, length: int | None, n_arguments: int, is_whole: bool
) -> None:
    found = read_one(tmp_path, entry(written(CITY, length), final=""))
    (node,) = (node for node in found.nodes if node.kind == "action_input")
    assert (node.function, node.arguments) == ("tide_for_sea", CITY["arguments"][:n_arguments])
    assert (node.observation, node.outcome) == (
        (CITY["response"], "error_message") if is_whole else (None, None)
    )
    assert found.annotations[0].messages[2].content == (CITY["response"] if is_whole else LOST)
    assert len(found.remarks) == (not is_whole)


def test_the_answer_of_a_call_that_is_cut_is_what_the_file_says_besides(tmp_path: Path) -> None:
    cut = written({"name": "Finish", "arguments": ANSWERED, "response": ""}, 50)
    (annotation,) = read_one(tmp_path, entry(cut)).annotations
    assert annotation.messages[-1].tool_calls[0].arguments == ANSWERED
    assert annotation.win


@pytest.mark.parametrize(
    ("broken", "detail"),
    [
        ([], "it is no JSON object"),
        ({"query": "?", "available_tools": []}, "it has no answer"),
        (
            {"answer": {"method": "CoT"}},
            "it has no query, available_tools, answer.final_answer, answer.answer",
        ),
        (entry(CALLED, answer=[]), "its answer is no JSON object"),
        (entry(CALLED, query=" "), "its query or its method is empty"),
        (entry(CALLED, available_tools={}), "available_tools is no list"),
        (entry(CALLED, available_tools=[{"parameters": {}}]), "one of its available_tools has no name"),
        (entry({"role": "tool", "message": {"name": ""}, "next": []}), "the message of a tool has no name"),
        (entry(step("tool", "nothing")), "the message of a tool is no call: 'nothing'"),
        (entry(step("judge", "")), "a step has the role 'judge'"),
        (entry({"role": "tool", "message": {"name": "x"}, "next": 1}), "a step of answer_details is no JSON"),
    ],
)
def test_an_entry_that_is_no_answer_is_a_reject_that_says_why(
    tmp_path: Path, broken: Any, detail: str
) -> None:
    found = read(write(tmp_path, "ours/G1_instruction.json", {"1": broken, "2": entry(CALLED), "x": entry()}))
    assert len(found.annotations) == 1
    first, second = found.rejects
    assert (first.row_id, first.reason) == ("G1_instruction.json[1]", "malformed")
    assert first.detail.startswith(detail)
    assert second.detail == "its key is no query id, which is a number"


GOOD = json.dumps(entry(CALLED))
DEEP = GOOD.replace('"answer_details": [', '"answer_details": [' + "[" * 30_000 + "]" * 30_000 + ", ")


@pytest.mark.parametrize(
    ("text", "n_read", "told"),
    [
        (f'{{"7": {GOOD}, "7": {GOOD}, "8": {GOOD}}}', 2, [("[7]", "duplicate")]),
        (f'{{"7": {GOOD}, "8": {DEEP}}}', 1, [("[8]", "malformed")]),
        (f'{{"7": {{"query": nope}}, "8": {GOOD}}}', 1, [("[7]", "malformed")]),
        (f'{{"7": {GOOD}, "8": {GOOD[:-9]}', 1, [("[8]", "malformed")]),
        (
            f'{{"7": {GOOD}, "8": "{{}},\\"9\\": ", "9": {GOOD}, }}',
            2,
            [("[8]", "malformed"), ("", "partly_read")],
        ),
        (f'{{"7": {GOOD}}} and more', 1, [("", "partly_read")]),
        (f'{{"7": {GOOD.replace("{", "{" + chr(34) + "a" + chr(34) + ": 1, ", 1)}}}', 1, []),
        ("no JSON", 0, [("", "malformed")]),
        (f"[{GOOD}, ", 0, [("", "malformed")]),
    ],
)
def test_an_entry_that_is_broken_or_there_twice_takes_no_other_with_it(
    text: str, n_read: int, told: list[tuple[str, str]], tmp_path: Path
) -> None:
    found = read(write(tmp_path, "ours/G2_tool.json", text))
    assert len(found.annotations) == n_read
    rejects = [(reject.row_id.removeprefix("G2_tool.json"), reject.reason) for reject in found.rejects]
    remarks = [(remark.row_id.removeprefix("G2_tool.json"), remark.reason) for remark in found.remarks]
    assert [*rejects, *remarks] == told


def test_of_a_key_that_is_twice_within_an_entry_the_last_counts_and_a_remark_says_so(tmp_path: Path) -> None:
    twice = GOOD.replace("{", '{"query": "When is low water?", ', 1)
    found = read(write(tmp_path, "ours/G2_tool.json", f'{{"7": {twice}, "8": {GOOD}}}'))
    assert [row.query for row in found.instructions] == ["When is high water?"] * 2
    assert [(remark.row_id, remark.detail) for remark in found.remarks] == [
        ("G2_tool.json[7]", "an object in it has a key twice ('query'): the last one counts")
    ]
    assert found.rejects == []


def test_all_that_is_odd_in_a_file_is_one_remark(tmp_path: Path) -> None:
    queries = '[{"query_id": 7, "query_id": 8}]'
    write(tmp_path, "G2_query.json", queries)
    cut = json.dumps(entry(written(CITY, 60), final=""))
    write(tmp_path, "ours/G2_tool.json", f'{{"7": {cut}}} and more')
    found = read(tmp_path)
    assert {remark.row_id: remark.detail for remark in found.remarks} == {
        "G2_query.json": "1 of 1 entries have no query_id, query or api_list; "
        "an object in it has a key twice ('query_id'): the last one counts",
        "ours/G2_tool.json": "it is no JSON: Extra data: line 1 column 543 (char 542); "
        "1 of 1 answers lack what calls returned: their steps are cut",
    }


@pytest.mark.parametrize(
    ("content", "reason", "detail"),
    [
        ("{", "malformed", "it is no JSON"),
        ([], "other_format", "it is a list, and converted answers are"),
        ({}, "other_format", "it holds no answers"),
        (3, "other_format", "it holds no answers"),
        ({"answer_generation": {}}, "other_format", "it is one raw answer"),
        ({"a": {"b": 1}}, "other_format", "it holds something else ('a')"),
        ({"7": 1, "8": 2}, "other_format", "it holds something else ('7', '8')"),
    ],
)
def test_a_file_of_another_format_is_one_reject(
    tmp_path: Path, content: Any, reason: str, detail: str
) -> None:
    (reject,) = read(write(tmp_path, "ours/G1_instruction.json", content)).rejects
    assert (reject.reason, reject.detail[: len(detail)]) == (reason, detail)


@pytest.mark.parametrize(
    ("place", "model", "split"),
    [
        ("gpt/G1_instruction.json", "gpt", "test_instruction"),
        ("sets/gpt-4.G3_category.json", "gpt-4", "test_category"),
        ("sets/gpt_4_G1_tool.json", "gpt_4", "test_tool"),
        ("sets/G1_tool_gpt_4.json", "gpt_4", "test_tool"),
        ("gpt/G2_train.json", "gpt", "train"),
    ],
)
def test_the_model_is_what_folder_or_file_is_called(
    tmp_path: Path, place: str, model: str, split: str
) -> None:
    path = write(tmp_path, place, {"7": entry(CALLED)})
    for root in (tmp_path, path.parent, path):
        found = read(root)
        assert (found.annotations[0].model, found.instructions[0].split) == (model, split)


def test_models_answer_the_same_instruction(tmp_path: Path) -> None:
    for model in ("one", "two"):
        write(tmp_path, f"{model}/G1_instruction.json", {"7": entry(CALLED)})
    found = read(tmp_path)
    assert len(found.instructions) == 1
    assert {row.model for row in found.annotations} == {"one", "two"}


def test_queries_beside_say_what_was_needed(tmp_path: Path) -> None:
    api = {"category_name": "Sea", "tool_name": "Sea", "api_name": "Tide"}
    query = {
        "query_id": 7,
        "query": "When is high water?",
        "api_list": [api],
        "relevant APIs": [["Sea", "Tide"]],
    }
    write(tmp_path, "ours/G1_instruction.json", {"7": entry(CALLED)})
    write(tmp_path, "solvable_queries/test_instruction/G1_instruction.json", [query])
    (instruction,) = read(tmp_path).instructions
    assert [needed.api_id for needed in instruction.relevant_apis] == ["Sea/sea/tide"]


ROUNDS = {"0": "AnswerStatus.Solved", "1": "AnswerStatus.Unsure", "2": "AnswerStatus.Unsolved"}


@pytest.mark.parametrize(
    ("result", "labels"),
    [
        ({"is_solved": ROUNDS, "passed": 3, "failed": 0}, ["Solved", "Unsure", "Unsolved"]),
        ({"is_solved": {**ROUNDS, "10": "AnswerStatus.Solved"}}, ["Solved", "Unsure", "Unsolved", "Solved"]),
        ({"is_solved": "AnswerStatus.Unsure", "passed": 1, "failed": 2}, ["Solved", "Unsolved", "Unsolved"]),
        ({"is_solved": "AnswerStatus.Unsure"}, ["Unsure"]),
        ({"is_solved": {"0": "Maybe"}}, []),
        ({"passed": -1, "failed": 1e300}, []),
    ],
)
def test_results_are_votes(tmp_path: Path, result: Json, labels: list[str]) -> None:
    write(tmp_path, "converted/ours/G1_tool.json", {"7": entry(CALLED)})
    write(tmp_path, "pass_rate_results_gpt-4o/ours/G1_tool_ours.json", {"7": result, "8": result})
    found = read(tmp_path)
    (annotation,) = found.annotations
    assert [vote.label for vote in found.evaluations] == labels
    assert {(vote.subject_id, vote.judge) for vote in found.evaluations} <= {
        (annotation.annotation_id, "published_gpt-4o")
    }
    told = ["of 'ours', 1 of 2 results are of no use: they are without a label"] * (not labels)
    told += ["of 'ours', 1 of 2 results are of no use: they are of answers that are not here"]
    assert [remark.detail for remark in found.remarks] == ["; ".join(told)]


def test_a_result_that_may_be_of_several_answers_is_no_vote(tmp_path: Path) -> None:
    for method in ("CoT@1", "DFS_woFilter_w2"):
        write(tmp_path, f"{method}/ours.G1_tool.json", {"7": entry(CALLED, method=method)})
    write(tmp_path, "other/G1_tool.json", {"7": entry(CALLED)})
    write(tmp_path, "pass_rate_results/G1_tool_ours.json", {"7": {"is_solved": ROUNDS}})
    write(
        tmp_path, "preference_results/G1_tool_ours_other.json", {"7": {"ours": 2, "other": 1, "round_0": ""}}
    )
    found = read(tmp_path)
    assert (len(found.annotations), found.evaluations, found.preferences) == (3, [], [])
    told = "they are of one of several answers of that model, by other methods, which they do not tell apart"
    assert [(remark.row_id, remark.detail) for remark in found.remarks] == [
        ("pass_rate_results/G1_tool_ours.json", f"of 'ours', 1 of 1 results are of no use: {told}"),
        (
            "preference_results/G1_tool_ours_other.json",
            f"of 'ours_other', 1 of 1 results are of no use: {told}",
        ),
    ]


def test_only_regular_files_below_the_folder_are_read(tmp_path: Path) -> None:
    outside = write(tmp_path, "outside/G1_tool.json", {"7": entry(CALLED)})
    folder = tmp_path / "given"
    inside = write(folder, "ours/G1_tool.json", {"7": entry(CALLED)})
    (folder / "G1_answer").mkdir()
    for name, target in (("1", outside), ("2", Path("/dev/zero")), ("3", folder / "G1_answer/3.json")):
        (folder / f"G1_answer/{name}.json").symlink_to(target)
    os.mkfifo(folder / "G1_answer/4.json")
    (folder / "G1_answer/5.json").mkdir()
    (folder / "linked").mkdir()
    (folder / "linked/G1_category.json").symlink_to(inside)
    found = read(folder)
    assert sorted((row.model, row.offer) for row in found.annotations) == [
        ("linked", "imported"),
        ("ours", "imported"),
    ]
    assert {reject.reason for reject in found.rejects} == {"unreadable"}
    assert [(reject.row_id, reject.detail) for reject in found.rejects] == [
        ("G1_answer/1.json", "a link leads outside the folder"),
        ("G1_answer/2.json", "a link leads outside the folder"),
        ("G1_answer/3.json", "its links go in a circle"),
        ("G1_answer/4.json", "it is no regular file"),
        ("G1_answer/5.json", "it is no regular file"),
    ]
    assert contents(AnswersIn(place=folder)) == contents(AnswersIn(place=folder))


def test_votes_on_an_answer_are_of_one_file(tmp_path: Path) -> None:
    write(tmp_path, "converted/ours/G1_tool.json", {"7": entry(CALLED), "8": entry(CALLED)})
    one, other = {"is_solved": {"0": "Unsure"}}, {"is_solved": ROUNDS}
    write(tmp_path, "pass_rate_results/a/G1_tool_ours.json", {"7": one, "8": {}})
    write(tmp_path, "pass_rate_results/b/G1_tool_ours.json", {"7": other, "8": other})
    found = read(tmp_path)
    seven, eight = (row.annotation_id for row in found.annotations)
    assert [(vote.subject_id, vote.vote, vote.label) for vote in found.evaluations] == [
        (seven, 0, "Unsure"),
        (eight, 0, "Solved"),
        (eight, 1, "Unsure"),
        (eight, 2, "Unsolved"),
    ]
    why = "they are of answers whose results pass_rate_results/a/G1_tool_ours.json has"
    assert (found.remarks[-1].row_id, found.remarks[-1].detail) == (
        "pass_rate_results/b/G1_tool_ours.json",
        f"of 'ours', 1 of 2 results are of no use: {why}",
    )


def test_a_pair_is_decided_by_one_file_and_told_alike_in_both_orders(tmp_path: Path) -> None:
    for model in ("a", "b"):
        write(tmp_path, f"converted/{model}/G1_tool.json", {"7": entry(CALLED)})
    write(tmp_path, "preference_results/G1_tool_a_b.json", {"7": {"round_0": "", "a": 3, "b": 1}})
    write(tmp_path, "preference_results/G1_tool_b_a.json", {"7": {"round_0": "", "a": 1, "b": 3}})
    found = read(tmp_path)
    models = {row.annotation_id: row.model for row in found.annotations}
    told = "as published: 3 votes for a, 1 votes for b, in orders that are not known"
    assert [(models[row.first_id], row.preferred, row.reason) for row in found.preferences] == [
        ("a", "first", told),
        ("b", "second", told),
    ]
    assert [remark.row_id for remark in found.remarks] == ["preference_results/G1_tool_b_a.json"]


def test_lists_of_ids_that_contradict_each_other_are_told(tmp_path: Path) -> None:
    write(tmp_path, "ours/G1_tool.json", {"7": entry(CALLED)})
    for folder, ids in (("a", {"7": 0}), ("b", {"7": 0}), ("c", {"8": 0})):
        write(tmp_path, f"solvable_queries/{folder}/G1_tool.json", ids)
    found = read(tmp_path)
    assert [vote.label for vote in found.evaluations] == ["Solvable"]
    assert [remark.row_id for remark in found.remarks] == ["solvable_queries/c/G1_tool.json"]


def test_pairs_are_preferences_as_they_were_decided(tmp_path: Path) -> None:
    for model in ("a_b", "a"):
        write(tmp_path, f"converted/{model}/G1_tool.json", {str(n): entry(CALLED) for n in (7, 8)})
    counted = {"round_0": "complete", "round_1": "complete"}
    results = {
        "7": {"a_b": 2, "a": 1, **counted},
        "8": {"a_b": 0, "a": 0, **counted},
        "9": {"a_b": 1, "a": 0},
    }
    write(tmp_path, "preference_results/G1_tool_a_b_a.json", results)
    found = read(tmp_path)
    models = {row.annotation_id: row.model for row in found.annotations}
    assert [
        (models[row.first_id], models[row.second_id], row.preferred, row.judge) for row in found.preferences
    ] == [
        ("a_b", "a", "first", "published"),
        ("a", "a_b", "second", "published"),
        ("a_b", "a", "tie", "published"),
        ("a", "a_b", "tie", "published"),
    ]


def test_solvable_ids_are_votes_on_the_tasks(tmp_path: Path) -> None:
    write(tmp_path, "ours/G1_tool.json", {"7": entry(CALLED), "8": entry(CALLED)})
    write(tmp_path, "solvable_queries/test_query_ids/G1_tool.json", {"7": 0})
    write(tmp_path, "test_query_ids/G1_tool.json", {"7": 0, "8": 1})
    found = read(tmp_path)
    assert sorted((vote.question, vote.label) for vote in found.evaluations) == [
        ("task", "Solvable"),
        ("task", "Unsolvable"),
    ]
    assert not found.rejects


@pytest.mark.parametrize("place", ["ours/converted_answers.json", "notes.json"])
def test_a_file_that_names_no_set_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(UsageError, match="names no set of queries"):
        find_answers(write(tmp_path, place, {"7": entry(CALLED)}))


@settings(max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from([CALLED, FINISHED]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["role", "message", "next", "name", "answer", "is_solved", "7"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_an_entry_holds_it_is_a_row_or_a_reject(
    tmp_path_factory: pytest.TempPathFactory, anything: Any
) -> None:
    content = {
        "1": entry(anything),
        "2": anything,
        "3": entry(answer={"method": "x", "final_answer": "", "answer_details": anything}),
    }
    root = tmp_path_factory.mktemp("any")
    write(root, "ours/G1_tool.json", content)
    found = read(root)
    assert len(found.annotations) + len(found.rejects) in (1, 3)
    for rows, table in (
        (found.instructions, INSTRUCTIONS),
        (found.annotations, ANNOTATIONS),
        (found.nodes, NODES),
        (found.evaluations, EVALUATIONS),
        (found.preferences, PREFERENCES),
    ):
        to_columns(rows, table.schema)
