"""Parameters of probing."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tasks.identity import NotInKey, NotInShardKey
from tasks.probing.given import Values, checked
from tasks.transport.guard import matches_any


class ProbeHostParams(BaseModel):
    """`[probe.hosts]`: what differs for some hosts; what is not said is as for all others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spacing_s: float | None = Field(default=None, ge=0)
    max_latency_s: float | None = Field(default=None, gt=0)


class ProbeParams(BaseModel):
    """`[probe]`: how often an API is tried, and what is too slow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attempts: int = Field(default=3, ge=1, description="Tries per API.")
    spacing_s: float = Field(
        default=10,
        ge=0,
        description="Pause between tries of one API, in seconds; others are tried meanwhile.",
    )
    max_latency_s: float = Field(default=8, gt=0, description="A slower median means too slow.")
    model_arguments: bool = Field(
        default=False,
        description="Let the model fill in required parameters of which nothing is known otherwise.",
    )
    max_age: Annotated[timedelta, NotInKey("age")] = Field(
        default=timedelta(days=1), description="A verdict younger than this is carried over."
    )
    values: Annotated[Values, NotInShardKey()] = Field(
        default_factory=dict,
        description="What to try parameters with, by host (glob), perhaps API (glob), and parameter: a "
        "value, or a list to go through (docs/sources.md); nothing secret.",
    )

    hosts: dict[str, ProbeHostParams] = Field(
        default_factory=dict,
        description="Host (glob) to its own `spacing_s`, `max_latency_s`; the first to say one decides.",
    )

    def spacing_at(self, host: str) -> float:
        own = (params.spacing_s for glob, params in self.hosts.items() if matches_any(host, [glob]))
        return next((spacing for spacing in own if spacing is not None), self.spacing_s)

    def max_latency_at(self, host: str) -> float:
        own = (params.max_latency_s for glob, params in self.hosts.items() if matches_any(host, [glob]))
        return next((latency for latency in own if latency is not None), self.max_latency_s)

    @field_validator("values", mode="before")
    @classmethod
    def _are_values(cls, values: Any) -> Any:
        return checked(values) if isinstance(values, dict) else values
