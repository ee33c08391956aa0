"""Queries of others with a judgement of what they need, over a corpus that comes with them.

BEIR (arXiv 2104.08663)   corpus.jsonl, queries.jsonl, qrels/<split>.tsv
ToolBench's retriever     corpus.tsv, {train,test}.query.txt, qrels.{train,test}.tsv
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tasks.errors import UsageError
from tasks.exact_json import Json
from tasks.retrieval.documents import ApiDocument, document_of, document_of_text
from warehouse.tables.instructions import Instruction, RelevantApi

AUTHOR = "judged"
FIX = (
    "give a folder in BEIR's layout (corpus.jsonl, queries.jsonl, qrels/test.tsv) or ToolBench's "
    "(corpus.tsv, test.query.txt, qrels.test.tsv): docs/retrieval.md"
)
_SCENARIOS = ("G1", "G2", "G3")
_LONGEST = 1 << 30  # of a field: a documentation may be larger than the csv module expects


@dataclass(frozen=True, slots=True)
class Judged:
    """documents: by id.  instructions: queries that need something; their `split` is that of the judgements.

    n_queries: how many queries there are, those included of which nothing is judged to be needed.
    """

    documents: list[ApiDocument]
    instructions: list[Instruction]
    n_queries: int


@dataclass(frozen=True, slots=True)
class _Query:
    text: str
    scenario: str = ""
    level: str | None = None


def holds_judged(location: Path) -> bool:
    """Whether a folder is of one of these layouts, whole or not.

    Raises `UsageError` for a folder that holds several of them, as ToolBench's has one for each scenario.
    """
    if _looks_judged(location):
        return True
    inner = [each.name for each in sorted(location.glob("*/")) if _looks_judged(each)]
    if inner:
        raise UsageError(
            f"{location} holds the data of retrievers in folders of its own",
            fix=f"name one of them: {', '.join(inner)}",
        )
    return False


def _looks_judged(location: Path) -> bool:
    names = ("corpus.jsonl", "queries.jsonl", "qrels", "corpus.tsv", "qrels.*.tsv", "*.query.txt")
    return location.is_dir() and any(any(location.glob(name)) for name in names)


def read_judged(folder: Path) -> Judged:
    """Raises `UsageError`, which names file and line, for what is not there or cannot be understood."""
    is_beir = any((folder / name).exists() for name in ("corpus.jsonl", "queries.jsonl", "qrels"))
    documents = _beir_corpus(folder / "corpus.jsonl") if is_beir else _toolbench_corpus(folder / "corpus.tsv")
    if not documents:
        raise UsageError(f"the corpus of {folder} is empty", fix=FIX)
    files = sorted((folder / "qrels").glob("*.tsv") if is_beir else folder.glob("qrels.*.tsv"))
    if not files:
        name = "qrels/test.tsv" if is_beir else "qrels.test.tsv"
        raise UsageError(f"{folder} does not say what its queries need: there is no {name}", fix=FIX)
    queries = _beir_queries(folder / "queries.jsonl") if is_beir else {}
    needs: dict[str, tuple[str, list[str]]] = {}
    for file in files:
        split = file.stem if is_beir else file.name.split(".")[1]
        if not is_beir:
            queries |= _toolbench_queries(folder / f"{split}.query.txt")
        for query_id, needed in _judgements(file, queries, documents).items():
            if query_id in needs:
                raise UsageError(
                    f"the query {query_id!r} is in two splits, {needs[query_id][0]} and {split}",
                    fix="keep each query in one split: what was trained on tests nothing",
                )
            needs[query_id] = split, needed
    instructions = [
        _instruction(query_id, queries[query_id], split, [documents[each] for each in needed])
        for query_id, (split, needed) in sorted(needs.items())
        if needed
    ]
    if not instructions:
        raise UsageError(f"no query in {folder} needs any document: no score is above 0", fix=FIX)
    return Judged([documents[each] for each in sorted(documents)], instructions, len(queries))


def _instruction(query_id: str, query: _Query, split: str, needed: list[ApiDocument]) -> Instruction:
    return Instruction(
        instruction_id=query_id,
        sample_id="",
        scenario=query.scenario,
        split=query.level or split,
        query=query.text,
        relevant_apis=tuple(
            RelevantApi(tool_name=each.tool, api_name=each.api, api_id=each.api_id) for each in needed
        ),
        api_ids=(),
        api_fingerprints=(),
        n_words=len(query.text.split()),
        model=AUTHOR,
        prompt_digest="",
        seed_ids=(),
    )


def _beir_corpus(path: Path) -> dict[str, ApiDocument]:
    found: dict[str, ApiDocument] = {}
    for place, raw in _json_lines(path):
        id_, metadata = _id(place, raw), _metadata(raw)
        if id_ in found:
            raise _wrong(place, f"the document {id_!r} is there twice")
        body = raw.get("text")
        if not isinstance(body, str):
            raise _wrong(place, f"the document {id_!r} has no text")
        found[id_] = document_of_text(
            id_,
            _words(raw.get("title")),
            _words(body),
            tool=_words(metadata.get("tool_name")),
            api=_words(metadata.get("api_name")),
        )
    return found


def _beir_queries(path: Path) -> dict[str, _Query]:
    found: dict[str, _Query] = {}
    for place, raw in _json_lines(path):
        id_, metadata = _id(place, raw), _metadata(raw)
        if id_ in found:
            raise _wrong(place, f"the query {id_!r} is there twice")
        if not isinstance(raw.get("text"), str):
            raise _wrong(place, f"the query {id_!r} has no text")
        level = _words(metadata.get("level"))
        found[id_] = _Query(_words(raw["text"]), _words(metadata.get("scenario")), level or None)
    return found


def _toolbench_corpus(path: Path) -> dict[str, ApiDocument]:
    """ToolBench writes a line for each query that offers the API, so the same ones again and again."""
    found: dict[str, ApiDocument] = {}
    said: dict[str, str] = {}
    for place, row in _rows(path):
        if row[:2] == ["docid", "document_content"]:
            continue
        if len(row) != 2:
            raise _wrong(place, f"a line has {len(row)} columns, expected docid and document_content")
        id_, content = row
        if said.setdefault(id_, content) != content:
            raise _wrong(place, f"the document {id_!r} is there twice, and says something else")
        if id_ in found:
            continue
        raw = _object(place, content)
        if not raw.get("tool_name") and not raw.get("api_name"):
            raise _wrong(place, f"the document {id_!r} has neither tool_name nor api_name")
        names = [
            _words(each.get("name"))
            for kind in ("required_parameters", "optional_parameters")
            for each in (raw[kind] if isinstance(raw.get(kind), list) else ())
            if isinstance(each, dict)
        ]
        tool, api, described = (
            _words(raw.get(name)) for name in ("tool_name", "api_name", "api_description")
        )
        found[id_] = document_of(tool, api, id_, described, names)
    return found


def _toolbench_queries(path: Path) -> dict[str, _Query]:
    scenario = next((name for name in _SCENARIOS if path.parent.resolve().name == name), "")
    found: dict[str, _Query] = {}
    for place, row in _rows(path):
        if len(row) != 2:
            raise _wrong(place, f"a line has {len(row)} columns, expected the query's id and its text")
        query = _Query(_words(row[1]), scenario)
        if found.setdefault(row[0], query) != query:
            raise _wrong(place, f"the query {row[0]!r} is there twice, and says something else")
    return found


def _judgements(
    path: Path, queries: Mapping[str, _Query], documents: Mapping[str, ApiDocument]
) -> dict[str, list[str]]:
    """The ids of the documents that each judged query needs: all whose score is above 0.

    Columns are query, document and score (BEIR), or query, a number, document and score (TREC, ToolBench).
    """
    scores: dict[str, dict[str, float]] = {}
    for number, (place, row) in enumerate(_rows(path)):
        if len(row) not in (3, 4):
            raise _wrong(place, f"a line has {len(row)} columns, expected query, document and score, by tabs")
        query_id, document_id = row[0], row[-2]
        try:
            score = float(row[-1])
        except ValueError as error:
            if number == 0:
                continue  # names of the columns
            raise _wrong(place, f"{row[-1]!r} is no score") from error
        if query_id not in queries:
            raise _wrong(place, f"there is no query {query_id!r}")
        if document_id not in documents:
            raise _wrong(place, f"there is no document {document_id!r} in the corpus")
        if scores.setdefault(query_id, {}).setdefault(document_id, score) != score:
            raise _wrong(place, f"{query_id!r} and {document_id!r} are judged twice, and differently")
    return {
        query_id: sorted(each for each, score in judged.items() if score > 0)
        for query_id, judged in scores.items()
    }


def _json_lines(path: Path) -> Iterator[tuple[str, Json]]:
    with _reading(path) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                place = f"{path.name}, line {number}"
                yield place, _object(place, line)


def _rows(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The rows of a file of values by tabs, quoted as pandas does."""
    with _reading(path) as lines:
        before = csv.field_size_limit(_LONGEST)
        try:
            rows = csv.reader(lines, delimiter="\t")
            for row in rows:
                if row:
                    yield f"{path.name}, line {rows.line_num}", row
        except csv.Error as error:
            raise _wrong(path.name, str(error)) from error
        finally:
            csv.field_size_limit(before)


@contextmanager
def _reading(path: Path) -> Iterator[Iterator[str]]:
    if not path.is_file():
        raise UsageError(f"{path.parent} has no file {path.name}", fix=FIX)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", fix=FIX) from error
    except UnicodeDecodeError as error:
        raise _wrong(path.name, f"it is not UTF-8: {error.reason}") from error


def _object(place: str, text: str) -> Json:
    """Python's own JSON may hold NaN, and halves of surrogate pairs."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise _wrong(place, f"it is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise _wrong(place, "it is no JSON object")
    return value


def _id(place: str, raw: Json) -> str:
    id_ = raw.get("_id")
    if isinstance(id_, bool) or not isinstance(id_, str | int) or id_ == "":
        raise _wrong(place, "it has no _id")
    return str(id_)


def _metadata(raw: Json) -> Json:
    found = raw.get("metadata")
    return found if isinstance(found, dict) else {}


def _words(value: Any) -> str:
    return value.encode(errors="replace").decode().strip() if isinstance(value, str) else ""


def _wrong(place: str, what: str) -> UsageError:
    return UsageError(f"{place}: {what}", fix=FIX)
