"""Parameters of sampling."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.identity import OnceSet


class SampleParams(BaseModel):
    """`[sample]`: how many sets of APIs are drawn, and how large (paper section 2.2)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=0, description="Another seed draws other sets.")
    draws_per_tool: float = Field(default=1, ge=0, description="G1 draws per tool.")
    draws_per_tool_in_category: float = Field(default=1, ge=0, description="G2 draws per tool.")
    draws_per_tool_in_collection: float = Field(default=1, ge=0, description="G3 draws per tool.")
    tools: tuple[int, int] = Field(default=(2, 5), description="Fewest and most tools of a G2/G3 set.")
    apis_per_tool: int = Field(default=3, ge=1, description="Most APIs a tool gives to a G2/G3 set.")
    apis_single_tool: int = Field(default=10, ge=1, description="Most APIs of a G1 set.")
    partners: Annotated[Literal["similarity"] | None, OnceSet()] = Field(
        default=None,
        description="`similarity`, for sources without collections: a tool that shares none with another "
        "comes in G3 sets with tools that say much the same of themselves.",
    )
    distractors: Annotated[int, OnceSet()] = Field(
        default=0,
        ge=0,
        description="So many APIs more are offered with each instruction, much like those of its set and not "
        "needed; who writes the instructions does not see them.",
    )

    @model_validator(mode="after")
    def _tools_is_a_range(self) -> SampleParams:
        if not 2 <= self.tools[0] <= self.tools[1]:
            raise ValueError(f"tools = {list(self.tools)} must be [fewest, most] with 2 <= fewest <= most")
        return self
