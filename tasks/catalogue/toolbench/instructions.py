"""Query files as instructions over a catalogue: what is asked, and the APIs it may use."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from tasks.calling.toolbench_names import (
    SCHEME,
    ToolbenchAddress,
    service_category,
    service_name,
    service_tool_name,
)
from tasks.catalogue.toolbench.layout import File, find_layout
from tasks.catalogue.toolbench.queries import queries_in
from tasks.errors import BadRow, UsageError
from warehouse.tables.accounts import Reject
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.instructions import Instruction, RelevantApi

LOAD_QUERIES = "pose"  # its name in manifests and rejects of data folders since the first of them
AUTHOR = "toolbench"

_SET = re.compile(r"(G[123])_(instruction|tool|category)\b")
_NUMBER = re.compile(r"[0-9]{1,18}")


class QueryReason(StrEnum):
    """Why a query, or one of the APIs it names, is not used."""

    UNREADABLE = "unreadable_file"
    NO_QUERY = "no_query"
    NO_APIS = "no_api_list"
    NO_API_LEFT = "no_api_in_catalogue"
    API_MISSING = "api_not_in_catalogue"
    RELEVANT_NOT_OFFERED = "relevant_api_not_offered"
    DUPLICATE = "duplicate"


@dataclass(slots=True)
class LoadedQueries:
    """instructions: by id.  rejects: of queries, and of single APIs of queries.

    n_queries: queries in the files, a file that cannot be read counts as one; n_refused: without an
    instruction.  incomplete: ids of instructions that need an API which they do not offer.
    """

    instructions: dict[str, Instruction] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    n_queries: int = 0
    incomplete: set[str] = field(default_factory=set)

    @property
    def n_refused(self) -> int:
        return self.n_queries - len(self.instructions)

    def refuse(self, place: str, reason: QueryReason, detail: str) -> None:
        self.rejects.append(Reject(stage=LOAD_QUERIES, row_id=place, reason=reason, detail=detail))


def check_queries(location: Path, *, bare: bool = False) -> None:
    """Raises `UsageError` when nothing at the location holds queries.  bare: they need no list of APIs."""
    try:
        layout = find_layout(location)
        problem = "holds tools, not queries" if layout.tools else _fault_of_all(layout.queries, bare=bare)
    except UsageError as error:
        problem = error.message.partition(repr(str(location)))[2].strip()
    if problem:
        raise UsageError(
            f"--queries {location} {problem}",
            fix="give a JSON list of queries, each with a `query` and an `api_list`, as ToolBench writes "
            "them, or a folder of such files; with --offer retrieved@5 texts alone will do",
        )


def _fault_of_all(files: Iterable[File], *, bare: bool) -> str:
    """What is wrong with the first file, when something is with each; else nothing."""
    faults = []
    for file in files:
        try:
            queries_in(file.path, bare=bare)
        except BadRow as fault:
            faults.append(f"holds no queries: {file.place}: {fault.message}")
        else:
            return ""
    return faults[0]


def read_instructions(
    files: Iterable[File], apis: Sequence[Api], tools: Sequence[Tool], *, bare: bool = False
) -> LoadedQueries:
    """The queries of the files as instructions, each offering those of its APIs that the catalogue has.

    bare: those that name none are instructions, too, and offer none.

    An API is found by category, tool and API as ToolBench spells them, else by tool and API where only one
    of the catalogue has these names.
    """
    loaded = LoadedQueries()
    catalogue = _Catalogue(apis, {tool.tool_id: tool for tool in tools})
    for file in files:
        try:
            queries = queries_in(file.path, bare=bare)
        except BadRow as fault:
            loaded.n_queries += 1
            loaded.refuse(file.place, QueryReason.UNREADABLE, fault.message)
            continue
        for position, query in enumerate(queries):
            loaded.n_queries += 1
            _load(_Query.of(f"{file.place}[{position}]", query, position), catalogue, loaded, bare=bare)
    return loaded


@dataclass(frozen=True, slots=True)
class _Query:
    """A query as its file writes it."""

    place: str
    raw: Mapping[str, Any]
    number: str

    @classmethod
    def of(cls, place: str, raw: Any, position: int) -> _Query:
        fields = raw if isinstance(raw, dict) else {"query": raw}
        number = str(fields.get("query_id", position))
        return cls(place, fields, number if _NUMBER.fullmatch(number) else str(position))

    @property
    def text(self) -> str:
        text = self.raw.get("query")
        return text.strip() if isinstance(text, str) else ""

    def listed(self, *names: str) -> list[Any]:
        found: list[Any] = next(
            (self.raw[name] for name in names if isinstance(self.raw.get(name), list)), []
        )
        return found


class _Catalogue:
    """APIs by ToolBench's names."""

    def __init__(self, apis: Sequence[Api], tools: Mapping[str, Tool]) -> None:
        self.tools = tools
        self._exact: dict[tuple[str, str, str], Api] = {}
        self._any: dict[tuple[str, str], list[Api]] = {}
        for api in apis:
            category, tool, name = self._names(api)
            self._exact.setdefault((category, tool, name), api)
            self._any.setdefault((tool, name), []).append(api)

    def find(self, category: str, tool: str, api: str) -> Api | None:
        names = service_tool_name(tool), service_name(api)
        found = self._exact.get((service_category(category), *names))
        alike = self._any.get(names, [])
        return found or (alike[0] if len(alike) == 1 else None)

    def _names(self, api: Api) -> tuple[str, str, str]:
        if api.protocol == SCHEME:
            address = ToolbenchAddress.from_url(api.url)
            return address.category, address.tool, service_name(address.api)
        tool = self.tools.get(api.tool_id)
        if tool is None:
            category, _, name = api.tool_id.rpartition("/")
            return service_category(category), service_tool_name(name), service_name(api.api_name)
        return service_category(tool.category), service_tool_name(tool.tool_name), service_name(api.api_name)


def _load(query: _Query, catalogue: _Catalogue, loaded: LoadedQueries, *, bare: bool) -> None:
    mentioned = query.listed("api_list")
    if not query.text:
        loaded.refuse(query.place, QueryReason.NO_QUERY, "it has no text in `query`")
    elif not mentioned and not bare:
        loaded.refuse(query.place, QueryReason.NO_APIS, "it lists no APIs in `api_list`")
    else:
        offered = _offered(query, mentioned, catalogue, loaded)
        if offered or bare:
            n_before = len(loaded.rejects)
            instruction = _instruction(query, offered, catalogue, loaded)
            if len(loaded.rejects) > n_before:
                loaded.incomplete.add(instruction.instruction_id)
            _add(instruction, query, loaded)
        else:
            detail = f"none of its {len(mentioned)} APIs is in the catalogue"
            loaded.refuse(query.place, QueryReason.NO_API_LEFT, detail)


def _add(instruction: Instruction, query: _Query, loaded: LoadedQueries) -> None:
    if instruction.instruction_id in loaded.instructions:
        loaded.refuse(query.place, QueryReason.DUPLICATE, f"it is {instruction.instruction_id} once more")
    else:
        loaded.instructions[instruction.instruction_id] = instruction


def _offered(
    query: _Query, mentioned: Sequence[Any], catalogue: _Catalogue, loaded: LoadedQueries
) -> dict[str, Api]:
    """By api_id, in the order of the list; what the catalogue does not have is reported."""
    offered: dict[str, Api] = {}
    for position, mention in enumerate(mentioned):
        names = _names_in(mention)
        api = None if names is None else catalogue.find(*names)
        if api is not None:
            offered.setdefault(api.api_id, api)
            continue
        said = " / ".join(names) if names else "an entry without category_name, tool_name and api_name"
        loaded.refuse(f"{query.place}.api_list[{position}]", QueryReason.API_MISSING, said)
    return offered


def _names_in(mention: Any) -> tuple[str, str, str] | None:
    if not isinstance(mention, dict):
        return None
    category, tool, api = (mention.get(name) for name in ("category_name", "tool_name", "api_name"))
    if isinstance(tool, str) and isinstance(api, str):
        return (category if isinstance(category, str) else ""), tool, api
    return None


def _instruction(
    query: _Query, offered: Mapping[str, Api], catalogue: _Catalogue, loaded: LoadedQueries
) -> Instruction:
    apis = list(offered.values())
    scenario, split = _set_of(query.place, apis, catalogue.tools)
    digest = hashlib.blake2b(orjson.dumps([query.text, list(offered)]), digest_size=8).hexdigest()
    return Instruction(
        instruction_id=f"toolbench-{scenario}-{query.number}-{digest}",
        sample_id="",
        scenario=scenario,
        split=split,
        query=query.text,
        relevant_apis=tuple(_relevant(query, apis, catalogue, loaded)),
        api_ids=tuple(offered),
        api_fingerprints=tuple(api.fingerprint for api in apis),
        n_words=len(query.text.split()),
        model=AUTHOR,
        prompt_digest="",
        seed_ids=(),
    )


def _relevant(
    query: _Query, offered: Sequence[Api], catalogue: _Catalogue, loaded: LoadedQueries
) -> Iterator[RelevantApi]:
    """The APIs it needs, among those it offers; each once."""
    given = _Catalogue(offered, catalogue.tools)
    seen: set[str] = set()
    for position, pair in enumerate(query.listed("relevant APIs", "relevant_apis")):
        names = [str(name) for name in pair] if isinstance(pair, list) else []
        api = given.find("", *names) if len(names) == 2 else None
        if api is None:
            place = f"{query.place}.relevant[{position}]"
            loaded.refuse(place, QueryReason.RELEVANT_NOT_OFFERED, " / ".join(names) or "no pair of names")
        elif api.api_id not in seen:
            seen.add(api.api_id)
            yield RelevantApi(tool_name=names[0], api_name=names[1], api_id=api.api_id)


def _set_of(place: str, apis: Sequence[Api], tools: Mapping[str, Tool]) -> tuple[str, str]:
    """Scenario and split: as ToolBench names its files (`G1_tool.json`), else as the APIs say."""
    named = _SET.search(place)
    if named is not None:
        return named[1], f"test_{named[2]}"
    of = {api.tool_id: tools.get(api.tool_id) for api in apis}
    categories = {tool.category for tool in of.values() if tool is not None}
    splits = {tool.split for tool in of.values() if tool is not None}
    scenario = "G1" if len(of) == 1 else "G2" if len(categories) == 1 else "G3"
    return scenario, splits.pop() if len(splits) == 1 else "train"
