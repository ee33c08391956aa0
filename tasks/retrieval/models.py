"""Models that find APIs, as their cards say it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from tasks.model_folders import CARD, Card, card_in, cards_of, model_folder
from tasks.retrieval.params import RetrieverParams
from warehouse.files import put


class ModelCard(Card):
    """data_digest: of the pairs, the queries held back and the documents.  n_pairs: of a query and an API,
    that it was trained on.  n_held_back: queries that chose among epochs.  epochs: NDCG@5 on these, the
    untrained model's first.  negatives: wrong APIs that were added to each pair; those asked for, or none
    where the queries held back did better without.  max_tokens: longer texts are cut.
    """

    kind: Literal["retriever"] = "retriever"
    parameters: RetrieverParams
    n_queries: int
    n_pairs: int
    n_held_back: int
    n_documents: int
    epochs: tuple[float, ...]
    best_epoch: int
    negatives: int
    dimension: int
    max_tokens: int


def models_of(data: Path) -> list[ModelCard]:
    """The cards of all that were trained, the newest first.  Raises `UsageError` for a damaged one."""
    return cards_of(data, ModelCard)


def make_newest(data: Path, digest: str) -> None:
    """Has a model that a training came to again count as made now: who trains wants to use it."""
    if models_of(data)[0].digest != digest:
        card = card_of(data, digest).model_copy(update={"made_at": datetime.now(UTC)})
        put(model_folder(data, digest) / CARD, card.model_dump_json(indent=1).encode())


def card_of(data: Path, digest: str) -> ModelCard:
    """Raises `UsageError` where there is no such model."""
    return card_in(data, digest, ModelCard, "toolloom retriever train")
