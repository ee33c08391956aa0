"""SQL lives in .sql files; here they are read, and their placeholders filled in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

_HERE = Path(__file__).parent
_COMMENTED = ("comments", "views")
_READ = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)")


@dataclass(frozen=True, kw_only=True)
class SqlFile:
    """One SQL file.  title: its first comment line; text: all of it, without the closing semicolon.

    comments: the `COMMENT ON` statements at its end, which are no part of the text.
    """

    name: str
    title: str
    text: str
    comments: str = ""


@cache
def sql_files(folder: str) -> dict[str, SqlFile]:
    """The files of `warehouse/<folder>/` by name, in the order of names."""
    return {path.stem: _read(path) for path in sorted((_HERE / folder).glob("*.sql"))}


@cache
def views_in_order() -> list[SqlFile]:
    """The derived views, each after those that it reads."""
    waiting = sql_files("views")
    ordered: list[SqlFile] = []
    while waiting:
        ready = [
            view
            for view in waiting.values()
            if not (waiting.keys() - {view.name}).intersection(_READ.findall(view.text))
        ]
        ordered += ready
        waiting = {name: view for name, view in waiting.items() if view not in ready}
    return ordered


def statement(name: str, /, **values: str) -> str:
    """A file of `warehouse/statements/` with its `$placeholders` filled in by ready pieces of SQL."""
    return Template(sql_files("statements")[name].text).substitute(values)


def _read(path: Path) -> SqlFile:
    text, comments = path.read_text(encoding="utf-8").strip(), ""
    if path.parent.name in _COMMENTED:
        text, comment, rest = text.partition("\nCOMMENT ON COLUMN ")
        comments = (comment + rest).strip()
    text = text.strip().removesuffix(";")
    first = text.partition("\n")[0]
    title = first.removeprefix("--").strip() if first.startswith("--") else ""
    return SqlFile(name=path.stem, title=title, text=text, comments=comments)


def literal(value: object) -> str:
    """A value as an SQL literal; None is NULL."""
    if value is None:
        return "NULL"
    return "'" + str(value).replace("'", "''") + "'"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literals(values: Sequence[object]) -> str:
    return "[" + ", ".join(literal(value) for value in values) + "]"
