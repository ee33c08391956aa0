"""Reference pages made from the code: `python -m flows.describe` writes them into docs/.

Whole pages, and blocks of others between two marks.  A test compares the pages with what this would
write, so they cannot lag.  docs/data.md says what tables and views hold, as the database itself does.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from flows.build_dataset import DECLARED
from flows.configure import profile_names
from flows.params import Config
from tasks.frame.stage import Stage
from tasks.llm.retry import ALL_ATTEMPTS, RETRIES, Retry
from warehouse.connect import connect_snapshot
from warehouse.query import list_queries
from warehouse.sql import sql_files
from warehouse.table import Table
from warehouse.tables import TABLES

# Column, type in SQL, comment.
Column: TypeAlias = tuple[str, str, str | None]
EXAMPLE = "; e.g. "


def data_lines() -> Iterator[str]:
    """The page without its head: tables, views, and the questions that have a name."""
    columns = _columns()
    for table in TABLES.values():
        yield from _table(table, columns[table.name])
    yield "# Views"
    yield ""
    yield "Made from the tables, in SQL ([warehouse/views](../warehouse/views))."
    yield ""
    for view in sql_files("views").values():
        yield f"## {view.name}"
        yield ""
        yield f"A row is {view.title.removeprefix('Grain: ')}."
        yield ""
        yield from _table_of_columns(columns[view.name], {})
    yield "# Questions"
    yield ""
    yield "`toolloom sql @name` asks them ([warehouse/queries](../warehouse/queries))."
    yield ""
    yield "| name | what it answers |"
    yield "|---|---|"
    yield from (f"| `@{query.name}` | {query.title} |" for query in list_queries().values())


def _columns() -> dict[str, list[Column]]:
    """The columns of every table and view, in their order."""
    with TemporaryDirectory() as folder, connect_snapshot(Path(folder), None, described=True) as connection:
        rows = connection.execute(list_queries()["columns"].text).fetchall()
    found: dict[str, list[Column]] = {}
    for table, column, type_, comment in rows:
        found.setdefault(table, []).append((column, type_, comment))
    return found


def _table(table: Table[Any], columns: Sequence[Column]) -> Iterator[str]:
    yield f"## {table.name}"
    yield ""
    history = " A history table." if table.history else ""
    yield f"A row is {table.grain}; the key is `{', '.join(table.key)}`.{history}"
    yield ""
    yield _docstring(table.row_type)
    yield ""
    notes = {
        field.name: ["volatile"] * (field.name in table.volatile) + ["may be null"] * field.nullable
        for field in table.schema
    }
    yield from _table_of_columns(columns, notes)


def _table_of_columns(columns: Sequence[Column], notes: dict[str, list[str]]) -> Iterator[str]:
    yield "| column | type | meaning | example | |"
    yield "|---|---|---|---|---|"
    for name, type_, comment in columns:
        meaning, _, example = (comment or "").partition(EXAMPLE)
        shown = f"`{example}`" if example else ""
        remark = ", ".join(notes.get(name, ()))
        yield f"| `{name}` | `{type_.replace('|', '/')}` | {meaning} | {shown} | {remark} |"
    yield ""


def _docstring(documented: type) -> str:
    """With its lines joined; dataclasses without one have only their signature."""
    text = inspect.cleandoc(documented.__doc__ or "")
    if dataclasses.is_dataclass(documented) and text.startswith(f"{documented.__name__}("):
        return ""
    return " ".join(text.split())


DOCS = Path(__file__).parent.parent / "docs"
MADE = "<!-- Made by `python -m flows.describe`; edit the code instead. -->"
LINEAGE_BEGINS = "<!-- Lineage, made by `python -m flows.describe`; edit STAGE in tasks/. -->"
LINEAGE_ENDS = "<!-- End of the lineage. -->"
RETRIES_BEGIN = "<!-- Retries, made by `python -m flows.describe`; edit tasks/llm/retry.py. -->"
RETRIES_END = "<!-- End of the retries. -->"


def pages() -> dict[Path, str]:
    """Every page that is generated, wholly or in part, with its text."""
    return {
        DOCS / "architecture.md": with_block(
            "architecture.md", LINEAGE_BEGINS, LINEAGE_ENDS, lineage_table()
        ),
        DOCS / "configuration.md": configuration_page(),
        DOCS / "data.md": data_page(),
        DOCS / "running.md": with_block("running.md", RETRIES_BEGIN, RETRIES_END, retries_table()),
    }


def with_block(page: str, begins: str, ends: str, lines: Iterable[str]) -> str:
    """The page as it is, what is between the marks made anew."""
    before, begin, rest = (DOCS / page).read_text(encoding="utf-8").partition(begins)
    _, end, after = rest.partition(ends)
    assert end, f"docs/{page} has lost {begins} or {ends}"
    return "\n".join([before + begin, *lines, end + after])


def lineage_table(stages: Sequence[Stage] = DECLARED) -> Iterator[str]:
    """A Markdown table; what is read is named behind the stages that write it."""
    yield "| stage | reads | writes |"
    yield "|---|---|---|"
    for stage in stages:
        yield f"| {stage.name} | {_sources(stage)} | {_listed(stage.writes)} |"


def _sources(stage: Stage) -> str:
    writers: dict[tuple[Table[Any], ...], list[str]] = {}
    for writer, tables in stage.reads.items():
        writers.setdefault(tables, []).append(writer)
    sources = [f"{', '.join(names)}: {_listed(tables)}" for tables, names in writers.items()]
    if not sources:
        sources.append("the world")
    if stage.reads_before:
        sources.append(f"itself in the run before: {_listed(stage.reads_before)}")
    if stage.again:
        again = [table for tables in stage.again.values() for table in tables]
        sources.append(f"in further rounds: {_listed(again)}")
    return "; ".join(sources)


def _listed(tables: Sequence[Table[Any]]) -> str:
    return ", ".join(f"`{table.name}`" for table in tables)


def retries_table() -> Iterator[str]:
    yield "| failure | tries | pause before the next | counts as |"
    yield "|---|---|---|---|"
    for retry in RETRIES.values():
        yield f"| {retry.what} | {_tries(retry)} | {retry.pause} | {retry.cost} |"


def _tries(retry: Retry) -> str:
    if retry.at_most is None:
        return "for `[llm] outage_s`"
    most = "`[llm] attempts`" if retry.at_most == ALL_ATTEMPTS else str(retry.at_most)
    if retry.alone_at_most == ALL_ATTEMPTS:
        return most
    return f"{most}; {retry.alone_at_most} while nobody else is answered"


def configuration_page() -> str:
    lines = [
        MADE,
        "# Configuration",
        "",
        f"One TOML file (`--config FILE`) or a profile (`--profile`: {', '.join(profile_names())}),",
        "overridden by `--set section.key=value`.",
        "",
    ]
    top = {name: field for name, field in Config.model_fields.items() if field.description is not None}
    lines += ["## Above all sections", "", "| key | default | meaning |", "|---|---|---|"]
    lines += [f"| `{name}` | {_default(field)} | {field.description} |" for name, field in top.items()]
    lines += [""]
    for name, field in Config.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            lines += [f"## `[{name}]`", "", _first_paragraph(section), "", *_keys(section), ""]
    return "\n".join(lines)


def _keys(section: type[BaseModel]) -> Iterator[str]:
    yield "| key | default | meaning |"
    yield "|---|---|---|"
    for name, field in section.model_fields.items():
        yield f"| `{field.alias or name}` | {_default(field)} | {field.description or ''} |"


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, timedelta):
        return f"`{value.total_seconds():.0f}` s"
    if value is None or value in ((), {}):
        return "none"
    if isinstance(value, tuple):
        return f"`{list(value)}`"
    return f"`{value}`"


def data_page() -> str:
    lines = [
        MADE,
        "# Data",
        "",
        "Every table and view: what a row is, its key, and its columns; in SQL, `@tables` and `@columns`.",
        "Columns marked *volatile* (times, latencies, costs, run ids) are left out of the content digest.",
        "History tables grow by a file a run.",
        "",
    ]
    return "\n".join([*lines, *data_lines(), ""])


def _first_paragraph(documented: type) -> str:
    """The docstring with its lines joined; dataclasses without one have only their signature."""
    text = inspect.cleandoc(documented.__doc__ or "")
    if dataclasses.is_dataclass(documented) and text.startswith(f"{documented.__name__}("):
        return ""
    return " ".join(text.split())


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
