"""Models that were trained in a data folder: `<data>/models/<digest>/`, each with a card."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.errors import UsageError
from tasks.retrieval.params import RetrieverParams

CARD = "card.json"


class ModelCard(BaseModel):
    """What a model is and came of: `card.json` in its folder, which no digest covers.

    digest: of the model's files.  base, base_digest: the model that training began with, as it was named and
    by its files.  data_digest: of the pairs, the queries held back and the documents.  n_pairs: of a query
    and an API, that it was trained on.  n_held_back: queries that chose among epochs.  epochs: NDCG@5 on
    these, the untrained model's first.  negatives: wrong APIs that were added to each pair; those asked for,
    or none where the queries held back did better without.  max_tokens: longer texts are cut.  licence: of
    the base, if it says one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    digest: str
    base: str
    base_digest: str
    data_digest: str
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
    licence: str | None = None
    libraries: dict[str, str] = {}
    made_at: datetime
    seconds: float


def models_folder(data: Path) -> Path:
    return data / "models"


def model_folder(data: Path, digest: str) -> Path:
    return models_folder(data) / digest


def models_of(data: Path) -> list[ModelCard]:
    """The cards of all models of a data folder, the newest first.  Raises `UsageError` for a damaged one."""
    cards = [_read(path) for path in models_folder(data).glob(f"*/{CARD}")]
    return sorted(cards, key=lambda card: (card.made_at, card.digest), reverse=True)


def card_of(data: Path, digest: str) -> ModelCard:
    """Raises `UsageError` where there is no such model."""
    path = model_folder(data, digest) / CARD
    if not path.is_file():
        raise UsageError(
            f"there is no model {digest} in {models_folder(data)}",
            fix="`toolloom models` lists them; `toolloom retriever train` makes one",
        )
    return _read(path)


def _read(path: Path) -> ModelCard:
    try:
        card = ModelCard.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(
            f"{path} is no model's card: {error}", fix="delete its folder, and train again"
        ) from error
    if card.digest != path.parent.name:
        raise UsageError(f"{path} is the card of another model, {card.digest}", fix="delete its folder")
    return card
