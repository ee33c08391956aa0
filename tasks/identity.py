"""What of a model of settings identifies a result; said at its fields, in annotations.

A field without a marker counts in every key, so that one that was forgotten costs a computation, never a
wrong result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

CONFIGURATION = "configuration"


@dataclass(frozen=True)
class NotInKey:
    """The field changes no row of any table: only how fast, where, what is paid, how old, or who is told."""

    why: Literal["speed", "place", "money", "age", "name"]


@dataclass(frozen=True, init=False)
class OnlyInKeyOf:
    """The field counts for these stages alone, and for the configuration as a whole."""

    stages: tuple[str, ...]

    def __init__(self, *stages: str) -> None:
        object.__setattr__(self, "stages", stages)


@dataclass(frozen=True)
class NotInShardKey:
    """The field says which rows there are and how they are divided; a shard's key covers its rows itself."""


@dataclass(frozen=True)
class OnceSet:
    """The field counts when it says something: results made before there was such a field are still good."""


def identity(model: BaseModel, of: str = CONFIGURATION, *, shard: bool = False) -> dict[str, Any]:
    """The fields that count in a key of a stage, or of its shards, as JSON; of nested models the same."""
    said = model.model_dump(mode="json")
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if any(_leaves_out(mark, value, of, shard=shard) for mark in field.metadata):
            del said[name]
        else:
            said[name] = _nested(value, said[name], of, shard=shard)
    return said


def _leaves_out(mark: object, value: object, of: str, *, shard: bool) -> bool:
    match mark:
        case NotInKey():
            return True
        case OnlyInKeyOf(stages=stages):
            return of != CONFIGURATION and of not in stages
        case NotInShardKey():
            return shard
        case OnceSet():
            return not value
    return False


def _nested(value: object, dumped: Any, of: str, *, shard: bool) -> Any:
    if isinstance(value, BaseModel):
        return identity(value, of, shard=shard)
    if isinstance(value, tuple | list):
        return [_nested(each, own, of, shard=shard) for each, own in zip(value, dumped, strict=True)]
    if isinstance(value, Mapping):
        return {name: _nested(value.get(name), own, of, shard=shard) for name, own in dumped.items()}
    return dumped
