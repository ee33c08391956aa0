"""Parameters of instruction writing and selection."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class InstructParams(BaseModel):
    """`[instruct]`: how many instructions are asked for, and what is accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_sample: int = Field(default=10, ge=1, description="Instructions asked for per set of APIs.")
    seed_examples: int = Field(default=3, ge=0, description="Seed examples shown per request.")
    seed: int = Field(default=0, description="Chooses the seed examples.")
    min_words: int = Field(default=30, ge=1, description="Shorter instructions are refused.")
    accepted: int | None = Field(
        default=None, ge=1, description="Exact number wanted, by round robin over scenario and set."
    )
    samples_per_shard: int = Field(default=50, ge=1, description="Sets of APIs per task run, about.")
