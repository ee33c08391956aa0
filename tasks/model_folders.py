"""Models that were trained in a data folder: `<data>/models/<digest>/`, each with a card.

Those that find APIs and those that call functions lie beside each other; `kind` in the card tells them apart.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.errors import UsageError
from warehouse.files import put, sync_folder

CARD, COMPARISON = "card.json", "comparison.json"
RETRIEVER, CHAT = "retriever", "chat"
_PICKLED = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy", ".npz", ".joblib"})
_NOT_WEIGHTS = frozenset({"README.md", CARD, COMPARISON})


class Card(BaseModel):
    """What a model is: `card.json` in its folder, which no digest covers.

    kind: what it does.  digest: of its files.  base, base_digest: the model that training began with, as it
    was named and by its files.  data_digest: of what it learned from.  licence: of the base, if it says one.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: str
    digest: str
    base: str
    base_digest: str
    data_digest: str
    licence: str | None = None
    libraries: dict[str, str] = {}
    made_at: datetime
    seconds: float


C = TypeVar("C", bound=Card)


def models_folder(data: Path) -> Path:
    return data / "models"


def model_folder(data: Path, digest: str) -> Path:
    return models_folder(data) / digest


def keep_model(data: Path, made: Path, card: Card) -> None:
    """Moves a finished model to its place, card and all."""
    put(made / CARD, card.model_dump_json(indent=1).encode())
    place = model_folder(data, card.digest)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    made.rename(place)
    sync_folder(place.parent)


def cards_of(data: Path, card_type: type[C]) -> list[C]:
    """The cards of all models of that kind, the newest first.  Raises `UsageError` for a damaged one."""
    found = [_read(path, card_type) for path in models_folder(data).glob(f"*/{CARD}")]
    cards = [card for card in found if card is not None]
    return sorted(cards, key=lambda card: (card.made_at, card.digest), reverse=True)


def bases_of_models(data: Path) -> dict[str, str]:
    """The digest of each model of any kind, and that of its base.  Raises `UsageError` for a bad card."""
    found = {}
    for path in sorted(models_folder(data).glob(f"*/{CARD}")):
        try:
            # The first retrievers that were trained say no kind.
            card = Card.model_validate({"kind": RETRIEVER, **json.loads(path.read_bytes())})
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(
                f"{path} is no model's card: {error}", fix="delete its folder, and train again"
            ) from error
        found[path.parent.name] = card.base_digest
    return found


def card_in(data: Path, digest: str, card_type: type[C], made_by: str) -> C:
    """made_by: the command that makes such models.  Raises `UsageError` where there is none of that kind."""
    path = model_folder(data, digest) / CARD
    if not path.is_file():
        raise UsageError(
            f"there is no model {digest} in {models_folder(data)}",
            fix=f"`toolloom models` lists them; `{made_by}` makes one",
        )
    card = _read(path, card_type)
    if card is None:
        raise UsageError(
            f"model {digest} in {models_folder(data)} is of another kind",
            fix=f"`toolloom models` lists them with their kinds; `{made_by}` makes one of this",
        )
    return card


def _read(path: Path, card_type: type[C]) -> C | None:
    """None: it is of a model of another kind."""
    try:
        content = path.read_bytes()
        # The first retrievers that were trained say no kind.
        if json.loads(content).get("kind", RETRIEVER) != card_type.model_fields["kind"].default:
            return None
        card = card_type.model_validate_json(content)
    except (OSError, ValueError, AttributeError, ValidationError) as error:
        raise UsageError(
            f"{path} is no model's card: {error}", fix="delete its folder, and train again"
        ) from error
    if card.digest != path.parent.name:
        raise UsageError(f"{path} is the card of another model, {card.digest}", fix="delete its folder")
    return card


def require_safetensors(folder: Path) -> None:
    """Raises `UsageError` where weights could run code when they are read."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in _PICKLED and not any(path.parent.glob("*.safetensors")):
            raise UsageError(
                f"{path} may run code when it is read, and there is no .safetensors beside it",
                fix="save the model with safe_serialization=True, or name another",
            )


def model_digest(folder: Path) -> str:
    """Of a model's files, but for what people read of it."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in _NOT_WEIGHTS:
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            digest.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()


def is_whole(folder: Path) -> bool:
    """Whether a model is there, named by its digest, byte for byte."""
    return folder.is_dir() and model_digest(folder) == folder.name


def licence_of(folder: Path) -> str | None:
    """What the head of a model's README says, as Hugging Face's hub has it; None: nothing."""
    path = folder / "README.md"
    if not path.is_file():
        return None
    head = path.read_text(encoding="utf-8", errors="replace").partition("---")[2].partition("\n---")[0]
    for line in head.splitlines():
        if line.startswith("license:"):
            return line.removeprefix("license:").strip() or None
    return None
