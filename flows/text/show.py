"""`toolloom show`: a search, found by the beginning of its id, as a tree to read: what was thought, called
and answered, what was abandoned and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import orjson
from rich.cells import cell_len
from rich.text import Text

from flows.text.layout import wrapped
from tasks import exact_json
from tasks.errors import UsageError
from warehouse.connect import open_database
from warehouse.ids import Candidate, the_one
from warehouse.sql import statement

NARROWEST = 30
LENGTH_OF_ID = 12  # that is shown where ids are listed
SHORT = 160  # characters of a thought or observation, unless all of it is wanted
_FINISH = "Finish"
_SAY_THEMSELVES = frozenset({"gave_up", "refused", "empty_reply"})
_STYLES = {"answered": "bold green", "gave_up": "red", "ok": "green"}

Row: TypeAlias = Mapping[str, Any]


@dataclass
class Step:
    """One reply of the model: its thought, and its calls with what came back."""

    number: int
    nodes: list[Row] = field(default_factory=list)
    next: list[Step] = field(default_factory=list)

    @property
    def on_answer_path(self) -> bool:
        return any(node["on_answer_path"] for node in self.nodes)

    @property
    def thought(self) -> str | None:
        return next((node["thought"] for node in self.nodes if node["thought"]), None)

    @property
    def calls(self) -> list[Row]:
        return [node for node in self.nodes if node["kind"] == "action_input"]


def first_steps(nodes: Sequence[Row]) -> list[Step]:
    """The replies to the question itself, each with the replies that followed it.

    nodes: in pre-order.  A reply may be several nodes: a thought, an action, its input.
    """
    first: list[Step] = []
    steps: dict[int, Step] = {}
    of_node: dict[int, Step | None] = {}
    for node in nodes:
        before = of_node.get(node["parent_id"]) if node["parent_id"] is not None else None
        number = node["query_no"]
        if number is None:
            of_node[node["node_id"]] = None
            continue
        if number not in steps:
            steps[number] = Step(number)
            (first if before is None else before.next).append(steps[number])
        steps[number].nodes.append(node)
        of_node[node["node_id"]] = steps[number]
    return first


def drawn(steps: Sequence[Step], width: int, *, full: bool) -> Iterator[Text]:
    """A chain of replies stays in its column; where the search came back, its branches are indented."""
    if len(steps) == 1:
        yield from _step_lines(steps[0], width, full=full)
        yield from drawn(steps[0].next, width, full=full)
        return
    for at, step in enumerate(steps):
        last = at == len(steps) - 1
        lines = drawn([step], max(NARROWEST, width - 3), full=full)
        for number, line in enumerate(lines):
            rule = ("└─ " if last else "├─ ") if number == 0 else ("   " if last else "│  ")
            yield Text(rule, style="dim") + line


def _step_lines(step: Step, width: int, *, full: bool) -> Iterator[Text]:
    mark = f"{step.number + 1:>2} "
    style = "" if step.on_answer_path else "dim"
    if step.thought is not None:
        yield from _wrapped(step.thought, width, first=mark, style=f"italic {style}".strip(), full=full)
        mark = "   "
    for call in step.calls:
        yield from _call_lines(call, mark, width, style=style, full=full)
        mark = "   "
    if mark != "   ":
        yield from _failure_lines(step.nodes[0], mark, width, full=full)
    yield from _end_lines(step)


def _failure_lines(node: Row, mark: str, width: int, *, full: bool) -> Iterator[Text]:
    """A reply without a thought or a call."""
    if node["outcome"] == "refused":
        refused = f"✗ no reply: {node['observation'] or 'the endpoint refused this request'}"
        yield from _wrapped(refused, width, first=mark, style="red", full=full)
    else:
        yield Text(f"{mark}(an empty reply: {node['finish_reason']})", style="dim")


def _end_lines(step: Step) -> Iterator[Text]:
    """Why nothing follows, where the reply itself does not say."""
    last = step.nodes[-1]
    if last["outcome"] in _SAY_THEMSELVES:
        return
    if last["entry"] is None and last["votes"] is not None:
        votes = f"{last['votes']:g} vote{'' if last['votes'] == 1 else 's'}"
        yield Text(f"   ✗ not followed: another reply was preferred ({votes})", style="dim")
    elif last["pruned"]:
        yield Text("   ✗ as deep as it may go", style="red")


def _call_lines(call: Row, mark: str, width: int, *, style: str, full: bool) -> Iterator[Text]:
    outcome = str(call["outcome"])
    arguments = _arguments(call["arguments"])
    if call["function"] == _FINISH and outcome in ("answered", "gave_up"):
        written = {"final_answer": call["arguments"]} if arguments is None else arguments
        yield from _finish_lines(call, written, mark, width)
        return
    made = call["arguments"] if arguments is None else _written(arguments)
    yield from _wrapped(f"{call['function']}({made})", width, first=mark, style=style, full=full)
    said = f"{outcome}: {call['observation'] or ''}"
    yield from _wrapped(said, width, first="   → ", style=_STYLES.get(outcome, "yellow"), full=full)


def _finish_lines(call: Row, arguments: Mapping[str, Any], mark: str, width: int) -> Iterator[Text]:
    style = _STYLES[str(call["outcome"])]
    if call["outcome"] == "gave_up":
        yield Text(f"{mark}✗ gave up", style=style)
        return
    answer = f"✓ {arguments.get('final_answer', '')}"
    yield from _wrapped(answer, width, first=mark, style=style, full=True)


def _arguments(text: str | None) -> dict[str, Any] | None:
    """The arguments by name; None when the model wrote something else."""
    try:
        value = exact_json.loads(text or "{}")
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _written(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={exact_json.dumps(value).decode()}" for name, value in arguments.items())


def _wrapped(text: str, width: int, *, first: str, style: str, full: bool) -> Iterator[Text]:
    """Lines of at most `width` cells, broken at blanks where there are any."""
    shown = _shown(text, full=full) or "''"
    for line in wrapped(shown, width - cell_len(first)):
        yield Text(first + line, style=style)
        first = " " * cell_len(first)


def _shown(text: str, *, full: bool) -> str:
    """One line of text; whatever an API sent, nothing in it controls a terminal."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if full or len(plain) <= SHORT else f"{plain[:SHORT]} ..."


def show(data: Path, beginning: str, *, run: str | None, width: int, full: bool) -> Text:
    """The search whose id, or whose instruction's id, begins so, drawn within `width` cells.

    An empty beginning takes one that is worth looking at.  full: nothing is shortened.  Raises
    `UsageError` when there is none, or more than one, with those that there are.
    """
    with open_database(data, run) as connection:
        search = _the_search(connection, beginning)
        nodes = _rows(connection, "search_nodes", search["annotation_id"])
    lines = [*_heading(search, width), Text(), *drawn(first_steps(nodes), width, full=full)]
    return Text("\n").join(lines)


def _the_search(connection: duckdb.DuckDBPyConnection, beginning: str) -> Row:
    annotation_id = _meant(connection, beginning) if beginning else ""
    found = _rows(connection, "find_search", annotation_id)
    if not found:
        raise UsageError("there is no search yet", fix="`toolloom sql @funnel` says how far the run came")
    return found[0]


def _meant(connection: duckdb.DuckDBPyConnection, beginning: str) -> str:
    """The id of the search whose id begins so, or of the only one for the instruction whose id does."""
    known = _rows(connection, "search_ids")
    candidates = [Candidate((row["annotation_id"], row["instruction_id"]), _told(row)) for row in known]
    return the_one(
        beginning,
        candidates,
        several="searches or their instructions",
        none=f"there is no search {beginning!r}, and no instruction",
        fix="`toolloom search WORDS` finds some by what they say, and `toolloom sql "
        '"SELECT annotation_id, query FROM annotations JOIN instructions USING (instruction_id)"` lists all',
    ).ids[0]


def _told(row: Row) -> str:
    query = _shown(row["query"] or "(its instruction is gone)", full=True)
    return f"of {row['instruction_id'][:LENGTH_OF_ID]}, {row['method']}: {query} ..."


def _rows(connection: duckdb.DuckDBPyConnection, name: str, *arguments: str) -> list[dict[str, Any]]:
    result = connection.execute(statement(name), arguments)
    columns = [column[0] for column in result.description]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


def _heading(search: Row, width: int) -> Iterator[Text]:
    yield Text(f"{search['scenario']}  {search['annotation_id']}", style="bold")
    yield Text(
        f"{search['method']}, rules {search['rules']}, model {search['model'] or 'unknown'}", style="dim"
    )
    yield Text(_result(search), style="green" if search["win"] else "red")
    for line in wrapped(_shown(search["query"] or "(its instruction is gone)", full=True), width):
        yield Text(line, style="italic")


def _result(search: Row) -> str:
    gave_up = search["finish_type"] == "give_up"
    ended = {"answered": "answered", "exhausted": "gave up" if gave_up else "found no answer"}
    word = ended.get(search["stopped_by"], f"stopped at {search['stopped_by']}")
    calls = f"{search['n_calls']} call{'' if search['n_calls'] == 1 else 's'}"
    requests = f"{search['n_queries']} request{'' if search['n_queries'] == 1 else 's'}"
    return f"{word} after {requests} to the model and {calls}"
