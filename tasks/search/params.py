"""Parameters of annotation."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class AnnotateParams(BaseModel):
    """`[annotate]`: how solution paths are searched (paper section 2.3)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["dfsdt"] = Field(default="dfsdt")
    rules: Literal["toolloom", "toolbench"] = Field(default="toolloom")
    width: int = Field(default=2, ge=1, description="Children a node may get.")
    max_depth: int = Field(default=12, ge=1, description="Replies on a path.")
    max_queries: int = Field(default=200, ge=1, description="Requests per search.")
    observation_tokens: int = Field(default=2048, ge=16, description="Tokens of an observation.")
    concurrency: int = Field(default=64, ge=1, description="Searches in flight.")
    limit: int | None = Field(default=None, ge=0, description="Annotate at most so many.")
    instructions_per_shard: int = Field(default=250, ge=1, description="Searches per task run, about.")
