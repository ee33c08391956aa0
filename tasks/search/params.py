"""Parameters of annotation."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from tasks.identity import NotInKey, NotInShardKey, OnceSet

BUDGET_METHOD = "react@budget"
_RETRIEVED = re.compile(r"retrieved@[1-9][0-9]{0,3}")
Level = Literal["train", "test_instruction", "test_tool", "test_category"]
_BY_ITSELF = re.compile(r"dfsdt|dfs_ranked|react|react@[1-9][0-9]*")


class AnnotateParams(BaseModel):
    """`[annotate]`: how solution paths are searched (paper section 2.3)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str = Field(
        default="dfsdt",
        description="dfsdt, dfs_ranked, react, react@N (N chains) or react@budget (chains until the cost of "
        "`budget_of`'s search of the same instruction is reached).",
    )
    offer: Annotated[str | None, OnceSet()] = Field(
        default=None,
        description="retrieved@N: a search is offered the N APIs that the retriever in use finds, in the "
        "place of those that its instruction names.",
    )
    brief: Annotated[bool, OnceSet()] = Field(
        default=False,
        description="The system message in a few sentences, without the tools' descriptions: for small "
        "models.",
    )
    max_functions: Annotated[int | None, OnceSet()] = Field(
        default=None,
        ge=1,
        description="A search is offered at most so many APIs: those that its instruction needs, and others "
        "by lot. All that it needs are offered, however many they are.",
    )
    levels: Annotated[tuple[Level, ...], OnceSet(), NotInShardKey()] = Field(
        default=(),
        description="Search only instructions of these: train, test_instruction, test_tool, test_category; "
        "none: of all.",
    )
    budget_of: str = Field(
        default="dfsdt",
        description="The method whose searches, in the same data folder, set the budgets of react@budget.",
    )
    budget_in: Literal["queries", "tokens"] = Field(
        default="queries", description="What react@budget spends: requests to the model, or tokens."
    )
    rules: Literal["toolloom", "toolbench"] = Field(default="toolloom")
    width: int = Field(default=2, ge=1, description="Children a node may get.")
    max_depth: int = Field(default=12, ge=1, description="Replies on a path.")
    max_queries: int = Field(default=200, ge=1, description="Requests per search.")
    observation_tokens: int = Field(
        default=2048, ge=16, description="Tokens of an observation, as the model's family counts them."
    )
    concurrency: Annotated[int, NotInKey("speed")] = Field(
        default=64, ge=1, description="Searches in flight."
    )
    limit: Annotated[int | None, NotInShardKey()] = Field(
        default=None, ge=0, description="Annotate at most so many."
    )
    instructions_per_shard: Annotated[int, NotInShardKey()] = Field(
        default=250, ge=1, description="Searches per task run, about."
    )

    @field_validator("offer")
    @classmethod
    def _is_offer(cls, offer: str | None) -> str | None:
        if offer is not None and _RETRIEVED.fullmatch(offer) is None:
            raise ValueError("no such offer; write it as in retrieved@5, or leave it out")
        return offer

    @property
    def retrieved(self) -> int | None:
        """How many APIs a retriever chooses; None: those of the instruction are offered."""
        return None if self.offer is None else int(self.offer.partition("@")[2])

    @field_validator("method", "budget_of")
    @classmethod
    def _known(cls, method: str, info: ValidationInfo) -> str:
        if _BY_ITSELF.fullmatch(method) or (info.field_name == "method" and method == BUDGET_METHOD):
            return method
        also = f" and {BUDGET_METHOD}" if info.field_name == "method" else ""
        raise ValueError(f"no such method; there are dfsdt, dfs_ranked, react, react@5 (any number){also}")
