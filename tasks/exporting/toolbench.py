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
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from tasks import exact_json
from tasks.calling.toolbench_names import service_api_id, service_name
from tasks.exact_json import Json
from tasks.exporting.folder import ExportFolder, TabbedFiles, json_streams, json_text, tabbed_files
from tasks.exporting.searches import IMPORTED, TRAIN, Indexed, Search, Source
from tasks.exporting.toolbench_answer import answer_of
from warehouse.tables.annotations import Annotation
from warehouse.tables.catalogue import Parameter
from warehouse.tables.instructions import Instruction

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
            answer = json.dumps(answer_of(search, source.params.diversity))
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


_IMPORTED_ID = re.compile(r"toolbench-G[123]-(\d{1,18})-[0-9a-f]+")
_EXACT = (1 << 53) - 1  # readers of JSON may keep numbers as floats
_WIDTH = 2
_NO_NAME = re.compile(r"[^A-Za-z0-9.@-]+")


def number_of(row_id: str) -> int:
    """A number for a row, always the same one: a part of its id's digest."""
    return int.from_bytes(blake2b(row_id.encode(), digest_size=8).digest(), "big") & _EXACT


def query_id_of(instruction_id: str) -> int:
    """An instruction's `query_id`: its own where it was read from ToolBench's files."""
    imported = _IMPORTED_ID.fullmatch(instruction_id)
    return int(imported[1]) if imported else number_of(instruction_id)


def method_name(method: str, width: int | None) -> str:
    """What ToolBench calls a method: DFS_woFilter_w2 for dfsdt, DFS_w2 for dfs_ranked, CoT@N for react@N."""
    kind, _, tries = method.partition("@")
    if kind == "react":
        return f"CoT@{tries or 1}"
    name = {"dfsdt": "DFS_woFilter", "dfs_ranked": "DFS"}.get(kind, kind)
    return f"{name}_w{_WIDTH if width is None else width}"


class AnswerNames:
    """Names of answer files: `<query id>_<method>.json`.

    Where a run has searches of one method that differ otherwise (model, rules, offer), what differs goes
    before the method, for else their files would have one name.  Imported files keep the name they had.
    Should two searches still come to one name, the later one gets a part of its id.
    """

    def __init__(self, index: Iterable[Indexed]) -> None:
        own = {(search.model, search.rules, search.offer) for search in index if search.offer != IMPORTED}
        self._differing = [len(set(values)) > 1 for values in zip(*own, strict=True)]
        self._taken: set[str] = set()

    def name(self, search: Search) -> str:
        annotation = search.annotation
        method = method_name(annotation.method, annotation.width)
        number, variant = str(query_id_of(annotation.instruction_id)), self._variant(annotation)
        place = f"{search.instruction.scenario}/{search.level}/"
        name = "_".join([number, *variant, method]) + ".json"
        if place + name in self._taken:
            name = "_".join([number, *variant, annotation.annotation_id[:12], method]) + ".json"
        self._taken.add(place + name)
        return name

    def _variant(self, annotation: Annotation) -> list[str]:
        if annotation.offer == IMPORTED:
            return [annotation.model] if annotation.model else []
        values = (annotation.model, annotation.rules, annotation.offer)
        return [
            _NO_NAME.sub("-", value).strip("-")
            for value, differs in zip(values, self._differing, strict=True)
            if differs
        ]


_TYPES = {"number": "NUMBER", "integer": "NUMBER", "boolean": "BOOLEAN", "array": "ARRAY", "object": "OBJECT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedApi:
    """An API that instructions offer; all but its id is None when the catalogue lost it."""

    api_id: str
    api_name: str | None
    api_description: str | None
    method: str | None
    parameters: tuple[Parameter, ...] | None
    example_response: str | None
    tool_name: str | None
    category: str | None

    @property
    def names(self) -> tuple[str, str, str]:
        """Category, tool and API; of an API that is lost, what its id says."""
        tool_id, _, api = self.api_id.rpartition("/")
        category, _, tool = tool_id.rpartition("/")
        return self.category or category, self.tool_name or tool, self.api_name or api


def apis_of(source: Source) -> dict[str, Json]:
    """Every API that an instruction offers, by id, as an entry of an `api_list`."""
    return {api.api_id: _entry(api) for api in source.rows(OfferedApi, "export_apis")}


def query_of(instruction: Instruction, query_id: int, apis: dict[str, Json]) -> Json:
    """An instruction as an entry of a query file; its own id is there too, to find it again.

    One that was read from a query file keeps the documentation of its APIs and their names as they were.
    """
    if instruction.api_list is None:
        api_list = [apis[api_id] for api_id in instruction.api_ids]
        needed = [apis[relevant.api_id] for relevant in instruction.relevant_apis]
        pairs = [[api["tool_name"], api["api_name"]] for api in needed]
    else:
        api_list = exact_json.loads(instruction.api_list)
        pairs = [[relevant.tool_name, relevant.api_name] for relevant in instruction.relevant_apis]
    return {
        "api_list": api_list,
        "query": instruction.query,
        "relevant APIs": pairs,
        "query_id": query_id,
        "instruction_id": instruction.instruction_id,
    }


def _entry(api: OfferedApi) -> Json:
    category, tool, name = api.names
    parameters = api.parameters or ()
    entry = {
        "category_name": category,
        "tool_name": tool,
        "api_name": name,
        "api_description": api.api_description or "",
        "required_parameters": [_parameter(given) for given in parameters if given.required],
        "optional_parameters": [_parameter(given) for given in parameters if not given.required],
        "method": api.method or "GET",
    }
    skeleton = _skeleton_of(api.example_response)
    return entry if skeleton is None else entry | {"template_response": skeleton}


def _parameter(parameter: Parameter) -> Json:
    shown = parameter.shown  # what ToolBench calls defaults are example values
    schema = None if parameter.schema is None else exact_json.loads(parameter.schema)
    return {
        # Readers standardise names; where that does not give the argument's name, it stands here itself.
        "name": parameter.name if service_name(parameter.name) == parameter.arg_name else parameter.arg_name,
        "type": _TYPES.get(parameter.type, "STRING"),
        "description": parameter.description,
        "default": "" if shown is None else shown,
    } | ((schema or {}).get("x-published") or {})


def _skeleton_of(response: str | None) -> Any:
    """An example response with the names of types for values; None for what is no JSON."""
    if response is None:
        return None
    try:
        return _skeleton(exact_json.loads(response))
    except orjson.JSONDecodeError:
        return None  # text, or an example that was cut: it says nothing of a shape


def _skeleton(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _skeleton(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return _list_skeleton(value)
    return type(value).__name__


def _list_skeleton(values: list[Any]) -> Any:
    if not values:
        return "empty list"
    if isinstance(values[0], dict):
        return [{**_skeleton(values[0]), "_list_length": len(values)}]
    return f"list of {type(values[0]).__name__} with length {len(values)}"
