"""Toolloom from Python: look at a data set, refresh it, hand it on, and search a path with any model.

    import toolloom

    data = toolloom.open_data("warehouse/data")
    data.table("instructions")              # pandas; `arrow` and `relation` are Arrow's and DuckDB's
    data.sql("SELECT scenario, count(*) FROM instructions GROUP BY ALL")
    data.tree()                             # a search, drawn

`toolloom.search` and `toolloom.ModelEndpoint` are the search as plain code (docs/search.md).  Every error on
purpose is a `ToolloomError`, which says what to do.  docs/python.md shows all of it.  Importing this imports
nothing heavy: pandas, DuckDB and the model's client come when they are first needed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import OverBudget, StopRun, ToolloomError, UsageError

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa
    from rich.text import Text

    from tasks.exporting.export import Exported
    from tasks.search.api import ModelEndpoint, search

__all__ = ["Data", "ModelEndpoint", "ToolloomError", "UsageError", "open_data", "refresh", "search"]


def __getattr__(name: str) -> Any:
    if name in ("ModelEndpoint", "search"):
        from tasks.search import api

        return getattr(api, name)
    raise AttributeError(f"module 'toolloom' has no attribute {name!r}")


class Data:
    """A data set as one run left it; made by `open_data`.

    A refresh meanwhile changes nothing of what is shown here.  Ends with `close`, or as a `with` block.
    """

    def __init__(self, folder: Path, run: str | None) -> None:
        from warehouse.connect import open_database
        from warehouse.manifest import chosen, newest

        self.folder = folder
        shown = newest(folder) if run is None else chosen(folder, run)
        run = None if shown is None else shown.run_id
        # Says what is wrong where there is no run.
        self._connection = open_database(folder, run, described=True)
        self.run = run

    def __enter__(self) -> Data:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<data set in {self.folder}, run {self.run}>"

    def close(self) -> None:
        self._connection.close()

    @property
    def tables(self) -> list[str]:
        """Names of the tables and views; docs/data.md says what their rows and columns mean."""
        from warehouse.sql import sql_files
        from warehouse.tables import TABLES

        return sorted([*TABLES, *sql_files("views")])

    def table(self, name: str) -> pd.DataFrame:
        """A table or view as a data frame.  Raises `UsageError` when there is none of that name."""
        from warehouse.sql import identifier

        return self.sql(f"FROM {identifier(self._known(name))}")

    def arrow(self, name: str) -> pa.Table:
        """A table or view as an Arrow table, nested columns and all.  Raises as `table` does."""
        return self.relation(name).to_arrow_table()

    def relation(self, name: str) -> duckdb.DuckDBPyRelation:
        """A table or view to go on with in DuckDB; reads nothing until it has to.  Raises as `table` does.

        It lives as long as this object is open.
        """
        return self._connection.table(self._known(name))

    def sql(self, query: str, params: Mapping[str, object] | None = None) -> pd.DataFrame:
        """The rows of one SELECT, or of the question that is kept under `@name`.

        params: the values of `:name` in it.  Raises `UsageError` for what is not one sound SELECT.
        """
        from warehouse.query import query as rows_of

        return rows_of(self._connection, query, params)

    def find(self, words: str, *, limit: int = 20) -> pd.DataFrame:
        """Instructions that hold all the words, they or their answers; the best matches first.

        `"several words"` are wanted in that order, `word*` begins a word.
        """
        from warehouse.fulltext import search as found_in

        return found_in(self.folder, words, run=self.run, limit=limit).rows

    def find_apis(
        self, words: str, *, k: int = 5, retriever: str | None = None, config: Path | str | None = None
    ) -> pd.DataFrame:
        """The k best APIs for what you need, as `toolloom find` names them; `retriever` says who did.

        retriever: bm25, newest, the digest of a model trained here, a folder or package:NAME of
        sentence-transformers, or endpoint.  config: a TOML file with `[retriever]`.  Raises `UsageError`.
        """
        from flows.finding import find_apis, settings_for

        settings = settings_for(retriever, file=None if config is None else Path(config))
        found = find_apis(self.folder, words, k, run=self.run, settings=settings)
        for note in found.notes:
            warnings.warn(note, stacklevel=2)
        return found.rows

    def tree(self, beginning: str = "", *, width: int = 100, full: bool = False) -> Text:
        """A search as a tree: thoughts, calls, outcomes, what was abandoned, the answer.

        It shows itself in a notebook, and `print` writes it.  beginning: of an annotation's or instruction's
        id; none is a good one.  full: shorten nothing.
        """
        from flows.text.show import show

        return show(self.folder, beginning, run=self.run, width=width, full=full)

    def export(self, format: str, out: Path | str | None = None, **params: Any) -> Exported:  # noqa: A002
        """Writes the data set as other tools read it: toolbench, toolllama, openai, hf (docs/exports.md).

        out: the folder, <data>/exports/FORMAT unless named; an earlier export there is replaced.  params:
        `method`, `give_ups`, `held_out`.
        """
        from pydantic import ValidationError

        from tasks.exporting.export import EXPORTS, export_run
        from tasks.exporting.params import ExportParams

        try:
            chosen = ExportParams(**params)
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
            known = ", ".join(ExportParams.model_fields)
            raise UsageError(
                f"no export can be made so: {said}", fix=f"the parameters are {known}"
            ) from error
        folder = Path(out) if out is not None else self.folder / EXPORTS / format
        return export_run(self.folder, format, folder, run=self.run, params=chosen)

    def _known(self, name: str) -> str:
        if name in self.tables:
            return name
        near = get_close_matches(name, self.tables, n=1)
        raise UsageError(
            f"there is no table or view {name!r}",
            fix=f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self.tables)}",
        )


def open_data(folder: Path | str | None = None, *, run: str | None = None) -> Data:
    """The data set in a folder, as its newest run left it, or an earlier one.

    folder: TOOLLOOM_DATA unless named, or where `toolloom refresh` writes.  run: its id, how that begins, or
    `latest`, `latest~1` and so on of those that were committed, complete or not.  Raises `UsageError` when
    there is no run there, or what it wrote is damaged.
    """
    return Data(_folder(folder), run)


def refresh(
    folder: Path | str | None = None,
    *,
    config: Path | str | None = None,
    settings: Mapping[str, object] | None = None,
    until: str | None = None,
) -> Data:
    """Brings the data set up to date, as `toolloom refresh` does, and opens it.

    config: a TOML file; without one, the configuration of the folder's last run, or the sandbox.  settings:
    what to override, as `{"llm.model": "gpt-4o-mini"}`.  until: the last stage.  Raises what the command
    would say: `UsageError`, `OverBudget` when a cap was reached, else `StopRun`; what was finished is kept,
    and the next call goes on from it.

    It is a process of its own: Prefect reads its settings when imported, so one process serves one folder.
    """
    data = _folder(folder)
    command = [sys.executable, "-P", "-m", "flows", "refresh", "--data", str(data)]
    command += ["--config", str(config)] if config is not None else []
    command += ["--until", until] if until is not None else []
    for name, value in (settings or {}).items():
        command += ["--set", f"{name}={_toml(value)}"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        with subprocess.Popen(  # noqa: S603 - our own module
            command, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8", errors="replace"
        ) as process:
            try:
                for line in process.stdout or ():
                    sys.stdout.write(line)
            finally:
                process.terminate()  # after an interrupt: it winds up; else it has ended
        errors.seek(0)
        told = errors.read().strip()
    if process.returncode:
        message, _, fix = told.rpartition("toolloom: ")[2].partition("\n  fix: ")
        kind = {2: UsageError, 3: OverBudget}.get(process.returncode, StopRun)
        raise kind(message or "the refresh was ended from outside", fix=fix or "call it again: it goes on")
    return Data(data, None)


def _folder(folder: Path | str | None) -> Path:
    from flows import DEFAULT_DATA

    return Path(folder or os.environ.get("TOOLLOOM_DATA") or DEFAULT_DATA).resolve()


def _toml(value: object) -> str:
    """A value as TOML writes it; what TOML has no word for is the text of it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml(str(name))} = {_toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, (bool, int, float)):
        return str(value).lower()
    return json.dumps(str(value), ensure_ascii=False)
