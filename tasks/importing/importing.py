"""Files of answers into rows, some of them at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.errors import BadRow
from tasks.exact_json import Json
from tasks.importing.answer_files import MALFORMED, UNREADABLE, read_answer
from tasks.importing.converted import is_query_id, read_entry
from tasks.importing.entries import read_set
from tasks.importing.files import AnswerFile, Answers, SetFile
from tasks.importing.published import SOLVABLE, Published
from tasks.importing.queries import Queries, read_queries
from tasks.importing.rows import FINISH, ImportedRows, rows_of
from warehouse.tables.accounts import Reject
from warehouse.tables.annotations import Annotation, Node
from warehouse.tables.evaluations import Evaluation, Preference
from warehouse.tables.instructions import Instruction

STAGE = "import"
DUPLICATE = "duplicate"
OF_NO_SET = "of_no_set"
OTHER_FORMAT = "other_format"
REMARK = "partly_read"

_FILES_AT_ONCE = 250
_ENTRIES_AT_ONCE = 500


@dataclass(slots=True)
class Part:
    """The rows of some files.

    rejects: an answer each that cannot be used, or a file of which nothing can.  remarks: on what is beside
    the answers, which are no losses.
    """

    n_files: int = 0
    instructions: list[Instruction] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    preferences: list[Preference] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    remarks: list[Reject] = field(default_factory=list)

    def refuse(self, place: str, fault: BadRow) -> None:
        self.rejects.append(_reject(place, fault.reason, fault.message))


def parts_of(found: Answers) -> Iterator[Part]:
    """Every answer becomes a search, or a reject that says why not.  Files called like answers are some."""
    queries = read_queries(found.queries)
    importer = _Importer(queries)
    part = Part(n_files=0)
    for place in found.elsewhere:
        part.refuse(place, BadRow(OF_NO_SET, "its folder is not called G1_answer or the like"))
    for place, why in found.refused:
        part.refuse(place, BadRow(UNREADABLE, why))
    for at in range(0, len(found.answers), _FILES_AT_ONCE):
        for answer in found.answers[at : at + _FILES_AT_ONCE]:
            importer.take_answer(answer, part)
        yield part
        part = Part()
    # What is known of the queries comes before the answers to them.
    for file in sorted(found.sets, key=_tells_of_queries, reverse=True):
        yield from importer.take_set(file, part)
        part = Part()
    part.evaluations, part.preferences = importer.published.votes()
    of_files: dict[str, list[str]] = {}
    for place, told in (*queries.unused, *importer.published.unused, *importer.noted):
        of_files.setdefault(place, []).append(told)
    part.remarks += [_reject(place, REMARK, "; ".join(told)) for place, told in of_files.items()]
    yield part


def _tells_of_queries(file: SetFile) -> bool:
    return any(folder in ("test_instruction", SOLVABLE) for folder in file.place.split("/"))


def _reject(place: str, reason: str, detail: str) -> Reject:
    return Reject(stage=STAGE, row_id=place, reason=reason, detail=detail)


class _Importer:
    def __init__(self, queries: Queries) -> None:
        self.published = Published()
        self.noted: list[tuple[str, str]] = []
        """Places of files that were read, and what is odd in them."""
        self._queries = queries
        self._annotations: set[str] = set()
        self._instructions: set[str] = set()

    def take_answer(self, file: AnswerFile, part: Part) -> None:
        part.n_files += 1
        try:
            answer = read_answer(file.path)
            n_apis = sum(function.get("name") != FINISH for function in answer.functions)
            asked = self._queries.of(file.scenario, file.query_id, answer.query, n_apis)
            self._take(rows_of(file, answer, asked), part)
        except BadRow as fault:
            part.refuse(file.place, fault)
            return
        if answer.noted:
            self.noted.append((file.place, answer.noted))
        self.published.answered(file, file.query_id, part.annotations[-1])

    def take_set(self, file: SetFile, part: Part) -> Iterator[Part]:
        part.n_files += 1
        try:
            read = read_set(file.path)
        except BadRow as fault:
            part.refuse(file.place, fault)
            yield part
            return
        content = read.value
        if read.fault:
            self.noted.append((file.place, read.fault))
        part.remarks += [_reject(_place(file, key), REMARK, told) for key, told in read.noted]
        if isinstance(content, list) and self._queries.take(file.scenario, file.place, content):
            yield part
            return
        if not isinstance(content, dict) or not any(_is_entry(entry) for entry in content.values()):
            if not self.published.take(file, content):
                part.refuse(file.place, BadRow(OTHER_FORMAT, _unlike(content)))
            part.remarks += [_reject(_place(file, key), REMARK, lost.message) for key, lost in read.lost]
            yield part
            return
        for key, lost in read.lost:
            part.refuse(_place(file, key), lost)
        yield from self._take_entries(file, content, part)

    def _take_entries(self, file: SetFile, content: Json, part: Part) -> Iterator[Part]:
        n_cut = 0
        for number, entry in content.items():
            if len(part.annotations) >= _ENTRIES_AT_ONCE:
                yield part
                part = Part()
            try:
                n_cut += self._take_entry(file, number, entry, part)
            except BadRow as fault:
                part.refuse(_place(file, number), fault)
        if n_cut:
            told = f"{n_cut:,} of {len(content):,} answers lack what calls returned: their steps are cut"
            self.noted.append((file.place, told))
        yield part

    def _take_entry(self, file: SetFile, number: str, entry: Any, part: Part) -> bool:
        if not is_query_id(number):
            raise BadRow(MALFORMED, "its key is no query id, which is a number")
        tools = entry.get("available_tools") if isinstance(entry, dict) else None
        query = entry.get("query") if isinstance(entry, dict) else None
        n_apis = sum(
            isinstance(each, dict) and each.get("name") != FINISH
            for each in (tools if isinstance(tools, list) else ())
        )
        asked = self._queries.of(file.scenario, int(number), query if isinstance(query, str) else "", n_apis)
        read = read_entry(file, file.model, number, entry, asked)
        self._take(read.rows, part)
        self.published.answered(file, int(number), read.rows.annotation)
        return read.is_cut

    def _take(self, rows: ImportedRows, part: Part) -> None:
        if rows.annotation.annotation_id in self._annotations:
            raise BadRow(DUPLICATE, "another file has the same query, method and model")
        self._annotations.add(rows.annotation.annotation_id)
        part.annotations.append(rows.annotation)
        part.nodes += rows.nodes
        if rows.instruction.instruction_id not in self._instructions:
            self._instructions.add(rows.instruction.instruction_id)
            part.instructions.append(rows.instruction)


def _place(file: SetFile, number: str) -> str:
    return f"{file.place}[{number[:40]}]".encode(errors="replace").decode()


def _is_entry(entry: Any) -> bool:
    """Whether it is meant as a converted answer, and not as something else by the same key."""
    return isinstance(entry, dict) and ("answer" in entry or "available_tools" in entry)


def _unlike(content: Any) -> str:
    expected = "converted answers are {query id: {query, available_tools, answer}}"
    if isinstance(content, list):
        return f"it is a list, and {expected}: convert it with ToolBench's convert_to_answer_format.py"
    if not isinstance(content, Mapping) or not content:
        return f"it holds no answers; {expected}"
    if "answer_generation" in content:
        return "it is one raw answer: put it into a folder called after its set, as in G1_instruction/"
    keys = ", ".join(repr(str(key)[:30]) for key in list(content)[:3])
    return f"it holds something else ({keys}); {expected}"
