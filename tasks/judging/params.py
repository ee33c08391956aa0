"""How answers are evaluated."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tasks.identity import OnceSet, OnlyInKeyOf
from tasks.llm.params import JudgeParams

MOST_VOTES = 15
SIDE = ("method", "model", "offer")
"""What may be said of the answers that others are compared with."""


def _odd(votes: int) -> int:
    if votes % 2 == 0:
        raise ValueError(f"{votes} votes may be as many for as against: take {votes - 1} or {votes + 1}")
    return votes


def said_of(side: str) -> dict[str, str]:
    """What answers of a side say, by column; a word alone is a method.  Raises `ValueError`."""
    parts = [part.partition("=") for part in side.split(",")]
    said = {name if equals else SIDE[0]: value if equals else name for name, equals, value in parts}
    unknown = [name for name in said if name not in SIDE]
    if unknown or len(said) <= side.count(",") or not all(said.values()):
        raise ValueError(f"{side!r} names no answers; write react, or method=react,model=...,offer=...")
    return said


def _side(against: str | None) -> str | None:
    if against is not None:
        said_of(against)
    return against


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
    against: Annotated[str | None, OnlyInKeyOf("prefer"), AfterValidator(_side)] = Field(
        None,
        description="The answers that others are compared with, in both orders: a method, or "
        "`method=react,model=...,offer=...`, of which any may be left out.",
    )
