"""Parameters of the crawl: the sources, one model per kind, and how fast they are read."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from tasks.transport.address import PublicUrl


class _SourceModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HubParams(_SourceModel):
    """A marketplace that lists its tools over HTTP, page by page (docs/hub.md)."""

    kind: Literal["hub"] = "hub"
    location: PublicUrl = Field(description="Base URL of the hub.")
    page_size: int = Field(default=50, ge=1, le=1000, description="Tools asked for per listing page.")


SourceParams: TypeAlias = Annotated[HubParams, Field(discriminator="kind")]


class CatalogueParams(BaseModel):
    """`[catalogue]`: where tools and APIs come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[SourceParams, ...] = Field(min_length=1, description="Any number of sources, of any kind.")
    max_age: timedelta = Field(
        default=timedelta(days=1), description="A crawl younger than this is carried over."
    )
    concurrency: int = Field(default=8, ge=1, description="Listing requests in flight.")
    timeout_s: float = Field(default=30, gt=0, description="Total time for one listing request.")
    tools_per_shard: int = Field(default=100, ge=1, description="Tools per task run, about.")
