"""Query files as a catalogue: the APIs their `api_list`s describe, each once, by tool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tasks.calling.toolbench_names import service_category, service_tool_name
from tasks.catalogue.detail import Foreign, Name, explain
from tasks.catalogue.source import CrawlReason, Rejected
from tasks.catalogue.toolbench.layout import File, Identity, identity_of, read_json, read_json_lines
from tasks.catalogue.toolbench.records import ApiRecord, ToolRecord
from tasks.errors import BadRow

# What an entry of an `api_list` calls the fields of a tool file's API.
_RENAMED = {
    "api_name": "name",
    "api_description": "description",
    "required_parameters": "required_parameters",
    "optional_parameters": "optional_parameters",
    "method": "method",
    "template_response": "schema",
}

Key = tuple[str, str]


class _Mention(Foreign):
    """How an entry of an `api_list` names its API."""

    category_name: Name
    tool_name: Name
    api_name: Name


@dataclass(frozen=True, slots=True)
class QueryCatalogue:
    """tools: by id (`<category>/<tool>`, the service's names).  rejects: what names no API.

    n_query_files: how many of the files hold queries at all.
    """

    tools: dict[str, ToolRecord]
    rejects: tuple[Rejected, ...]
    n_query_files: int


@dataclass(slots=True)
class _Tool:
    first: ToolRecord
    apis: dict[str, ApiRecord] = field(default_factory=dict)


def read_queries(files: tuple[File, ...]) -> QueryCatalogue:
    """All query files as one catalogue; the same object as long as no file has changed."""
    return _read_queries(files, identity_of(files))


@lru_cache(maxsize=4)
def _read_queries(files: tuple[File, ...], _identity: Identity) -> QueryCatalogue:
    collected = _Collected()
    for file in files:
        collected.take(file)
    return QueryCatalogue(
        tools={
            f"{category}/{name}": replace(tool.first, apis=tuple(tool.apis.values()))
            for (category, name), tool in collected.tools.items()
        },
        rejects=tuple(collected.rejects),
        n_query_files=collected.n_query_files,
    )


class _Collected:
    """What the files so far describe; of an API described twice, the first description counts."""

    def __init__(self) -> None:
        self.tools: dict[Key, _Tool] = {}
        self.rejects: list[Rejected] = []
        self.n_query_files = 0

    def take(self, file: File) -> None:
        try:
            queries = queries_in(file.path)
        except BadRow as fault:
            self._reject(file.place, fault)
            return
        self.n_query_files += 1
        for position, query in enumerate(queries):
            self._take_query(f"{file.place}[{position}]", query)

    def _take_query(self, place: str, query: Any) -> None:
        mentioned = query.get("api_list") if isinstance(query, dict) else None
        if not isinstance(mentioned, list):
            self._reject(place, BadRow(CrawlReason.MALFORMED, "a query without an `api_list` names no API"))
            return
        for position, raw in enumerate(mentioned):
            try:
                self._take_api(f"{place}.api_list[{position}]", raw)
            except BadRow as fault:
                self._reject(f"{place}.api_list[{position}]", fault)

    def _take_api(self, place: str, raw: Any) -> None:
        mention = _mention(raw)
        record = ApiRecord(place, {_RENAMED[name]: value for name, value in raw.items() if name in _RENAMED})
        tool = self._tool_of(place, mention)
        before = tool.apis.get(mention.api_name)
        if before is None or before.raw.keys() <= {"name"}:
            tool.apis[mention.api_name] = record
        elif record.raw.keys() > {"name"} and record.raw != before.raw:
            raise BadRow(
                CrawlReason.INCONSISTENT,
                f"it describes {mention.tool_name}: {mention.api_name} otherwise than {before.place}, "
                "which is used",
            )

    def _tool_of(self, place: str, mention: _Mention) -> _Tool:
        category, name = service_category(mention.category_name), service_tool_name(mention.tool_name)
        first = ToolRecord(place.partition("[")[0], category, mention.tool_name, name)
        return self.tools.setdefault((category, name), _Tool(first))

    def _reject(self, place: str, fault: BadRow) -> None:
        self.rejects.append(Rejected(row_id=place, reason=CrawlReason(fault.reason), detail=fault.message))


def queries_in(path: Path, *, bare: bool = False) -> list[Any]:
    """The entries of a file, which is one JSON list, or has an entry on each line.

    bare: an entry may be a text alone.  Raises `BadRow` when it holds no queries.
    """
    value = read_json_lines(path) if path.suffix.lower() == ".jsonl" else read_json(path)
    if not isinstance(value, list) or not any(
        (isinstance(entry, dict) and bool({"query", "api_list"} & entry.keys()))
        or (bare and isinstance(entry, str))
        for entry in value
    ):
        described = "no JSON list of queries, each with a `query` and an `api_list`"
        raise BadRow(CrawlReason.MALFORMED, f"it is {'an empty list' if value == [] else described}")
    return value


def _mention(raw: Any) -> _Mention:
    try:
        return _Mention.model_validate(raw)
    except ValidationError as error:
        raise BadRow(CrawlReason.MALFORMED, explain(error)) from error


def tools_of(catalogue: QueryCatalogue) -> Iterator[tuple[str, ToolRecord]]:
    yield from sorted(catalogue.tools.items())
