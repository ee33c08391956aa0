"""A data set folder for Hugging Face: Parquet by configuration and split, and a card.

README.md                            the card
data/<configuration>/<split>.parquet conversations, instructions, searches, apis
prompts/<stage>/<prompt>.jinja       the prompts as this version of toolloom has them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

import prompts
from tasks import exact_json
from tasks.exact_json import Json
from tasks.exporting.folder import ExportFolder, ParquetFiles, parquet_files
from tasks.exporting.openai_messages import NO_JSON, NotJson, training_example
from tasks.exporting.searches import LEVELS, Search, Source
from warehouse.table import arrow_schema, plain
from warehouse.tables.annotations import Node
from warehouse.tables.catalogue import Parameter
from warehouse.tables.instructions import Instruction, RelevantApi

_ROWS_AT_ONCE = 200
_PROMPTS = ("compress", "instruct", "search")


def export_huggingface(source: Source, folder: ExportFolder) -> None:
    """Writes all configurations, the prompts, and last the card, which counts them."""
    with parquet_files(folder) as files:
        tables = _Tables(files)
        solved = _write_searches(source, tables)
        for instruction in source.instructions():
            row = _columns("instructions", instruction) | {"solved": instruction.instruction_id in solved}
            tables.write("instructions", source.level_of(instruction), row)
        for batch in source.batches("export_catalogue", _ROWS_AT_ONCE):
            for api in batch.to_pylist():
                tables.write("apis", api["split"], api)
    for name in prompts.names():
        if name.startswith(_PROMPTS):
            folder.file(f"prompts/{name}.jinja").write_text(prompts.load(name).text, encoding="utf-8")
    folder.file("README.md").write_text(card_of(source, folder.written), encoding="utf-8")


def _text(*names: str) -> list[pa.Field[Any]]:
    return [pa.field(name, pa.string()) for name in names]


def _counts(*names: str) -> list[pa.Field[Any]]:
    return [pa.field(name, pa.int64()) for name in names]


_FUNCTION = pa.struct(_text("name", "arguments"))
_TOOL_CALL = pa.struct([*_text("id", "type"), pa.field("function", _FUNCTION)])
_MESSAGE = pa.struct(
    [*_text("role", "content"), pa.field("tool_calls", pa.list_(_TOOL_CALL)), *_text("tool_call_id")]
)
_OF_SEARCH = _text(
    "annotation_id", "instruction_id", "scenario", "query", "method", "rules", "model", "offer"
)
_HOW = ("method", "rules", "model", "offer")
_NODE_LEFT_OUT = ("annotation_id", "tokens", "shown", "votes", "entry", "finish_reason", "repaired")


def _strings() -> Any:
    return pa.list_(pa.string())


def _rows_of(row_type: type, *left_out: str) -> Any:
    return pa.list_(pa.struct([field for field in arrow_schema(row_type) if field.name not in left_out]))


SCHEMAS: dict[str, Any] = {
    "conversations": pa.schema(
        [
            *_OF_SEARCH,
            *_text("result", "final_answer", "tools"),
            pa.field("messages", pa.list_(_MESSAGE)),
            *_counts("n_queries", "n_calls"),
        ]
    ),
    "instructions": pa.schema(
        [
            *_text("instruction_id", "scenario", "query"),
            pa.field("relevant_apis", _rows_of(RelevantApi)),
            pa.field("api_ids", _strings()),
            pa.field("distractors", _strings()),
            *_counts("n_words"),
            *_text("model", "prompt_digest"),
            pa.field("solved", pa.bool_()),
        ]
    ),
    "searches": pa.schema(
        [
            *_OF_SEARCH,
            pa.field("win", pa.bool_()),
            *_text("finish_type", "final_answer", "stopped_by"),
            *_counts("n_queries", "n_calls", "depth", "tokens_in", "tokens_out"),
            pa.field("nodes", _rows_of(Node, *_NODE_LEFT_OUT)),
        ]
    ),
    "apis": pa.schema(
        [
            *_text("api_id", "tool_id", "tool_name", "category", "tool_description"),
            pa.field("collections", _strings()),
            *_text("licence", "api_name", "function_name", "description", "protocol", "method", "url"),
            pa.field("parameters", _rows_of(Parameter)),
            *_text("example_response", "document"),
        ]
    ),
}


class _Tables:
    """The files of the configurations."""

    def __init__(self, files: ParquetFiles) -> None:
        self._files = files

    def write(self, configuration: str, split: str, row: Json) -> None:
        self._files.write(f"data/{configuration}/{split}.parquet", SCHEMAS[configuration], row)


def _write_searches(source: Source, tables: _Tables) -> set[str]:
    """Searches, and conversations of those with a result; gives the instructions that were solved."""
    solved = set()
    for search in source.searches():
        tables.write("searches", search.level, _search(search))
        if search.annotation.win:
            solved.add(search.annotation.instruction_id)
        # A row says how it was searched, so that the rows of one method can be taken alone.
        found_by = _of_search(search)
        if source.is_result(search, among=" ".join(found_by[name] for name in _HOW)):
            try:
                tables.write("conversations", search.level, _conversation(search))
            except NotJson:
                source.left_out[NO_JSON] += 1
    return solved


def _columns(configuration: str, row: Instruction) -> Json:
    values = plain(row)
    return {name: values[name] for name in SCHEMAS[configuration].names if name in values}


def _of_search(search: Search) -> Json:
    annotation = search.annotation
    values = {name: getattr(annotation, name) for name in ("annotation_id", "instruction_id")}
    values |= {"scenario": search.instruction.scenario, "query": search.instruction.query}
    return values | {name: getattr(annotation, name) for name in _HOW}


def _conversation(search: Search) -> Json:
    """Raises `NotJson`."""
    annotation = search.annotation
    example = training_example(annotation, search.instruction.query)
    return _of_search(search) | {
        "result": "answer" if annotation.win else "give_up",
        "final_answer": annotation.final_answer,
        "tools": exact_json.dumps(example["tools"]).decode(),
        "messages": example["messages"],
        "n_queries": annotation.n_queries,
        "n_calls": annotation.n_calls,
    }


def _search(search: Search) -> Json:
    annotation = search.annotation
    names = [name for name in SCHEMAS["searches"].names if hasattr(annotation, name)]
    return {
        **{name: getattr(annotation, name) for name in names},
        **_of_search(search),
        "nodes": [_node(node) for node in search.nodes],
    }


def _node(node: Node) -> Json:
    return {name: value for name, value in plain(node).items() if name not in _NODE_LEFT_OUT}


CONFIGURATIONS = {
    "conversations": "the path to each result, as messages with tool calls, and the tools offered",
    "instructions": "what was asked, the APIs offered and those needed",
    "searches": "every search with its whole tree: thoughts, calls, observations, dead ends",
    "apis": "the APIs that were called and kept, with their documentation",
}
_TEMPLATE = Path(__file__).with_name("card.jinja")
_STAND_IN = "toolloom-teacher"
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """A licence that a source states."""

    source: str
    licence: str
    n_tools: int
    n_apis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """made: instructions or searches.  how: a prompt's digest, or method, rules and offer."""

    made: str
    model: str
    how: str
    n_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a stage took in and let through."""

    stage: str
    unit: str
    n_in: int
    n_out: int
    n_rejected: int
    n_pending: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRun:
    """The run that is exported.  as_of: how old what it knows of the world may be."""

    run_id: str
    kind: str
    status: str
    as_of: datetime


def card_of(source: Source, written: Mapping[str, int]) -> str:
    """The card as Markdown with its YAML head.  written: rows by file."""
    (run,) = source.rows(ExportedRun, "export_run")
    makers = source.rows(Maker, "export_makers")
    environment = SandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["cell"] = _cell
    counts = _rows_by_split(written)
    n_searches = sum(counts["searches"].values())
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        run=run,
        counts=counts,
        levels=LEVELS,
        what=CONFIGURATIONS,
        size=next((word for limit, word in _SIZES if n_searches < limit), "1M<n<10M"),
        funnel=source.rows(Account, "export_funnel"),
        makers=makers,
        licences=source.rows(Licence, "export_licences"),
        held_out=source.params.held_out,
        give_ups=source.params.give_ups,
        left_out=source.left_out,
        stand_in=any(maker.model == _STAND_IN for maker in makers),
    )


def _rows_by_split(written: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Rows by configuration and split, in their order; without files that have none."""
    found: dict[str, dict[str, int]] = {}
    for configuration in CONFIGURATIONS:
        names = {level: f"data/{configuration}/{level}.parquet" for level in LEVELS}
        splits = {level: written[name] for level, name in names.items() if name in written}
        if splits:
            found[configuration] = splits
    return found


def _cell(value: object) -> str:
    """Text within a cell of a table, whatever a catalogue wrote."""
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")
