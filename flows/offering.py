"""Which APIs a search is offered where a retriever chooses them: the paper's open domain (section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping

from flows.params import Config
from flows.report import say
from tasks.errors import UsageError
from tasks.exact_json import digest_of
from tasks.frame.run import RunContext
from tasks.frame.services import services_of
from tasks.rank import VERSION, dense_of
from tasks.retrieval.documents import documents_of
from tasks.retrieval.in_use import EMBED, best, model_in_use, retrievers_over
from tasks.retrieval.params import BM25
from tasks.search.annotate import Offers
from warehouse.ref import StageOutput
from warehouse.tables import APIS, DOCUMENTS, INSTRUCTIONS, TOOLS

_QUERIES_AT_ONCE = 256
_SHOWN_OF_DIGEST = 16


def offers_for(run: RunContext, config: Config, outputs: Mapping[str, StageOutput]) -> Offers | None:
    """The k APIs that the retriever in use finds for each instruction; None: those that are given.

    Raises `UsageError` where vectors are wanted that are not there: BM25 does not step in, since
    whoever reads the answers must know who chose.
    """
    k = config.annotate.retrieved
    if k is None:
        return None
    services, params = services_of(run), config.retriever
    store, crawled, compressed = services.store, outputs["crawl"], outputs.get("compress")
    kept = None
    if compressed is not None:
        kept = {api_id for (api_id,) in store.select(compressed.tables[DOCUMENTS.name], "api_id")}
    tools = services.rows(TOOLS, crawled.tables[TOOLS.name])
    documents = documents_of(tools, services.rows(APIS, crawled.tables[APIS.name]), kept)
    model, dense = model_in_use(params, run.data), None
    if model is not None:
        if "embed" not in outputs:
            raise UsageError(
                f"there are no vectors of the model {model.name}, which is to choose the APIs on offer",
                fix=f"{EMBED}; or `--set retriever.model=bm25`",
            )
        dense = dense_of(services, model, outputs["embed"], documents)
    retriever = retrievers_over(documents, params, dense)[-1]
    made_of = [VERSION, retriever.name, *([] if model is None else [model.digest, params.mix])]
    asked = store.select(outputs["select"].tables[INSTRUCTIONS.name], "instruction_id", "query")
    chosen = {}
    for start in range(0, len(asked), _QUERIES_AT_ONCE):
        some = asked[start : start + _QUERIES_AT_ONCE]
        scores = retriever.scores([query for _, query in some])
        for (instruction_id, _), own in zip(some, scores, strict=True):
            at = [each for each in best(own, k) if own[each] > 0 or retriever.name != BM25]
            chosen[instruction_id] = tuple(documents[each].api_id for each in at)
    fewer = "" if k <= len(documents) else f", all there are (fewer than {k:,})"
    n = min(k, len(documents))
    say(f"  {retriever.name} chooses what is offered, {n:,} of {len(documents):,} APIs{fewer}")
    return Offers(
        name=f"retrieved@{k}:{retriever.name}:{digest_of(made_of)[:_SHOWN_OF_DIGEST]}", api_ids=chosen
    )
