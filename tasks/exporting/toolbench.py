"""ToolBench's own files: answers, queries, test ids, and the retriever's data.

G1_answer/<query id>_<method>.json        searches of the training split; G2, G3 likewise
G1_tool_answer/...                        searches of a test level: G?_instruction, G?_tool, G?_category
G1_query.json                             all queries, of training and test
test_query_ids/G1_tool.json               the ids of a test level, for ToolEval
test_query_ids/G1_test_query_ids.json     all test ids of a scenario, for the retriever's preprocessing
retrieval/G1/                             corpus.tsv, {train,test}.query.txt, qrels.{train,test}.tsv
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any, TypeAlias

from tasks.calling.toolbench_names import service_api_id
from tasks.exporting.folder import ExportFolder
from tasks.exporting.levels import TRAIN
from tasks.exporting.searches import Source
from tasks.exporting.streams import TabbedFiles, json_streams, json_text, tabbed_files
from tasks.exporting.toolbench_answer import answer_of
from tasks.exporting.toolbench_apis import apis_of, query_of
from tasks.exporting.toolbench_names import AnswerNames, number_of, query_id_of
from warehouse.tables.instructions import Instruction

Json: TypeAlias = dict[str, Any]

_TOO_DEEP = "its tree is too deep for readers of JSON"
_TORN = "nodes of its tree are missing"


def export_toolbench(source: Source, folder: ExportFolder) -> None:
    """Writes everything the module's head names."""
    _write_answers(source, folder)
    _write_queries(source, folder)


def _write_answers(source: Source, folder: ExportFolder) -> None:
    names = AnswerNames(source.index)
    for search in source.searches():
        set_name = _set_name(search.instruction.scenario, search.level)
        there = {node.node_id for node in search.nodes}
        if not there or any(node.parent_id not in {None, *there} for node in search.nodes):
            source.left_out[_TORN] += 1
            continue
        try:
            answer = json.dumps(answer_of(search))
        except RecursionError:
            source.left_out[_TOO_DEEP] += 1
            continue
        folder.file(f"{set_name}_answer/{names.name(search)}").write_text(answer + "\n", encoding="ascii")
        written = f"{set_name}_answer/"
        folder.written[written] = folder.written.get(written, 0) + 1


def _set_name(scenario: str, level: str) -> str:
    """`G1` for training, else as ToolBench names its test sets, such as `G1_tool`."""
    return scenario if level == TRAIN else f"{scenario}_{level.removeprefix('test_')}"


def _write_queries(source: Source, folder: ExportFolder) -> None:
    apis = apis_of(source)
    test_ids: dict[str, dict[str, int]] = defaultdict(dict)
    with json_streams(folder) as streams, tabbed_files(folder) as tabbed:
        retriever = _RetrieverFiles(tabbed)
        for instruction in source.instructions():
            query_id = query_id_of(instruction.instruction_id)
            level = source.level_of(instruction)
            query = query_of(instruction, query_id, apis)
            streams.write(f"{instruction.scenario}_query.json", query)
            retriever.take(instruction, query, "train" if level == TRAIN else "test")
            if level != TRAIN:
                for name in (
                    _set_name(instruction.scenario, level),
                    f"{instruction.scenario}_test_query_ids",
                ):
                    test_ids[name][str(query_id)] = len(test_ids[name])
    for name, ids in sorted(test_ids.items()):
        path = f"test_query_ids/{name}.json"
        folder.file(path).write_text(json.dumps(ids, indent=1) + "\n", encoding="ascii")
        folder.written[path] = len(ids)


class _RetrieverFiles:
    """Which APIs a query needs, of all those offered in its scenario."""

    def __init__(self, tabbed: TabbedFiles) -> None:
        self._tabbed = tabbed
        self._in_corpus: set[tuple[str, str]] = set()

    def take(self, instruction: Instruction, query: Json, part: str) -> None:
        scenario, query_id = instruction.scenario, query["query_id"]
        for api_id, api in _by_id(instruction, query["api_list"]).items():
            if (scenario, api_id) not in self._in_corpus:
                self._in_corpus.add((scenario, api_id))
                self._tabbed.write(
                    f"retrieval/{scenario}/corpus.tsv",
                    number_of(api_id),
                    json_text(api),
                    header=("docid", "document_content"),
                )
        self._tabbed.write(f"retrieval/{scenario}/{part}.query.txt", query_id, instruction.query)
        for needed in dict.fromkeys(relevant.api_id for relevant in instruction.relevant_apis):
            self._tabbed.write(f"retrieval/{scenario}/qrels.{part}.tsv", query_id, 0, number_of(needed), 1)


def _by_id(instruction: Instruction, api_list: list[Json]) -> dict[str, Json]:
    """The APIs of a query's list by id; a query file may name one twice."""
    if instruction.api_list is None:
        return dict(zip(instruction.api_ids, api_list, strict=True))
    found: dict[str, Json] = {}
    for api in api_list:
        said = api if isinstance(api, dict) else {}
        names = (str(said.get(f"{what}_name", "")) for what in ("category", "tool", "api"))
        found.setdefault(service_api_id(*names), api)
    return found
