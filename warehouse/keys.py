"""Which entries of the stores below the cache a run stands on, by the keys in its tables."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.manifest import Manifest
from warehouse.table import Table

_KEY = "store_key"
_STAGE = "stage"
# Verdicts are carried over from earlier runs one by one, and with them what was asked for them.
_CARRYING_OVER = frozenset({"probe"})


@dataclass(frozen=True)
class Keys:
    """keys: found.  complete: every file that may name some could be read, and names them."""

    keys: Set[bytes]
    complete: bool


def keys_of(root: Path, runs: Iterable[Manifest], table: Table[Any]) -> Keys:
    """What the runs would look up again if nothing but the stores were left: rows of their stages' `table`.

    table: `llm_calls` or `calls`, whose rows name their entry.
    """
    runs = list(runs)
    own = {ref for run in runs for output in run.stages.values() for ref in output.tables.get(table.name, ())}
    found = [_keys_in(root / ref.path) for ref in own]
    if _STAGE in table.schema.names:
        others = {ref for run in runs for ref in run.tables.get(table.name, ())} - own
        found += [_keys_in(root / ref.path, _CARRYING_OVER) for ref in others]
    together: set[bytes] = set()
    for keys in found:
        together |= keys.keys
    return Keys(together, all(keys.complete for keys in found))


def _keys_in(path: Path, stages: Set[str] | None = None) -> Keys:
    """stages: only rows of these.  Files from before rows named their entries tell nothing."""
    columns = [_KEY] if stages is None else [_KEY, _STAGE]
    try:
        file = pq.ParquetFile(path)
        if _KEY not in file.schema_arrow.names:
            return Keys(frozenset(), stages is not None)
        read = file.read(columns=columns, use_threads=False).to_pydict()
    except (OSError, pa.ArrowInvalid):
        return Keys(frozenset(), stages is not None)
    named = read[_KEY]
    if stages is not None:
        named = [key for key, stage in zip(named, read[_STAGE], strict=True) if stage in stages]
    return Keys({bytes.fromhex(key) for key in named if key is not None}, None not in named)
