"""From a hub's listing to selected instructions, against the real hub and teacher of the sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from sandbox.serve import serving
from sandbox.teacher import TeacherFaults
from tasks.catalogue.hub import open_hub
from tasks.catalogue.params import CatalogueParams, HubParams
from tasks.documents.params import CompressParams
from tasks.documents.shorten import Compressor, example_response_of
from tasks.instructions.fitting import fit_candidates
from tasks.instructions.names import facts_of, names_of
from tasks.instructions.params import InstructParams
from tasks.instructions.propose import Proposed, propose_for
from tasks.instructions.screens import SCREENS
from tasks.instructions.select import Selected, Selection
from tasks.llm.adapt import FunctionWatch
from tasks.llm.budget import Ledger
from tasks.llm.chat import ReplyStore
from tasks.llm.endpoint import Endpoint, StoredModel
from tasks.llm.params import BudgetParams, LlmParams
from tasks.llm.spending import UsageLog
from tasks.sampling.draw import Drawn, draw_samples
from tasks.sampling.params import SampleParams
from tasks.text_budget.promises import broken_promise
from tasks.text_budget.shape import shape_of
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.documents import Document
from warehouse.tables.probing import Verdict

# Far more faults than a real model has, so that a few replies show all kinds.
FAULTS = TeacherFaults(
    seed=3,
    server_error=0.2,
    dropped=0.1,
    fenced_json=0.3,
    invalid_json=0.2,
    hallucinated_api=0.1,
    short_instruction=0.1,
    near_duplicate=0.1,
    names_tool=0.1,
)
HUB = HubParams(location="http://hub.sandbox.test")
N_TOOLS = 14
BUDGET = 250


class InMemory:
    """Replies of one run, which has no reason to keep them."""

    def __init__(self) -> None:
        self._entries: dict[bytes, bytes] = {}

    async def get(self, key: bytes) -> bytes | None:
        return self._entries.get(key)

    async def put(self, key: bytes, value: bytes) -> None:
        self._entries[key] = value


@dataclass(frozen=True)
class Dataset:
    tools: Sequence[Tool]
    apis: Sequence[Api]
    documents: Sequence[Document]
    drawn: Drawn
    proposed: Sequence[Proposed]
    selected: Selected


async def build(concurrency: int) -> Dataset:
    async with serving(faults=FAULTS) as addresses:
        tools, apis = await asyncio.to_thread(crawl, addresses.hub)
        tool_of = {tool.tool_id: tool for tool in tools}
        llm = LlmParams(base_url=addresses.teacher, model="toolloom-teacher", concurrency=concurrency)
        async with Endpoint(llm, first_pause_s=0.01) as endpoint:
            model = StoredModel(
                endpoint=endpoint,
                store=ReplyStore(InMemory()),
                ledger=Ledger(BudgetParams(), llm, recorder=UsageLog(), run_id="run"),
                functions=FunctionWatch(model=llm.model, where=llm.base_url),
                stage="test",
            )
            compressor = Compressor(model, CompressParams(max_tokens=BUDGET), settings="test")
            documents = await asyncio.gather(
                *(compressor.document(tool_of[api.tool_id], api, works(api)) for api in apis)
            )
            drawn = draw_samples(tools, [api.api_id for api in apis], SampleParams())
            params = InstructParams(per_sample=5)
            names = names_of(tools, apis)
            shown = {document.api_id: document for document in documents}
            proposed = await asyncio.gather(
                *(propose_for(sample, shown, names, model, params) for sample in drawn.samples)
            )
    candidates = [candidate for each in proposed for candidate in each.candidates]
    fitted = fit_candidates(candidates, drawn.samples, facts_of(tools, apis), params)
    selected = Selection(fitted, params).selected({})
    return Dataset(tools, apis, documents, drawn, proposed, selected)


def crawl(url: str) -> tuple[list[Tool], list[Api]]:
    with open_hub(HUB, CatalogueParams(sources=(HUB,)), {"*.sandbox.test": url}) as source:
        crawled = source.fetch(source.listing().entries[:N_TOOLS])
    return [each.tool for each in crawled if each.tool], [api for each in crawled for api in each.apis]


def works(api: Api) -> Verdict:
    return Verdict(
        api_id=api.api_id,
        works=True,
        effective=True,
        kept=True,
        reason="ok",
        median_latency_ms=1.0,
        n_attempts=1,
        example_response=api.example_response,
        probed_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return asyncio.run(build(concurrency=16))


def test_documents_keep_to_the_budget(dataset: Dataset) -> None:
    assert [document.api_id for document in dataset.documents] == [api.api_id for api in dataset.apis]
    assert max(document.tokens_after for document in dataset.documents) <= BUDGET
    assert {document.method for document in dataset.documents} >= {"as-is", "llm"}
    assert all(json.loads(document.document)["parameters"] is not None for document in dataset.documents)


def test_no_document_promises_what_it_drops(dataset: Dataset) -> None:
    broken = {}
    for api, document in zip(dataset.apis, dataset.documents, strict=True):
        shape = shape_of(example_response_of(api, works(api)))
        said, kept = json.loads(document.document)["api_description"], json.loads(document.response_schema)
        names = {parameter.arg_name for parameter in api.parameters}
        broken[api.api_id] = broken_promise(said, api.description, shape, kept, names)

    assert {api_id: why for api_id, why in broken.items() if why} == {}


def test_all_that_was_asked_for_is_accounted_for(dataset: Dataset) -> None:
    assert sum(each.n_asked for each in dataset.proposed) == sum(
        len(each.candidates) + len(each.rejects) for each in dataset.proposed
    )
    written = {candidate.candidate_id for each in dataset.proposed for candidate in each.candidates}
    rejected = {reject.row_id for reject in dataset.selected.rejects}
    assert rejected < written
    assert len(written) == len(dataset.selected.instructions) + len(dataset.selected.rejects)


def test_what_the_teacher_gets_wrong_is_found(dataset: Dataset) -> None:
    reasons = {reject.reason for reject in dataset.selected.rejects}
    assert reasons >= {"hallucinated_api", "too_short", "names_a_tool", "near_duplicate"}
    assert reasons <= {*SCREENS, "duplicate", "near_duplicate"}


def test_most_of_what_it_writes_is_fit(dataset: Dataset) -> None:
    n_written = sum(len(each.candidates) for each in dataset.proposed)
    assert len(dataset.selected.instructions) > 0.5 * n_written
    assert {instruction.scenario for instruction in dataset.selected.instructions} == {"G1", "G2", "G3"}


def test_concurrency_and_passing_trouble_change_nothing(dataset: Dataset) -> None:
    assert asyncio.run(build(concurrency=2)) == dataset
