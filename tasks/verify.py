"""Verify: the judge's verdicts on instructions, in shards; a part of `select`, which says on which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.exact_json import digest_of
from tasks.frame.running import TableRows, run_shards, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Shard, Stage, bucket_count, into_buckets, stage_key
from tasks.instructions.params import InstructParams
from tasks.instructions.verify import prompt_digest, verify
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import DOCUMENTS, INSTRUCTIONS, LLM_CALLS, VERIFICATIONS
from warehouse.tables.instructions import Instruction, Verification

VERSION = 3
UNIT = "verdict"
PART_OF = "select"
JUDGED_PER_SHARD = 500


@dataclass
class Judging:
    """What the judge has said so far, wave after wave.

    documents, shown: of the needed APIs, and their text by api_id.
    so_far: the stage's output in the round before, whose verdicts stand.
    """

    services: Services
    params: InstructParams
    documents: tuple[TableRef, ...]
    shown: Mapping[str, str]
    so_far: StageOutput | None
    outputs: list[ShardOutput] = field(default_factory=list)
    verdicts: dict[str, Verification] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.so_far is not None:
            verdicts, calls = (self.so_far.shards[table.name] for table in (VERIFICATIONS, LLM_CALLS))
            self._take([ShardOutput(tables=(*verdicts, *calls), counts=NO_ACCOUNT)])

    @property
    def stopped(self) -> bool:
        return any(output.stop is not None for output in self.outputs)

    def judge(self, instructions: Sequence[Instruction]) -> None:
        services = self.services
        model, prompts = services.run.model_identity(), prompt_digest()
        n_buckets = bucket_count(len(instructions), JUDGED_PER_SHARD, None)
        shards = [
            Shard(
                stage_key(f"{PART_OF}-verify", VERSION, model, prompts, _digest(bucket, self.shown)),
                {
                    "instructions": services.store.write_shard(INSTRUCTIONS, bucket),
                    "documents": self.documents,
                },
                size=len(bucket),
            )
            for bucket in into_buckets(instructions, _instruction_id, n_buckets)
        ]
        progress = services.progress(PART_OF)
        progress.expect(len(instructions), UNIT)
        self._take(run_shards(STAGE, services, self.params, shards, progress))

    def _take(self, outputs: Sequence[ShardOutput]) -> None:
        self.outputs += outputs
        refs = [ref for output in outputs for ref in output.tables if ref.table == VERIFICATIONS.name]
        rows = self.services.store.read(VERIFICATIONS, refs)
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


def work(
    services: Services,
    _params: InstructParams,
    shard: int,
    instructions: TableRef,
    documents: tuple[TableRef, ...],
) -> ShardOutput:
    rows = services.store.read(INSTRUCTIONS, [instructions])
    document_of = {row.api_id: row for row in services.rows(DOCUMENTS, documents)}
    model = services.model.of(PART_OF)

    async def verify_one(instruction: Instruction) -> Verification:
        return await verify(instruction, document_of, model)

    mapped = services.map(PART_OF, shard, verify_one, rows)
    verdicts = [verdict for _, verdict in mapped.done]
    calls = services.model.usage.take(PART_OF, map(_instruction_id, rows))
    tables: TableRows = {VERIFICATIONS: verdicts, LLM_CALLS: calls}
    return write_shard(services.store, tables, NO_ACCOUNT, mapped.stop)


STAGE = Stage(
    name="verify", version=VERSION, unit="instruction", writes=(VERIFICATIONS, LLM_CALLS), work=work
)
# A verdict is no row of the account of `select`: what follows from it is.
NO_ACCOUNT = Counts(unit=STAGE.unit, n_in=0, n_out=0, n_rejected=0)
