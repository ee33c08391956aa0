"""How every stage is cached and retried.

A result is reused when its key is the same (`tasks/frame/stage.py` makes it).

A data folder may come from somebody else, and Prefect reads a result with whatever serializer, decoder and
classes the result itself names, pickle among them.  So a result is looked at before Prefect does: one that
is not exactly what these options write is put away, and computed anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from prefect import Task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.serializers import JSONSerializer
from prefect.settings import get_current_settings
from prefect.tasks import exponential_backoff

from tasks.errors import Transient
from warehouse.ref import ShardOutput, StageOutput

_SERIALIZER = JSONSerializer().model_dump(mode="json")
_CLASSES = frozenset(f"{kind.__module__}.{kind.__qualname__}" for kind in (ShardOutput, StageOutput))
# Names of results that were refused since somebody last asked; `flows.open_run` says how many.
refused_results: set[str] = set()


def _keyed_on(key: Callable[..., str]) -> CacheKeyFnPolicy:
    def safe_key(_context: object, arguments: dict[str, Any]) -> str:
        name = key(**arguments)
        refuse_foreign_result(get_current_settings().results.local_storage_path / name)
        return name

    return CacheKeyFnPolicy(cache_key_fn=safe_key)


def refuse_foreign_result(path: Path) -> None:
    """Removes a cached result that these options did not write, before anything in it is deserialised."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    except OSError:
        content = b""
    if not is_own_result(content):
        refused_results.add(path.name)
        with suppress(OSError):  # what cannot be removed cannot be read as a result, either
            path.unlink()


def is_own_result(content: bytes) -> bool:
    """Whether a record names our serializer and classes, and nothing else to be imported or called."""
    try:
        record = json.loads(content, object_pairs_hook=_each_name_once)
        if record.keys() != {"metadata", "result"} or record["metadata"].get("storage_block_id") is not None:
            return False
        json.loads(record["result"], object_hook=_only_own_classes)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return False
    return bool(record["metadata"].get("serializer") == _SERIALIZER)


def _each_name_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Parsers differ in which of two equal names they take."""
    if len(found := dict(pairs)) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _only_own_classes(found: dict[str, object]) -> dict[str, object]:
    if "__exc_type__" in found or found.get("__class__", next(iter(_CLASSES))) not in _CLASSES:
        raise ValueError("it names a class of others")
    return found


def _may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Prefect retries a shard for infrastructure trouble; a stop or a bug is not mended by waiting."""
    return isinstance(state.data, Transient | OSError)


def stage_options(key: Callable[..., str]) -> dict[str, Any]:
    """Options of a stage's task: one look-up tells whether the whole stage is done."""
    return {
        "persist_result": True,
        "result_serializer": "json",
        "cache_policy": _keyed_on(key),
    }


def shard_options(key: Callable[..., str]) -> dict[str, Any]:
    """Options of a shard's task: cached like a stage, and retried."""
    return stage_options(key) | {
        "retries": 2,
        "retry_delay_seconds": exponential_backoff(backoff_factor=2),
        "retry_jitter_factor": 0.5,
        "retry_condition_fn": _may_pass,
    }
