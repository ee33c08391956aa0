"""Finding the APIs for what somebody needs, by the retriever in use, without a run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from flows.configure import load_config
from flows.params import Config
from flows.report import say
from flows.sandbox_process import open_sandbox
from tasks.errors import UsageError
from tasks.retrieval.dense import Dense
from tasks.retrieval.documents import ApiDocument, kept_documents, words_of
from tasks.retrieval.in_use import (
    ModelInUse,
    best,
    model_in_use,
    open_encoder,
    retrievers_over,
    vectors_of,
)
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
    shown = manifest.newest(data) if run is None else manifest.chosen(data, run)
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
    if not found:
        notes.append(
            "no API shares a word with that: say it in words of the catalogue, or train a model, which goes "
            "by what is meant (docs/retrieval.md)"
        )
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
    params, model = model_for(settings, data, opened)
    dense = None
    if model is not None:
        store = Store(data)
        rows = store.arrow(EMBEDDINGS, shown.tables.get(EMBEDDINGS.name, ()))
        refused = shown.stages["embed"].tables[REJECTS.name] if "embed" in shown.stages else ()
        without = {api_id for (api_id,) in store.select(refused, "row_id")}
        vectors = vectors_of(rows, documents, model, without)
        dense = Dense(model.name, vectors, opened.enter_context(open_encoder(model, data)))
    retriever: Retriever = retrievers_over(documents, params, dense)[-1]
    return retriever.name, retriever.scores([query])[0]


def retrievers_of(
    documents: Sequence[ApiDocument],
    data: Path,
    settings: Config | RetrieverParams | None,
    opened: ExitStack,
) -> list[Retriever]:
    """Over documents that are in no data folder: BM25, and where a model is in use its own and the mix.

    The documents are encoded here and now.  Where the newest model of the data folder cannot be used, BM25
    is alone, and it is said why.  Raises `UsageError` for one that was named.
    """
    try:
        params, model = model_for(settings, data, opened)
    except UsageError as error:
        if _named(settings) != NEWEST:
            raise
        say(f"BM25 alone: {error.message} ({error.fix})")
        return retrievers_over(documents, RetrieverParams(model=BM25))
    if model is None:
        return retrievers_over(documents, params)
    say(f"{model.name} encodes {len(documents):,} documents, which takes a while")
    encoder = opened.enter_context(open_encoder(model, data))
    vectors = encoder.encode([document.text for document in documents])
    return retrievers_over(documents, params, Dense(model.name, vectors, encoder))


def model_for(
    settings: Config | RetrieverParams | None, data: Path, opened: ExitStack
) -> tuple[RetrieverParams, ModelInUse | None]:
    """`[retriever]`, and the model that it names; the sandbox serves where that is the endpoint."""
    if not isinstance(settings, Config):
        params = settings or RetrieverParams()
    elif settings.retriever.model == ENDPOINT:
        data.mkdir(parents=True, exist_ok=True)
        params = opened.enter_context(open_sandbox(settings, data)).retriever
    else:
        params = settings.retriever
    return params, model_in_use(params, data)
