"""Full-text search over instructions and their answers, by SQLite's FTS5.

    <data>/search/<digest>.sqlite    an index; named by the content it was made of, written once

An index is made when it is first asked for, beside the tables and from them: it can be removed at any time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from tasks.errors import ToolloomError, UsageError
from warehouse.connect import open_database
from warehouse.files import digest_of, temporary_beside, writing
from warehouse.manifest import Manifest, chosen, newest
from warehouse.seen import Seen, refuse_links
from warehouse.sql import sql_files, statement
from warehouse.tables import ANNOTATIONS, INSTRUCTIONS

EXCERPTS = ("query_excerpt", "answer_excerpt")
COLUMNS = ("instruction_id", "annotation_id", "scenario", "win", "query", "answer", *EXCERPTS)
KEPT = 4  # indexes of other runs, which were searched before
_BATCH = 5_000


@dataclass(frozen=True, kw_only=True)
class Found:
    """rows: the best matches, best first, with `COLUMNS`; n_all: how many match.

    `EXCERPTS`: what of the instruction, and of the answer, shows the words.
    """

    rows: pd.DataFrame
    n_all: int


def search(root: Path, words: str, *, run: str | None, limit: int) -> Found:
    """Instructions that hold all the words, they or their answers, in any of their forms.

    `"several words"` are wanted in that order, `word*` begins a word.  Raises `UsageError` without words, or
    when there is no such run.
    """
    wanted = match_of(words)
    with _index(root.resolve(), run) as connection:
        rows = connection.execute(statement("fulltext_match"), [wanted, limit]).fetchall()
        (n_all,) = connection.execute(statement("fulltext_count"), [wanted]).fetchone()
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    frame["win"] = [None if win is None else bool(win) for win in frame["win"]]
    return Found(rows=frame, n_all=n_all)


def match_of(words: str) -> str:
    """The words as FTS5 wants them, each in quotes, so that none is taken for an operator."""
    terms = list(_terms(words))
    if not terms:
        raise UsageError("there is no word to search for", fix="as in `toolloom search weather oslo`")
    return " ".join(terms)


def _terms(words: str) -> Iterator[str]:
    for number, part in enumerate(words.split('"')):
        if number % 2:
            yield from ([f'"{part}"'] if _has_word(part) else [])
            continue
        for word in part.split():
            if _has_word(word):
                yield f'"{word.rstrip("*")}"' + "*" * word.endswith("*")


def _has_word(text: str) -> bool:
    return any(character.isalnum() for character in text)


@contextmanager
def _index(root: Path, run: str | None) -> Iterator[sqlite3.Connection]:
    refuse_links(root)
    manifest = newest(root) if run is None else chosen(root, run)
    if manifest is None:
        raise UsageError(f"there is no run in {root}", fix="run `toolloom refresh`")
    path = index_of(root, manifest)
    with closing(_opened(path) or _made(root, path, manifest.run_id)) as connection:
        yield connection


def index_of(root: Path, manifest: Manifest) -> Path:
    """Where the index of a run is, once somebody has searched it; runs with the same texts share one."""
    return root / "search" / f"{_content(manifest)}.sqlite"


def _content(manifest: Manifest) -> str:
    """Digest of the rows that an index holds, and of how it holds them."""
    refs = [ref for table in (INSTRUCTIONS, ANNOTATIONS) for ref in manifest.tables.get(table.name, ())]
    how = [file.text for name, file in sql_files("statements").items() if name.startswith("fulltext_")]
    return digest_of("\n".join([*(ref.content_digest for ref in refs), *how]).encode())


def _opened(path: Path) -> sqlite3.Connection | None:
    """A finished index; None when there is none, or what is there is none that was made here.

    Whoever made it decides what a look-up in it does, and a folder may come from somebody else.
    """
    root, name = path.parent.parent, f"{path.parent.name}/{path.name}"
    if not Seen(root).knows(name, path.stem):
        return None
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        connection.execute(statement("fulltext_probe")).fetchone()
    except sqlite3.DatabaseError:
        connection.close()
        return None
    return connection


def _made(root: Path, path: Path, run_id: str) -> sqlite3.Connection:
    """The index, made anew; in memory where the folder cannot be written."""
    temporary = temporary_beside(path)
    with open_database(root, run_id) as database:
        try:
            with writing(path.parent):
                path.parent.mkdir(parents=True, exist_ok=True)
                _fill_file(temporary, database)
                temporary.replace(path)
            seen = Seen(root)
            seen.note(path.relative_to(root).as_posix(), path.stem)
            seen.keep()
        except ToolloomError:
            return _filled(sqlite3.connect(":memory:"), database)
        finally:
            if temporary.is_file():
                temporary.unlink()
    _forget_old(path)
    return _opened(path) or _broken(path)


def _fill_file(path: Path, database: duckdb.DuckDBPyConnection) -> None:
    try:
        with closing(sqlite3.connect(path)) as connection:
            # A file that is renamed when it is finished needs no journal.
            connection.executescript(statement("fulltext_settings"))
            _filled(connection, database)
    except sqlite3.OperationalError as error:
        raise OSError(None, str(error)) from error


def _filled(connection: sqlite3.Connection, database: duckdb.DuckDBPyConnection) -> sqlite3.Connection:
    connection.execute(statement("fulltext_create"))
    result = database.execute(statement("fulltext_rows"))
    while rows := result.fetchmany(_BATCH):
        connection.executemany(statement("fulltext_insert"), rows)
    connection.execute(statement("fulltext_optimise"))
    connection.commit()
    return connection


def _forget_old(path: Path) -> None:
    """Whoever has one open reads on; whoever wants one again has it made again."""
    others = [other for other in path.parent.glob("[!.]*.sqlite") if other != path]
    others.sort(key=lambda other: other.stat().st_mtime, reverse=True)
    for other in others[KEPT:]:
        other.unlink(missing_ok=True)


def _broken(path: Path) -> Any:
    raise UsageError(f"{path} was written and cannot be read", fix="look after the disk")
