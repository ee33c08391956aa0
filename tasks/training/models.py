"""Models that call functions, as their cards say it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks.model_folders import Card, card_in, cards_of
from tasks.training.params import TrainParams


class StepNote(BaseModel):
    """A step of a training; see the table `trainings`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    phase: str
    step: int
    epoch: float
    loss: float | None
    evaluation: float | None
    margin: float | None
    learning_rate: float | None
    tokens: int


class ChatCard(Card):
    """data_digest: of the tokens that were shown, and which of them are learned.

    n_conversations, n_held_out, n_pairs: that it was trained on, measured on, and preferred by.  left_out:
    searches that none of these is made of, by reason.  n_straddling: turns whose prompt has other tokens at
    inference than in training.  template: the name of the chat template; note: why it is not the base's own.
    made_of: digest of base, data, template and parameters: what two trainings of the same have in common.
    context: tokens that the model can read.  steps: the curves.
    """

    kind: Literal["chat"] = "chat"
    made_of: str = ""
    parameters: TrainParams
    n_conversations: int
    n_held_out: int
    n_pairs: int
    left_out: dict[str, int]
    n_straddling: int
    longest: int
    template: str
    note: str | None = None
    context: int | None = None
    steps: tuple[StepNote, ...]

    def loss(self, at: Literal["first", "last"]) -> float | None:
        """Of imitation, in the first or the last step."""
        losses = [each.loss for each in self.steps if each.phase == "sft" and each.loss is not None]
        return (losses[0] if at == "first" else losses[-1]) if losses else None

    def evaluation(self, at: Literal["first", "last"]) -> float | None:
        """The loss on what was held out, of the base or of the model; None: nothing was."""
        found = [each.evaluation for each in self.steps if each.evaluation is not None]
        return (found[0] if at == "first" else found[-1]) if found else None


def chat_models_of(data: Path) -> list[ChatCard]:
    """The cards of all that were trained, the newest first.  Raises `UsageError` for a damaged one."""
    return cards_of(data, ChatCard)


def chat_card_of(data: Path, digest: str) -> ChatCard:
    """Raises `UsageError` where there is no such model."""
    return card_in(data, digest, ChatCard, "toolloom train")
