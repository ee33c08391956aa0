"""The content digest of a table: what its rows say, whatever file they are in."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from operator import attrgetter
from typing import Any

import orjson

from tasks.errors import BrokenContract
from warehouse.ref import TableRef
from warehouse.table import Table

_MODULUS = 1 << 128
_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


def content_digest(table: Table[Any], rows: Iterable[object]) -> str:
    """`<number of rows>-<sum of the row digests modulo 2^128>`, both in hexadecimal.

    A row's digest is blake2b-128 over its JSON: the columns that are not volatile, by name, nested
    fields in the order of their type; of `once_set` those that are not None; the table's name is mixed in.

    A sum does not depend on the order of rows, so the digest of a table is had from those of its shards
    without reading a row (`combined`), and does not change with the number of shards.  It is good enough
    for what it serves, cache keys, diffs and the determinism law: two row sets that differ by chance
    agree with probability 2^-128.  It is no signature: who may choose thousands of rows freely can
    construct two sets of equal sum, and would gain that a change of their own rows goes unnoticed.
    Bytes are verified by the file digest, which is a plain hash.
    """
    columns = sorted(set(table.schema.names) - table.volatile)
    values_of = attrgetter(*columns) if len(columns) > 1 else lambda row: (getattr(row, columns[0]),)
    person = blake2b(table.name.encode(), digest_size=blake2b.PERSON_SIZE).digest()
    count = total = 0
    for row in rows:
        values = dict(zip(columns, values_of(row), strict=True))
        for name in table.once_set:
            if values[name] is None:
                del values[name]
        canonical = _canonical(table, row, values)
        digest = blake2b(canonical, digest_size=16, person=person)
        total += int.from_bytes(digest.digest(), "big")
        count += 1
    return _written(count, total)


def _canonical(table: Table[Any], row: object, values: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(values, option=_OPTIONS)
    except TypeError as error:
        key = tuple(getattr(row, name) for name in table.key)
        raise BrokenContract(
            f"table {table.name}: row {key!r} cannot be stored: {error}",
            fix="values must be of the column's type, text valid Unicode and integers of 64 bits",
        ) from error


def combined(refs: Iterable[TableRef]) -> str:
    """The content digest of the union of files that have no row in common."""
    parts = [ref.content_digest.split("-") for ref in refs]
    return _written(sum(int(count, 16) for count, _ in parts), sum(int(total, 16) for _, total in parts))


def remaining(all_rows: str, removed: str) -> str:
    """The content digest of what is left of some rows when others of them are removed."""
    (n_all, sum_all), (n_removed, sum_removed) = (digest.split("-") for digest in (all_rows, removed))
    return _written(int(n_all, 16) - int(n_removed, 16), int(sum_all, 16) - int(sum_removed, 16))


def _written(count: int, total: int) -> str:
    return f"{count:x}-{total % _MODULUS:032x}"
