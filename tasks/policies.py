"""How every stage is cached and retried.

A result is reused when its key is the same: stage name, hand-bumped stage version, content digests of
what the stage reads, its parameters, its prompts, the model.  Never an address, a port or a clock; what
the world decides (crawl, probe) is keyed on `as_of`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect import Task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff
from pydantic import BaseModel

import prompts
from tasks.errors import Transient
from tasks.llm.chat import digest_of


def stage_key(stage: str, version: int, *parts: object) -> str:
    """A cache key: readable in front, the digest of all parts behind."""
    return f"{stage}-v{version}-{digest_of([_plain(part) for part in parts])}"


def _plain(part: object) -> object:
    return part.model_dump(mode="json") if isinstance(part, BaseModel) else part


prompt_digests = prompts.digests_of


def _keyed_on(key: Callable[..., str]) -> CacheKeyFnPolicy:
    return CacheKeyFnPolicy(cache_key_fn=lambda _context, arguments: key(**arguments))


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
