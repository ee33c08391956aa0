"""Parameters of an export."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ExportParams(BaseModel):
    """What goes into an export, whatever its format.

    give_ups: also searches that gave up, labelled as such.  held_out: share of the instructions over
    tools of the training split that are kept out of it, to test on unseen instructions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    give_ups: bool = False
    held_out: float = Field(default=0.05, ge=0, lt=1)
