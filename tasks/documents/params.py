"""Parameters of compression."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class CompressParams(BaseModel):
    """`[compress]`: the token budget of a document (paper: 2048)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_tokens: int = Field(default=2048, ge=64, description="Tokens a document may have.")
