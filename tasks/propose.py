"""Propose: the model writes instructions for every sample."""

from __future__ import annotations

from collections.abc import Iterable

from tasks.exact_json import digest_of
from tasks.frame.running import TableRows, write_shard
from tasks.frame.services import Services
from tasks.frame.stage import Shard, Split, Stage, bucket_count, into_buckets
from tasks.instructions.names import names_of
from tasks.instructions.params import InstructParams
from tasks.instructions.propose import Proposed, propose_for
from warehouse.ref import Counts, ShardOutput, StageOutput, TableRef
from warehouse.tables import APIS, CANDIDATES, DOCUMENTS, LLM_CALLS, REJECTS, SAMPLES, TOOLS
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Sample

VERSION = 3


def split(
    services: Services,
    params: InstructParams,
    crawled: StageOutput,
    compressed: StageOutput,
    sampled: StageOutput,
    so_far: StageOutput | None = None,
) -> Split:
    """Shards are buckets of the samples; a shard's key covers only the documents that its samples show.

    so_far: what was written before the last round of draws, to which that for its samples is added.
    """
    run = services.run
    drawn = sampled.tables[SAMPLES.name] if so_far is None else sampled.shards[SAMPLES.name][-1:]
    samples = services.store.read(SAMPLES, drawn)
    documents = {row.api_id: row for row in services.rows(DOCUMENTS, compressed.tables[DOCUMENTS.name])}
    before = None if so_far is not None else run.shard_counts.get(STAGE.name)
    buckets = bucket_count(len(samples), params.samples_per_shard, before)
    key_of = STAGE.shard_keys(run, params)
    return Split(
        [
            Shard(
                key_of(_digest(bucket, documents)),
                {
                    "samples": services.store.write_shard(SAMPLES, bucket),
                    "documents": compressed.tables[DOCUMENTS.name],
                    "tools": crawled.tables[TOOLS.name],
                    "apis": crawled.tables[APIS.name],
                },
            )
            for bucket in into_buckets(samples, _sample_id, buckets)
        ],
        total=len(samples) * params.per_sample,
    )


def _sample_id(sample: Sample) -> str:
    return sample.sample_id


def _digest(samples: Iterable[Sample], documents: dict[str, Document]) -> str:
    return digest_of(
        [
            [sample.sample_id, [documents[api_id].document for api_id in sample.api_ids]]
            for sample in sorted(samples, key=_sample_id)
        ]
    )


def work(
    services: Services,
    params: InstructParams,
    shard: int,
    samples: TableRef,
    documents: tuple[TableRef, ...],
    tools: tuple[TableRef, ...],
    apis: tuple[TableRef, ...],
) -> ShardOutput:
    rows = services.store.read(SAMPLES, [samples])
    document_of = {row.api_id: row for row in services.rows(DOCUMENTS, documents)}
    names = names_of(services.rows(TOOLS, tools), services.rows(APIS, apis))
    model = services.model.of(STAGE.name)

    async def propose_one(sample: Sample) -> Proposed:
        return await propose_for(sample, document_of, names, model, params)

    mapped = services.map(
        STAGE.name,
        shard,
        propose_one,
        rows,
        size=params.per_sample,
        rejects=lambda result: len(result.rejects),
    )
    proposed = [result for _, result in mapped.done]
    candidates = [candidate for result in proposed for candidate in result.candidates]
    rejects = [reject for result in proposed for reject in result.rejects]
    n_pending = len(mapped.pending) * params.per_sample
    counts = Counts(
        unit=STAGE.unit,
        n_in=sum(result.n_asked for result in proposed) + n_pending,
        n_out=len(candidates),
        n_rejected=len(rejects),
        n_pending=n_pending,
    )
    calls = services.model.usage.take(STAGE.name, (sample.sample_id for sample in rows))
    tables: TableRows = {CANDIDATES: candidates, REJECTS: rejects, LLM_CALLS: calls}
    return write_shard(services.store, tables, counts, mapped.stop)


STAGE = Stage(
    name="propose",
    version=VERSION,
    unit="instruction",
    section="instruct",
    reads={"crawl": (TOOLS, APIS), "compress": (DOCUMENTS,), "sample": (SAMPLES,)},
    writes=(CANDIDATES, REJECTS, LLM_CALLS),
    prompts=("instruct", "again"),
    uses_seeds=True,
    asks_model=True,
    split=split,
    work=work,
    adds=True,
)
