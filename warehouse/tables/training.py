"""Chat models that were trained on a data folder's searches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warehouse.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatModel:
    """The model that was trained last to call functions, in `<data>/models/<model_digest>/`.

    base, base_digest: what training began with, as it was named and by its files.  data_digest: of what it
    was shown and what of that it learned.  method: lora or full.  template: its chat template's name.
    n_conversations, n_held_out, n_pairs: that it was trained on, measured on, preferred by.  n_straddling:
    turns whose prompt has other tokens at inference.  longest: tokens of its longest row.  evaluation_before,
    evaluation_after: loss on what was held out, of the base and of the model.
    """

    model_digest: str
    base: str
    base_digest: str
    data_digest: str
    method: str
    template: str
    n_conversations: int
    n_held_out: int
    n_pairs: int
    n_straddling: int
    longest: int
    loss: float | None
    evaluation_before: float | None
    evaluation_after: float | None
    licence: str | None
    made_at: datetime
    seconds: float


CHAT_MODELS = Table(
    name="chat_models",
    row_type=ChatModel,
    grain="the model that calls functions",
    key=("model_digest",),
    volatile=frozenset({"made_at", "seconds"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStep:
    """A step of the training of a chat model; of step 0 what was measured before the first.

    phase: sft or dpo.  loss: of the step's rows.  evaluation: of sft, the loss on what is held out, where it
    was measured.  margin: of dpo, how much more the chosen reply gained than the rejected.  tokens: seen so
    far in the phase, without padding.
    """

    model_digest: str
    phase: str
    step: int
    epoch: float
    loss: float | None
    evaluation: float | None
    margin: float | None
    learning_rate: float | None
    tokens: int


TRAININGS = Table(
    name="trainings",
    row_type=TrainingStep,
    grain="a step of the training of the model that calls functions",
    key=("model_digest", "phase", "step"),
)
