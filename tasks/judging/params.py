"""How answers are evaluated."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tasks.identity import OnceSet, OnlyInKeyOf
from tasks.llm.params import JudgeParams

MOST_VOTES = 15


def _odd(votes: int) -> int:
    if votes % 2 == 0:
        raise ValueError(f"{votes} votes may be as many for as against: take {votes - 1} or {votes + 1}")
    return votes


class EvaluateParams(BaseModel):
    """`[evaluate]`: how a judge is asked, by `toolloom evaluate` or in a refresh."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_refresh: Annotated[bool, OnlyInKeyOf()] = Field(
        False, description="Whether a refresh, too, has answers judged that are new."
    )
    judge: Annotated[JudgeParams | None, OnlyInKeyOf(), OnceSet()] = Field(
        None,
        description="The endpoint that judges, with all that [llm] may say of one; none: that of [llm].",
    )
    votes: Annotated[int, AfterValidator(_odd), OnlyInKeyOf("evaluate")] = Field(
        3,
        ge=1,
        le=MOST_VOTES,
        description="How often a judge is asked each question; odd, so that a majority is there.",
    )
    temperature: float = Field(0.0, ge=0, le=2, description="Of the judge; each vote has a seed of its own.")
    tasks: Annotated[bool, OnlyInKeyOf("evaluate")] = Field(
        True,
        description="Whether it is asked, once for an instruction, whether the task can be solved at all.",
    )
    alone: Annotated[bool, OnlyInKeyOf("evaluate")] = Field(
        False,
        description="Whether answers are judged as the person saw them, too (FAC of StableToolBench).",
    )
    against: Annotated[str | None, OnlyInKeyOf("prefer")] = Field(
        None,
        description="The method whose answers those of other methods are compared with, in both orders.",
    )
