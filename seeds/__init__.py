"""Seed examples, written by hand and reviewed like code: what a model is shown before it is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from seeds.model import CompressionSeed, MultiToolSeed, Seed, SingleToolSeed
from tasks.errors import UsageError

__all__ = [
    "CompressionSeed",
    "Seed",
    "SeedError",
    "choose",
    "digest",
    "load_compression",
    "load_folder",
    "load_multi_tool",
    "load_single_tool",
]

_FOLDER = Path(__file__).parent

S = TypeVar("S", Seed, CompressionSeed)
M = TypeVar("M", bound=BaseModel)


class SeedError(UsageError):
    """A seed file that cannot be used; the message names file and fault."""


@cache
def load_single_tool() -> tuple[Seed, ...]:
    """Examples for one tool, by id."""
    return load_folder(_FOLDER / "single_tool", SingleToolSeed)


@cache
def load_multi_tool() -> tuple[Seed, ...]:
    """Examples that need several tools, by id."""
    return load_folder(_FOLDER / "multi_tool", MultiToolSeed)


@cache
def load_compression() -> tuple[CompressionSeed, ...]:
    """Shortened documents, by id."""
    return load_folder(_FOLDER / "compression", CompressionSeed)


def choose(seeds: Sequence[S], n: int, key: str) -> tuple[S, ...]:
    """At most `n` of `seeds`, which ones and in which order depends on `key` and their ids alone."""
    return tuple(sorted(seeds, key=lambda seed: _hash(key, seed.id))[:n])


@cache
def digest() -> str:
    """Hex digest of all seed files: part of the cache key of whatever is written with them."""
    files = sorted(_FOLDER.glob("*/*.yaml"), key=lambda file: (file.parent.name, file.name))
    return _hash(*(part for file in files for part in (file.parent.name, file.name, file.read_text("utf-8"))))


def load_folder(folder: Path, model: type[M]) -> tuple[M, ...]:
    """All seeds of a folder, one a file, by id (the stem of the file).  Raises `SeedError`."""
    return tuple(_load(file, model) for file in sorted(folder.glob("*.yaml"), key=lambda file: file.stem))


def _load(file: Path, model: type[M]) -> M:
    said = _read(file)
    try:
        return model.model_validate({"id": file.stem, **said})
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'seed'}: {fault['msg']}" for fault in error.errors()
        )
        raise _error(file, faults) from error


def _read(file: Path) -> dict[str, Any]:
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _error(file, f"not YAML: {error}") from error
    if not isinstance(said, dict) or "id" in said:
        raise _error(file, "must be a mapping without an id (the id is the name of the file)")
    return said


def _error(file: Path, fault: str) -> SeedError:
    return SeedError(
        f"seed {file.parent.name}/{file.name}: {fault}", fix="seeds/README.md shows what a seed must hold"
    )


def _hash(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()
