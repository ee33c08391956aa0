"""What a stage is, as data; its keys, and its shards.  `tasks/frame/running.py` runs it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

import seeds
from prompts import digests_of
from tasks.exact_json import digest_of
from tasks.frame.run import RunContext
from tasks.frame.services import Services
from tasks.identity import identity
from warehouse.ref import ShardOutput, StageOutput
from warehouse.table import Table
from warehouse.tables.accounts import Reject

R = TypeVar("R")


# Raised when keys are made otherwise: the next refresh then says why its stages are computed anew.
KEYS = 2
# Under which name a stage's task is given the output of another stage.
GIVEN = {
    "crawl": "crawled",
    "probe": "probed",
    "compress": "compressed",
    "embed": "embedded",
    "sample": "sampled",
    "propose": "proposed",
    "select": "selected",
    "annotate": "annotated",
    "evaluate": "evaluated",
}


def stage_key(stage: str, version: int, *parts: object) -> str:
    """A cache key: readable in front, the digest of all parts behind."""
    return f"{stage}-v{version}-{digest_of(parts)}"


@dataclass(frozen=True)
class Shard:
    """A part of what a stage has to do, the work of one task.

    key: under which it is cached (`Stage.shard_keys`).  inputs: what the stage's `work` is given, by
    argument.  size: of it, in what progress counts; None: as its account says.
    """

    key: str
    inputs: Mapping[str, Any]
    size: int | None = None


@dataclass(frozen=True)
class Split:
    """The shards of a stage.  total: of them all, in what progress counts; unit: None, the stage's.

    rejects: rows that are refused before any shard.
    """

    shards: Sequence[Shard]
    total: int
    unit: str | None = None
    rejects: Sequence[Reject] = ()


@dataclass(frozen=True)
class Stage:
    """A stage as data: its keys, its tasks, its check and the lineage are made of this.

    A key covers the stage's version, the contents of the tables it reads, what identifies its settings
    (`tasks/identity.py`), its prompts, and the model or the APIs it asks; never an address, a port, a clock.

    unit: what its account counts.
    section: of the configuration, its settings.
    reads: tables, by the stage that writes them.
    again: by argument, those that a further round of draws reads.
    reads_before: tables it reads in its own output of the run before.  They are in no key: rows that are
        carried over differ from new ones in nothing that counts, and `as_of` says from when they may be.
    prompts: those it asks with, by name or folder.  uses_seeds: the seed examples shape its rows.
    asks_model: whether it does, or the setting that says so.
    asks_world: what it finds is the world's to decide, so that its key holds the moment `as_of`.
    by_shard: how its input is divided counts.
    arguments: further arguments that count.
    contents: of settings that name files, what these hold.

    What it does is said by functions, each given the services, the settings, and further arguments by name.
    split: makes shards of the outputs it reads, which `work` is then given, one by one.
    whole: in the place of both, for a stage that looks at everything at once.
    adds: a further round of draws adds to what there is `so_far`.
    finish: the last touch to its output, or to the services.
    """

    name: str
    version: int
    unit: str
    writes: tuple[Table[Any], ...]
    section: str = ""
    reads: Mapping[str, tuple[Table[Any], ...]] = field(default_factory=dict)
    again: Mapping[str, tuple[Table[Any], ...]] = field(default_factory=dict)
    reads_before: tuple[Table[Any], ...] = ()
    prompts: tuple[str, ...] = ()
    uses_seeds: bool = False
    asks_model: bool | str = False
    calls_apis: bool = False
    asks_world: bool = False
    by_shard: bool = False
    arguments: tuple[str, ...] = ()
    contents: Callable[[Any], object] | None = None
    split: Callable[..., Split] | None = None
    work: Callable[..., ShardOutput] | None = None
    whole: Callable[..., Sequence[ShardOutput]] | None = None
    adds: bool = False
    finish: Callable[[Services, Any, StageOutput], StageOutput] | None = None

    def key(self, run: RunContext, params: BaseModel, **given: Any) -> str:
        """Of the stage's task, by its arguments."""
        read = {**{GIVEN[writer]: tables for writer, tables in self.reads.items()}, **self.again}
        outputs = [(given[argument], tables) for argument, tables in read.items() if given.get(argument)]
        inputs = [
            ref.content_digest
            for output, tables in outputs
            for table in tables
            for ref in (output.shards if self.by_shard else output.tables)[table.name]
        ]
        said = [given.get(argument) or None for argument in self.arguments]
        counted = [each.model_dump() if isinstance(each, BaseModel) else each for each in said]
        return self.settings_key(run, params, "stage", inputs, *counted)

    def shard_keys(self, run: RunContext, params: BaseModel) -> Callable[[object], str]:
        """Makes a shard's key of digests of just what it reads; what all keys share is looked up once."""
        settings = self._settings(run, params, shard=True)
        return lambda inputs: stage_key(self.name, self.version, *settings, "shard", inputs)

    def settings_key(self, run: RunContext, params: BaseModel, *parts: object) -> str:
        """What each of its rows is made with, and the parts."""
        return stage_key(self.name, self.version, *self._settings(run, params), *parts)

    def _settings(self, run: RunContext, params: BaseModel, *, shard: bool = False) -> list[object]:
        asks = self.asks_model if isinstance(self.asks_model, bool) else getattr(params, self.asks_model)
        return [
            *([run.as_of[self.name].isoformat()] if self.asks_world else []),
            identity(params, self.name, shard=shard),
            *([self.contents(params)] if self.contents is not None and not shard else []),
            *([run.model_identity(self.name)] if asks else []),
            *([run.calling_identity(), run.replay] if self.calls_apis else []),
            *([digests_of(folder) for folder in self.prompts] if asks else []),
            *([seeds.digest()] if self.uses_seeds else []),
        ]


def bucket_of(key: str, buckets: int) -> int:
    """The shard a row belongs to; moves only when the number of shards changes."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) % buckets


def bucket_count(rows: int, per_bucket: int, before: int | None) -> int:
    """How many shards for so many rows: the number used before while it is within a factor of two."""
    wanted = max(1, -(-rows // per_bucket))
    if before is not None and wanted <= 2 * before and before <= 2 * wanted:
        return before
    return wanted


def into_buckets(rows: Iterable[R], key: Callable[[R], str], buckets: int) -> list[list[R]]:
    shards: list[list[R]] = [[] for _ in range(buckets)]
    for row in rows:
        shards[bucket_of(key(row), buckets)].append(row)
    return shards
