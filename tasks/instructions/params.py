"""Parameters of instruction writing and selection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tasks.errors import UsageError
from tasks.identity import NotInShardKey, OnlyInKeyOf
from tasks.instructions.benchmark import read_benchmark

SCREEN_NAMES = (
    "no_relevant_api",
    "hallucinated_api",
    "too_few_apis",
    "not_multi_tool",
    "leaks_json",
    "refusal",
    "placeholder",
    "not_a_request",
    "too_short",
    "too_long",
    "wrong_language",
    "names_a_tool",
    "names_an_api",
    "asks_for_parameters",
    "missing_value",
    "resembles_seed",
    "contaminated",
    "duplicate",
    "near_duplicate",
)
"""Reasons to refuse an instruction, in the order they are looked for."""

_NEEDED = ("no_relevant_api", "hallucinated_api")


class InstructParams(BaseModel):
    """`[instruct]`: how many instructions are asked for, and what is accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_sample: Annotated[int, OnlyInKeyOf("propose")] = Field(
        default=10, ge=1, description="Instructions asked for per set of APIs."
    )
    seed_examples: Annotated[int, OnlyInKeyOf("propose")] = Field(
        default=3, ge=0, description="Seed examples shown per request."
    )
    seed: Annotated[int, OnlyInKeyOf("propose")] = Field(default=0, description="Chooses the seed examples.")
    min_words: int = Field(default=30, ge=1, description="Shorter instructions are refused.")
    min_apis: Annotated[int, OnlyInKeyOf("select")] = Field(
        default=1, ge=1, description="Instructions that need fewer APIs are refused, where a set has as many."
    )
    language: str = Field(
        default="en", pattern=r"^([a-z]{2,3})?$", description="Wanted (ISO 639 code); empty: any."
    )
    screens: Annotated[dict[str, bool], OnlyInKeyOf("select")] = Field(
        default={},
        description="Screens that are not asked, as in `{too_short = false}`; names: "
        + ", ".join(f"`{name}`" for name in SCREEN_NAMES)
        + ".",
    )
    decontaminate: Annotated[tuple[Path, ...], OnlyInKeyOf()] = Field(
        default=(),
        description="Benchmark files (ToolBench's query JSON, JSONL, or a text a line) whose texts must not "
        "come back as instructions.",
    )
    overlap_words: Annotated[int, OnlyInKeyOf("select")] = Field(
        default=13, ge=3, description="So many words in a row in common with a benchmark's text are too many."
    )
    accepted: Annotated[int | None, OnlyInKeyOf("select")] = Field(
        default=None,
        ge=1,
        description="Exact number wanted, by turns over scenarios and sets; those that reach further APIs "
        "first.",
    )
    rounds: Annotated[int, OnlyInKeyOf()] = Field(
        default=3,
        ge=0,
        description="Rounds of further draws at most, for APIs that no instruction needs and for "
        "instructions that are wanting to `accepted`.",
    )
    verify: Annotated[bool, OnlyInKeyOf("select")] = Field(
        default=False, description="Have the model judge what would be accepted."
    )
    verify_score: Annotated[int, OnlyInKeyOf("select")] = Field(
        default=4, ge=1, le=5, description="Least score for natural, answerable and complete, of 5."
    )
    samples_per_shard: Annotated[int, OnlyInKeyOf("propose"), NotInShardKey()] = Field(
        default=50, ge=1, description="Sets of APIs per task run, about."
    )

    @field_validator("screens")
    @classmethod
    def _screens_exist(cls, screens: dict[str, bool]) -> dict[str, bool]:
        unknown = [name for name in screens if name not in SCREEN_NAMES]
        if unknown:
            raise ValueError(f"no such screen: {', '.join(unknown)}; screens: {', '.join(SCREEN_NAMES)}")
        needed = [name for name in _NEEDED if not screens.get(name, True)]
        if needed:
            raise ValueError(f"cannot be switched off: {', '.join(needed)} (nothing could be searched for)")
        return screens

    @field_validator("decontaminate")
    @classmethod
    def _benchmarks_can_be_read(cls, files: tuple[Path, ...]) -> tuple[Path, ...]:
        for file in files:
            try:
                read_benchmark(file)
            except UsageError as error:
                raise ValueError(f"{error.message}; {error.fix}") from error
        return files

    def is_on(self, screen: str) -> bool:
        return self.screens.get(screen, True)
