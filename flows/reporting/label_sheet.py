"""The sheet on which people label answers: one page that needs no network, and the same as CSV.

All it shows is untrusted: the template escapes, and a policy in the page lets no script run but ours.
What a judge said is nowhere in it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from flows.reporting.page import policy_source
from tasks.errors import UsageError
from tasks.exact_json import digest_of
from tasks.judging.judge import functions_shown, steps_shown
from tasks.judging.labels import (
    COLUMNS,
    LABELS_OF_PEOPLE,
    Candidate,
    sample_of,
    seen_digest,
    spreadsheet_text,
)
from warehouse import manifest
from warehouse.connect import open_database
from warehouse.files import put
from warehouse.sql import statement
from warehouse.store import Store
from warehouse.tables import ANNOTATIONS, INSTRUCTIONS

FOLDER = "labels"
_HERE = Path(__file__).parent
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_SHOWN_OPEN = 300
"""Characters of an observation that are seen without unfolding it."""
_LONGEST_CELL = 30_000  # of spreadsheets: 32,767


@dataclass(frozen=True)
class Sheet:
    """Where a sheet was written.  n: answers on it; n_left: answers that nobody has labelled yet, in all."""

    page: Path
    table: Path
    n: int
    n_left: int


def write_sheet(data: Path, n: int) -> Sheet:
    """Draws n answers that nobody has labelled and no rule decides, stratified, and writes a page and a CSV.

    Raises `UsageError` where there is none, and for a CSV of that name that somebody has begun to fill in.
    """
    with open_database(data) as connection:
        rows = connection.execute(statement("label_strata")).fetchall()
    if not rows:
        raise UsageError(
            f"{data} holds no answer left to label",
            fix="run `toolloom refresh` or `toolloom annotate`, or name another folder with --data",
        )
    ids = sample_of([Candidate(annotation_id, tuple(stratum)) for annotation_id, *stratum in rows], n)
    items = _items(data, ids)
    name = f"sheet-{len(ids)}-{_name(items)[:6]}"
    page, table = (data / FOLDER / f"{name}.{kind}" for kind in ("html", "csv"))
    text = _csv(items).encode("utf-8-sig")
    if table.exists() and table.read_bytes() != text:
        raise UsageError(
            f"{table} is there, and was changed: it may be filled in",
            fix="read it with `toolloom evaluate --labels`, or move it away",
        )
    table.parent.mkdir(parents=True, exist_ok=True)
    put(table, text)
    put(page, sheet_page(items).encode())
    return Sheet(page, table, len(ids), len(rows))


def _items(data: Path, ids: Sequence[str]) -> list[dict[str, Any]]:
    """What is shown of each answer, in this order."""
    shown = manifest.newest(data)
    assert shown is not None, "its views were asked"
    store, wanted = Store(data), set(ids)
    found = {
        row.annotation_id: row
        for row in store.read(ANNOTATIONS, shown.tables[ANNOTATIONS.name])
        if row.annotation_id in wanted
    }
    queries = dict(store.select(shown.tables[INSTRUCTIONS.name], "instruction_id", "query"))
    return [
        {
            "annotation_id": annotation_id,
            "seen": seen_digest(queries.get(row.instruction_id, ""), row),
            "query": queries.get(row.instruction_id, ""),
            "steps": (steps := steps_shown(row.messages)),
            "n_calls": sum(len(step["calls"]) for step in steps),
            "answer": row.final_answer or "",
            "functions": [
                {"name": each.get("name", ""), "description": each.get("description") or ""}
                for each in functions_shown(row.functions)
            ],
        }
        for annotation_id in ids
        for row in [found[annotation_id]]
    ]


def sheet_page(items: Sequence[Mapping[str, Any]]) -> str:
    """The HTML text.  What was labelled on it is kept in the browser under a name made of its content."""
    return _ENVIRONMENT.get_template("label_sheet.html.jinja").render(
        items=items,
        labels=LABELS_OF_PEOPLE,
        columns=COLUMNS,
        shown_open=_SHOWN_OPEN,
        name=_name(items),
        style=Markup(_file("label_sheet.css")),  # noqa: S704 - a file of ours
        script=Markup(_file("label_sheet.js")),  # noqa: S704 - a file of ours
        style_hash=policy_source(_file("label_sheet.css")),
        script_hash=policy_source(_file("label_sheet.js")),
    )


def _name(items: Sequence[Mapping[str, Any]]) -> str:
    """Of a sheet, by what is on it."""
    return digest_of([[item["annotation_id"], item["seen"]] for item in items])[:16]


def _csv(items: Sequence[Mapping[str, Any]]) -> str:
    """A row for each answer, its label empty; the text beside is for whoever fills it in."""
    text = StringIO(newline="")
    rows = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    rows.writerow([*COLUMNS, "instruction", "answer", "calls"])
    for item in items:
        calls = "\n".join(
            f"{call['function']}({call['arguments']}) -> {call['observation']}"
            for step in item["steps"]
            for call in step["calls"]
        )
        shown = [spreadsheet_text(text[:_LONGEST_CELL]) for text in (item["query"], item["answer"], calls)]
        rows.writerow([item["annotation_id"], item["seen"], "", "", "", *shown])
    return text.getvalue()


@cache
def _file(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
