"""Every table, column and type in one file: a change of schema is a visible diff.

After an intended change: `UPDATE_GOLDEN=1 pytest tests/warehouse/test_golden_tables.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from warehouse.table import Table
from warehouse.tables import TABLES

GOLDEN = Path(__file__).with_name("golden") / "tables.txt"


def _described(table: Table[Any]) -> Iterator[str]:
    history = ", history" if table.history else ""
    yield f"{table.name}: {table.grain}; key {', '.join(table.key)}{history}"
    for field in table.schema:
        marks = " null" * field.nullable + " volatile" * (field.name in table.volatile)
        yield f"    {field.name}: {field.type}{marks}"
    yield ""


def test_tables_and_columns_are_those_of_the_golden_file() -> None:
    found = "\n".join(line for table in TABLES.values() for line in _described(table))
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(found, encoding="utf-8")
    assert found == GOLDEN.read_text(encoding="utf-8")


def test_keys_and_volatile_columns_are_columns() -> None:
    unknown = {
        table.name: {*table.key, *table.volatile} - set(table.schema.names) for table in TABLES.values()
    }
    assert [name for name, columns in unknown.items() if columns] == []
