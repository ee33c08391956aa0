"""The stage `embed`: what has changed is encoded, what has not is taken from the run before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from catalogue_rows import a_tool, an_api
from llm_server import ApplicationThread

from sandbox.teacher import TeacherFaults, build_teacher
from tasks.calling.params import CallingParams
from tasks.embed import STAGE, EmbedParams, split, work
from tasks.errors import UsageError
from tasks.frame.run import RunContext
from tasks.frame.running import finish_stage
from tasks.frame.services import close_services, services_of
from tasks.llm.params import EmbeddingParams, LlmParams
from tasks.retrieval.documents import documents_of
from tasks.retrieval.in_use import ModelInUse, model_in_use, unit_length, vectors_of
from tasks.retrieval.params import RetrieverParams
from warehouse.ref import Counts, StageOutput
from warehouse.store import Store
from warehouse.table import Float32, Table
from warehouse.tables import APIS, DOCUMENTS, EMBEDDINGS, LLM_CALLS, TOOLS
from warehouse.tables.catalogue import Api
from warehouse.tables.documents import Document
from warehouse.tables.retrieval import Embedding

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SKY = a_tool("Weather/sky", tool_name="Sky")
RAIN = an_api("Weather/sky/rain", api_name="rain", description="How much it rains in a city.")
WIND = an_api("Weather/sky/wind", api_name="wind", description="How strong the wind is.")
SUN = an_api("Weather/sky/sun", api_name="sun", description="When the sun rises.")


@pytest.fixture(scope="module")
def teacher() -> Iterator[str]:
    with ApplicationThread(build_teacher(TeacherFaults.none())) as url:
        yield f"{url}/v1"


def model_at(url: str, **settings: int) -> ModelInUse:
    endpoint = EmbeddingParams(base_url=url, model="toolloom-teacher", **settings)
    found = model_in_use(RetrieverParams(model="endpoint", endpoint=endpoint), Path())
    assert found is not None
    return found


def output_of(store: Store, stage: str, **tables: Sequence[object]) -> StageOutput:
    known: dict[str, Table[Any]] = {table.name: table for table in (TOOLS, APIS, DOCUMENTS)}
    refs = {name: (store.write_shard(known[name], rows),) for name, rows in tables.items()}
    counts = Counts(unit="API", n_in=1, n_out=1, n_rejected=0)
    return StageOutput(stage=stage, shards=refs, tables=refs, counts=counts)


def embedded(
    data: Path, run_id: str, apis: Sequence[Api], model: ModelInUse, before: StageOutput | None = None
) -> StageOutput:
    context = RunContext(
        data=data,
        run_id=run_id,
        started_at=NOON,
        as_of={"crawl": NOON},
        calling=CallingParams(),
        llm=LlmParams(base_url="http://model.test/v1", model="m"),
    )
    store, params = Store(data), EmbedParams(model=model)
    shown = [
        Document(
            api_id=api.api_id,
            document="",
            response_schema="",
            tokens_before=1,
            tokens_after=1,
            method="as-is",
        )
        for api in apis
    ]
    crawled = output_of(store, "crawl", tools=[SKY], apis=[RAIN, *apis])  # rain is kept only when it is named
    compressed = output_of(store, "compress", documents=shown)
    try:
        services = services_of(context)
        shards = split(services, params, crawled, compressed, before).shards
        outputs = [work(services, params, at, **shard.inputs) for at, shard in enumerate(shards, 1)]
        return finish_stage(STAGE, store, outputs, n_shard_tasks=len(outputs))
    finally:
        close_services()


def encoded_by(data: Path, output: StageOutput) -> dict[str, str]:
    """By API, the run that encoded its text."""
    return dict(Store(data).select(output.tables[EMBEDDINGS.name], "api_id", "run_id"))


def test_only_what_has_changed_is_encoded_and_what_is_gone_drops_out(tmp_path: Path, teacher: str) -> None:
    model = model_at(teacher)
    first = embedded(tmp_path, "first", [WIND, SUN], model)
    stronger = replace(WIND, description="How strong the wind will be.")
    second = embedded(tmp_path, "second", [stronger], model, before=first)
    third = embedded(tmp_path, "third", [stronger, SUN], model, before=first)

    assert encoded_by(tmp_path, first) == {WIND.api_id: "first", SUN.api_id: "first"}
    assert encoded_by(tmp_path, second) == {WIND.api_id: "second"}
    assert encoded_by(tmp_path, third) == {WIND.api_id: "third", SUN.api_id: "first"}


def test_what_has_not_changed_asks_nobody(tmp_path: Path, teacher: str) -> None:
    first = embedded(tmp_path, "first", [WIND, SUN], model_at(teacher))
    away = model_at("http://127.0.0.1:9/v1")
    again = embedded(tmp_path, "second", [WIND, SUN], away, before=first)

    assert again.digests(EMBEDDINGS.name) == first.digests(EMBEDDINGS.name)
    assert again.counts == first.counts == Counts(unit="API", n_in=2, n_out=2, n_rejected=0)


def test_another_model_encodes_everything(tmp_path: Path, teacher: str) -> None:
    first = embedded(tmp_path, "first", [WIND, SUN], model_at(teacher))
    shorter = embedded(tmp_path, "second", [WIND, SUN], model_at(teacher, dimensions=8), before=first)
    rows = Store(tmp_path).read(EMBEDDINGS, shorter.tables[EMBEDDINGS.name])

    assert {(row.run_id, len(row.vector)) for row in rows} == {("second", 8)}
    assert [sum(x * x for x in row.vector) for row in rows] == [pytest.approx(1), pytest.approx(1)]


def test_requests_for_vectors_are_in_the_account(tmp_path: Path, teacher: str) -> None:
    output = embedded(tmp_path, "first", [WIND, SUN], model_at(teacher))
    calls = Store(tmp_path).select(output.tables[LLM_CALLS.name], "stage", "tokens_out", "from_store")

    assert calls == [("embed", 0, False)] * 2  # the first text shows that the endpoint serves vectors


def rows_of(*rows: Embedding, folder: Path) -> tuple[Store, StageOutput]:
    store = Store(folder)
    refs = (store.write_shard(EMBEDDINGS, rows),)
    counts = Counts(unit="API", n_in=1, n_out=1, n_rejected=0)
    return store, StageOutput(stage="embed", shards={}, tables={EMBEDDINGS.name: refs}, counts=counts)


def vector(api: Api, model: str, *numbers: float) -> Embedding:
    (document,) = documents_of([SKY], [api])
    return Embedding(
        api_id=api.api_id,
        model=model,
        document=document.digest,
        vector=tuple(map(Float32, numbers)),
        run_id="first",
    )


MODEL = ModelInUse(name="mine", digest="d1")


def test_vectors_are_read_in_the_order_of_the_documents(tmp_path: Path) -> None:
    store, output = rows_of(vector(WIND, "d1", 0, 1), vector(SUN, "d1", 1, 0), folder=tmp_path)
    documents = documents_of([SKY], [RAIN, WIND, SUN])
    rows = store.arrow(EMBEDDINGS, output.tables[EMBEDDINGS.name])
    found = vectors_of(rows, documents, MODEL, without={RAIN.api_id})

    assert found.dtype == np.float32
    assert found.tolist() == [[0, 0], [1, 0], [0, 1]]  # rain, sun, wind


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "the APIs have no current vector of the model mine"),
        ([vector(WIND, "d2", 1), vector(SUN, "d2", 1)], "the APIs have no current vector of the model mine"),
        ([vector(WIND, "d1", 1)], "1 of 2 APIs have no current vector of the model mine"),
        (
            [vector(WIND, "d1", 1), replace(vector(SUN, "d1", 1), document="older")],
            "1 of 2 APIs have no current vector",
        ),
        ([vector(WIND, "d1", 1), vector(SUN, "d1", 1, 0)], "the vectors are of different lengths"),
    ],
)
def test_vectors_that_are_not_current_are_told(rows: list[Embedding], said: str, tmp_path: Path) -> None:
    store, output = rows_of(*rows, folder=tmp_path)
    found = store.arrow(EMBEDDINGS, output.tables[EMBEDDINGS.name])
    with pytest.raises(UsageError) as caught:
        vectors_of(found, documents_of([SKY], [WIND, SUN]), MODEL)

    assert said in caught.value.message
    assert "toolloom retriever embed" in (caught.value.fix or "")


def test_vectors_are_scaled_to_length_one() -> None:
    scaled = unit_length(np.array([[3, 4], [0, 0]], dtype=np.float32))

    assert scaled.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0]]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("endpoint", "no endpoint is named"),
        ("package:nothing-of-the-kind", "nothing-of-the-kind"),
    ],
)
def test_a_model_that_is_not_there_is_refused(model: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        model_in_use(RetrieverParams(model=model), tmp_path)


@pytest.mark.parametrize("model", ["bm25", "newest"])
def test_without_a_trained_model_bm25_is_in_use(model: str, tmp_path: Path) -> None:
    assert model_in_use(RetrieverParams(model=model), tmp_path) is None
