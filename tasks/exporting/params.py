"""Parameters of exports."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class ExportFormat(StrEnum):
    """Whose files are written."""

    TOOLBENCH = "toolbench"
    TOOLLLAMA = "toolllama"
    OPENAI = "openai"
    HF = "hf"
    TOOLEVAL = "tooleval"
    BEIR = "beir"
    TRL = "trl"
    LLAMAFACTORY = "llamafactory"
    RL = "rl"


class Diversity(StrEnum):
    """Whether a row has the message by which its step was asked to differ from earlier ones."""

    DROP = "drop"
    KEEP = "keep"


class ExportParams(BaseModel):
    """What goes into an export, whatever its format."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str | None = Field(
        default=None, description="Only searches by this method, as `annotations.method` names it."
    )
    give_ups: bool = Field(
        default=False,
        description="Also searches that gave up, labelled as such (`toolbench` and `tooleval` always have "
        "them).",
    )
    passed: bool = Field(
        default=False,
        description="Of the answers, only those that passed, as `toolloom evaluate` judged them.",
    )
    diversity: Diversity = Field(
        default=Diversity.DROP,
        description="`keep`: rows of one step (`toolbench`, `toolllama`, the preferences of `trl`) have the "
        "message that asked it to differ from those tried before it, if there was one. No later step saw "
        "that, so that rows of a whole conversation never have it.",
    )
    held_out: float = Field(
        default=0.05,
        ge=0,
        lt=1,
        description="Share of the instructions over tools of the training split that is kept out of it, "
        "to test on unseen instructions.",
    )


class RefreshExports(ExportParams):
    """`[export]`: what a refresh writes to `<data>/exports/<format>` once it is complete."""

    formats: tuple[ExportFormat, ...] = Field(
        default=(),
        description="Of `toolbench`, `toolllama`, `openai`, `trl`, `llamafactory`, `rl`, `hf`, `tooleval`, "
        "`beir` (docs/exports.md).",
    )

    @property
    def params(self) -> ExportParams:
        return ExportParams(**self.model_dump(exclude={"formats"}))
