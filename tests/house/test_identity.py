"""Whether a setting counts in a key is said at its field, for every field there is.

A new field is in every key until it is marked (`tasks/identity.py`).  Decide which it is, then record it:
`UPDATE_GOLDEN=1 pytest tests/house/test_identity.py`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from flows.params import Config
from tasks.identity import NotInKey, NotInShardKey, OnceSet, OnlyInKeyOf

GOLDEN = Path(__file__).with_name("golden") / "identity.json"
EVERYWHERE = "every key"


def models(kind: Any) -> Iterator[type[BaseModel]]:
    """The model, and those that its fields hold, whether alone, in tuples, in tables or as one of several."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from models(field.annotation)
    for argument in get_args(kind):
        yield from models(argument)


def counted(field: FieldInfo) -> str:
    """Where a field counts, in words."""
    words = []
    for mark in field.metadata:
        match mark:
            case NotInKey(why=why):
                words.append(f"no key: {why}")
            case OnlyInKeyOf(stages=stages):
                words.append(f"only {', '.join(('configuration', *stages))}")
            case NotInShardKey():
                words.append("no shard's key")
            case OnceSet():
                words.append("once set")
    return "; ".join(words) or EVERYWHERE


def test_where_each_field_counts_is_what_was_decided() -> None:
    said = {
        model.__name__: {name: counted(field) for name, field in model.model_fields.items()}
        for model in sorted(set(models(Config)), key=lambda model: model.__name__)
    }
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")

    assert said == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_the_stages_that_fields_name_are_stages() -> None:
    marks = [
        mark for model in models(Config) for field in model.model_fields.values() for mark in field.metadata
    ]
    named = {stage for mark in marks if isinstance(mark, OnlyInKeyOf) for stage in mark.stages}

    assert named == {"propose", "select", "evaluate", "prefer", "train_retriever", "rank", "train"}
