"""Parameters of the model endpoint and of the budget."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

NATIVE, TEXT = "native", "text"


class LlmParams(BaseModel):
    """`[llm]`: any endpoint that speaks OpenAI's protocol.  Prices are USD per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str = Field(description="Ends in /v1 as a rule.")
    model: str = Field(description="The model's name at that endpoint.")
    api_key_env: str | None = Field(
        default=None, description="Environment variable that holds the key; none: no key is sent."
    )
    known_as: str | None = Field(
        default=None,
        description="Remembers what the endpoint can do under this name, for an address that changes "
        "(a port, a node); none: under base_url.",
    )
    tools: Literal["auto", "native", "text"] = Field(
        default="auto",
        description="How functions are called: by the protocol, as text (`Action:`, `Action Input:`), or as "
        "a short trial shows.",
    )
    concurrency: int = Field(default=32, ge=1, description="Requests in flight.")
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    timeout_s: float = Field(default=120, gt=0, description="Total time for one request.")
    attempts: int = Field(default=8, ge=1, description="Tries of one request that fails transiently.")
    outage_s: float = Field(default=900, ge=0, description="How long an unreachable endpoint is waited for.")
    temperature: float | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, ge=1, description="Longest reply, in tokens.")
    price_in: float | None = Field(default=None, ge=0, description="USD per million tokens sent.")
    price_out: float | None = Field(default=None, ge=0, description="USD per million tokens received.")
    batch: bool = Field(
        default=False,
        description="Ask in batches (OpenAI's files and batches routes), all but searches and probing.",
    )
    batch_discount: float = Field(
        default=0.5, ge=0, le=1, description="Share of the price that a request in a batch saves."
    )
    batch_poll_s: float = Field(default=30, gt=0, description="Longest pause between looks at a batch.")
    batch_requests: int = Field(default=50_000, ge=1, le=50_000, description="Most requests of a batch.")


class Caps(BaseModel):
    """What may be spent at most."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_usd: float | None = Field(default=None, ge=0, description="Needs price_in and price_out.")
    max_tokens: int | None = Field(default=None, ge=0, description="Sent and received.")
    max_requests: int | None = Field(
        default=None, ge=0, description="Sent, every try: refused, failed and lost ones too."
    )


class BudgetParams(Caps):
    """`[budget]`: caps of one run, its resumption after a crash included; it stops before it passes one."""

    stages: dict[str, Caps] = Field(
        default={},
        description="Caps of single stages, as in `[budget.stages.annotate]`, `max_requests = 1000`; "
        "`endpoint` is the trial at the beginning.",
    )
