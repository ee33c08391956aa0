"""From draws of APIs to selected instructions (paper section 2.2)."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A distinct set of APIs drawn together.

    scenario: G1 (one tool), G2 (one category), G3 (one collection).  group: the tool id, category or
    collection; draw: the number of the draw in its group that first gave this set.
    """

    sample_id: str
    scenario: str
    group: str
    draw: int
    api_ids: tuple[str, ...]
    tool_ids: tuple[str, ...]
    split: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedApi:
    """An API as the model named it: not checked yet."""

    tool_name: str
    api_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RelevantApi:
    """An API that an instruction needs, found in the catalogue."""

    tool_name: str
    api_name: str
    api_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An instruction as the model wrote it, the `ordinal`-th of its sample."""

    candidate_id: str
    sample_id: str
    ordinal: int
    query: str
    relevant_apis: tuple[NamedApi, ...]
    model: str
    prompt_digest: str
    seed_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """A selected instruction, or a query of a file, which has no sample ("").

    api_ids: all APIs offered; api_fingerprints: theirs, in that order.
    """

    instruction_id: str
    sample_id: str
    scenario: str
    split: str
    query: str
    relevant_apis: tuple[RelevantApi, ...]
    api_ids: tuple[str, ...]
    api_fingerprints: tuple[str, ...]
    n_words: int
    model: str
    prompt_digest: str
    seed_ids: tuple[str, ...]


SAMPLES = Table(name="samples", row_type=Sample, grain="a distinct set of APIs drawn", key=("sample_id",))
CANDIDATES = Table(
    name="candidates",
    row_type=Candidate,
    grain="an instruction the model wrote",
    key=("candidate_id",),
)
INSTRUCTIONS = Table(
    name="instructions",
    row_type=Instruction,
    grain="a selected instruction",
    key=("instruction_id",),
)
