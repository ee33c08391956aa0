"""From queries and documents to a model with its card, in its place."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import UsageError
from tasks.exact_json import digest_of
from tasks.identity import identity
from tasks.model_folders import keep_model, licence_of, model_digest, models_folder
from tasks.retrieval.documents import ApiDocument
from tasks.retrieval.encoding import folder_of, require_extra
from tasks.retrieval.lexical import Lexical
from tasks.retrieval.models import ModelCard
from tasks.retrieval.pairs import Query, held_back_of, pairs_of
from tasks.retrieval.params import RetrieverParams

if TYPE_CHECKING:
    from tasks.retrieval.training import Fit, Told

_LIBRARIES = ("torch", "sentence-transformers", "transformers", "tokenizers")


def make_model(
    data: Path,
    params: RetrieverParams,
    queries: Sequence[Query],
    documents: Sequence[ApiDocument],
    told: Callable[[Told], None],
) -> ModelCard:
    """Trains, and moves the model into the data folder.  told: how far it is.

    What a killed training of the same saved is gone on with.  Raises `UsageError` for too few queries, and
    where the extra or the base model is not there.
    """
    begun = time.monotonic()
    train, held_back = held_back_of(queries, params.held_back)
    if not train or not held_back:
        raise UsageError(
            f"of the training split, {len(queries):,} instructions say which APIs they need, all of them "
            "kept: a retriever learns from at least two that do not need the same",
            fix="make more with `toolloom refresh` or `toolloom annotate --queries FILE`",
        )
    require_extra()
    base = folder_of(params.base)
    said = [[(query.text, *query.needed) for query in some] for some in (train, held_back)]
    data_digest = digest_of([said, [[document.text, document.twin] for document in documents]])
    base_digest = model_digest(base)
    key = digest_of([base_digest, data_digest, identity(params, "train_retriever")])
    folder = models_folder(data) / f".training-{key}"
    fit, n_pairs, negatives = _best_fit(base, folder, train, held_back, documents, params, told)
    card = ModelCard(
        digest=model_digest(fit.folder),
        base=params.base,
        base_digest=base_digest,
        data_digest=data_digest,
        parameters=params,
        n_queries=len(train),
        n_pairs=n_pairs,
        n_held_back=len(held_back),
        n_documents=len(documents),
        epochs=fit.epochs,
        best_epoch=fit.best,
        negatives=negatives,
        dimension=fit.dimension,
        max_tokens=fit.max_tokens,
        licence=licence_of(base),
        libraries={name: version(name) for name in _LIBRARIES},
        made_at=datetime.now(UTC),
        seconds=round(time.monotonic() - begun, 1),
    )
    keep_model(data, fit.folder, card)
    shutil.rmtree(folder)
    return card


def _best_fit(
    base: Path,
    folder: Path,
    train: Sequence[Query],
    held_back: Sequence[Query],
    documents: Sequence[ApiDocument],
    params: RetrieverParams,
    told: Callable[[Told], None],
) -> tuple[Fit, int, int]:
    """With the number of pairs, and of negatives that were added to each: these are kept only where they do
    better on the queries that are held back.
    """
    from tasks.retrieval.training import Examples, fit  # noqa: PLC0415 - torch, which only training needs

    plain = Examples(pairs_of(train, documents), held_back, documents)
    best, negatives = fit(base, folder / "plain", plain, params, told), 0
    if params.negatives:
        mined = pairs_of(train, documents, Lexical(documents), params.negatives)
        other = fit(base, folder / "mined", Examples(mined, held_back, documents), params, told)
        if max(other.epochs) > max(best.epochs):
            best, negatives = other, params.negatives
    return best, len(plain.pairs), negatives
