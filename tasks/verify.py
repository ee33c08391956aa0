"""Verify: the judge's verdicts on instructions, in shards; a part of `select`, which says on which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prefect import task

from tasks.instructions.verify import prompt_digest, verify
from tasks.llm.chat import digest_of
from tasks.policies import shard_options
from tasks.run import RunContext
from tasks.services import services_of
from tasks.stage import TableRows, bucket_count, into_buckets, run_shards, stage_key, write_shard
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import DOCUMENTS, INSTRUCTIONS, LLM_CALLS, VERIFICATIONS
from warehouse.tables.instructions import Instruction, Verification

VERSION = 3
UNIT = "verdict"
JUDGED_PER_SHARD = 500


def _shard_key(run: RunContext, stage: str, inputs_digest: str, **_: object) -> str:
    return stage_key(f"{stage}-verify", VERSION, run.model_identity(), prompt_digest(), inputs_digest)


def _no_account(unit: str) -> Counts:
    """A verdict is no row of the stage's account: what follows from it is."""
    return Counts(unit=unit, n_in=0, n_out=0, n_rejected=0)


@dataclass
class Judging:
    """What the judge has said so far, wave after wave.

    stage, unit: for which it judges.  documents, shown: of the needed APIs, and their text by api_id.
    so_far: the stage's output in the round before, whose verdicts stand.
    """

    run: RunContext
    stage: str
    unit: str
    documents: tuple[TableRef, ...]
    shown: Mapping[str, str]
    so_far: StageOutput | None
    outputs: list[ShardOutput] = field(default_factory=list)
    verdicts: dict[str, Verification] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.so_far is not None:
            verdicts, calls = (self.so_far.shards[table.name] for table in (VERIFICATIONS, LLM_CALLS))
            self._take([ShardOutput(tables=(*verdicts, *calls), counts=_no_account(self.unit))])

    @property
    def stopped(self) -> bool:
        return any(output.stop is not None for output in self.outputs)

    def judge(self, instructions: Sequence[Instruction]) -> None:
        services = services_of(self.run)
        progress = services.progress(self.stage)
        progress.expect(len(instructions), UNIT)
        buckets = into_buckets(
            instructions, _instruction_id, bucket_count(len(instructions), JUDGED_PER_SHARD, None)
        )
        shards = [
            {
                "run": self.run,
                "stage": self.stage,
                "unit": self.unit,
                "inputs_digest": _digest(bucket, self.shown),
                "instructions": services.store.write_shard(INSTRUCTIONS, bucket),
                "documents": self.documents,
                "shard": shard,
            }
            for shard, bucket in enumerate(buckets)
        ]
        self._take(run_shards(verify_shard, services.store, shards, progress, sizes=list(map(len, buckets))))

    def _take(self, outputs: Sequence[ShardOutput]) -> None:
        self.outputs += outputs
        refs = [ref for output in outputs for ref in output.tables if ref.table == VERIFICATIONS.name]
        rows = services_of(self.run).store.read(VERIFICATIONS, refs)
        self.verdicts |= {row.instruction_id: row for row in rows}


def _instruction_id(instruction: Instruction) -> str:
    return instruction.instruction_id


def _digest(instructions: Iterable[Instruction], documents: Mapping[str, str]) -> str:
    return digest_of(
        [
            [each.instruction_id, [documents[api.api_id] for api in each.relevant_apis]]
            for each in sorted(instructions, key=_instruction_id)
        ]
    )


@task(name="verify shard", task_run_name="verify {shard}", **shard_options(_shard_key))
def verify_shard(
    run: RunContext,
    stage: str,
    unit: str,
    inputs_digest: str,  # noqa: ARG001 - the key
    instructions: TableRef,
    documents: tuple[TableRef, ...],
    shard: int,
) -> ShardOutput:
    services = services_of(run)
    rows = services.store.read(INSTRUCTIONS, [instructions])
    document_of = {row.api_id: row for row in services.rows(DOCUMENTS, documents)}
    model = services.model(stage)

    async def verify_one(instruction: Instruction) -> Verification:
        return await verify(instruction, document_of, model)

    mapped = services.map(stage, shard, verify_one, rows)
    verdicts = [verdict for _, verdict in mapped.done]
    tables: TableRows = {
        VERIFICATIONS: verdicts,
        LLM_CALLS: services.usage.take(stage, map(_instruction_id, rows)),
    }
    return write_shard(services.store, tables, _no_account(unit), mapped.stop)
