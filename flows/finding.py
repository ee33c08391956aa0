"""Finding the APIs for what somebody needs, by the retriever in use, without a run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from flows.configure import load_config
from flows.params import Config
from flows.sandbox_process import open_sandbox
from tasks.errors import UsageError
from tasks.retrieval.dense import Dense
from tasks.retrieval.documents import ApiDocument, kept_documents, words_of
from tasks.retrieval.in_use import best, model_in_use, open_encoder, retrievers_over, vectors_of
from tasks.retrieval.params import BM25, ENDPOINT, NEWEST, RetrieverParams
from tasks.retrieval.ranking import Retriever, Scores
from warehouse import manifest
from warehouse.manifest import Manifest
from warehouse.store import Store
from warehouse.tables import APIS, DOCUMENTS, EMBEDDINGS, REJECTS, TOOLS


@dataclass(frozen=True)
class FoundApis:
    """rows: score, api_id, what it says of itself, retriever; best first.  notes: what is to be known."""

    rows: pd.DataFrame
    retriever: str
    n_apis: int
    notes: tuple[str, ...] = ()


def settings_for(
    retriever: str | None,
    *,
    profile: str | None = None,
    file: Path | None = None,
    overrides: Sequence[str] = (),
) -> Config | RetrieverParams:
    """`[retriever]` alone where no configuration is named.  retriever: in the place of its `model`."""
    model = [] if retriever is None else [f"retriever.model={retriever}"]
    if profile is None and file is None and not overrides and retriever != ENDPOINT:
        return RetrieverParams() if retriever is None else RetrieverParams(model=retriever)
    return load_config(profile=profile, file=file, overrides=[*overrides, *model])


def find_apis(
    data: Path,
    query: str,
    k: int,
    *,
    run: str | None = None,
    settings: Config | RetrieverParams | None = None,
) -> FoundApis:
    """The k best APIs for a query.

    Where the newest model cannot be used here (no extra, vectors left behind), BM25 alone finds them, and it
    is said why; one that was named must.  Raises `UsageError`, also without a word to go by, or without a
    catalogue.
    """
    if not words_of(query):
        raise UsageError("there is no word to go by", fix='as in `toolloom find "the weather in Oslo"`')
    shown = manifest.newest(data) if run is None else manifest.load(data, run)
    if shown is None or "crawl" not in shown.stages:
        raise UsageError(
            f"there is no catalogue in {data}", fix="run `toolloom refresh`, or name another folder"
        )
    documents = _documents(Store(data), shown)
    notes = [f"there are {len(documents):,} APIs, fewer than {k:,}"] if k > len(documents) else []
    with ExitStack() as opened:
        try:
            retriever, scores = _scored(data, shown, documents, query, settings, opened)
        except UsageError as error:
            if _named(settings) != NEWEST:
                raise
            notes.append(f"BM25 alone: {error.message} ({error.fix})")
            retriever, scores = _scored(data, shown, documents, query, RetrieverParams(model=BM25), opened)
    lexical = retriever == BM25
    found = [each for each in best(scores, k) if scores[each] > 0 or not lexical]
    rows = pd.DataFrame(
        {
            "score": [round(float(scores[each]), 3) for each in found],
            "api_id": [documents[each].api_id for each in found],
            "says": [documents[each].text for each in found],
            "retriever": [retriever] * len(found),
        }
    )
    return FoundApis(rows, retriever, len(documents), tuple(notes))


def _named(settings: Config | RetrieverParams | None) -> str:
    params = settings.retriever if isinstance(settings, Config) else settings or RetrieverParams()
    return params.model


def _documents(store: Store, shown: Manifest) -> list[ApiDocument]:
    kept = shown.tables[DOCUMENTS.name] if "compress" in shown.stages else None
    return kept_documents(store, shown.tables[TOOLS.name], shown.tables[APIS.name], kept)


def _scored(
    data: Path,
    shown: Manifest,
    documents: Sequence[ApiDocument],
    query: str,
    settings: Config | RetrieverParams | None,
    opened: ExitStack,
) -> tuple[str, Scores]:
    """The name of the retriever in use, and the score of each document."""
    if isinstance(settings, Config):
        if settings.retriever.model == ENDPOINT:
            settings = opened.enter_context(open_sandbox(settings, data))
        params = settings.retriever
    else:
        params = settings or RetrieverParams()
    model, dense = model_in_use(params, data), None
    if model is not None:
        store = Store(data)
        rows = store.arrow(EMBEDDINGS, shown.tables.get(EMBEDDINGS.name, ()))
        refused = shown.stages["embed"].tables[REJECTS.name] if "embed" in shown.stages else ()
        without = {api_id for (api_id,) in store.select(refused, "row_id")}
        vectors = vectors_of(rows, documents, model, without)
        dense = Dense(model.name, vectors, opened.enter_context(open_encoder(model, data)))
    retriever: Retriever = retrievers_over(documents, params, dense)[-1]
    return retriever.name, retriever.scores([query])[0]
