"""From draws of APIs to selected instructions (paper section 2.2)."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A distinct set of APIs drawn together.

    scenario: G1 (one tool), G2 (one category), G3 (one collection).  group: the tool id, category or
    collection, or `like <tool id>`; draw: the number of the draw in its group that first gave this set,
    negative in the rounds of further draws.  distractors: APIs that are offered as well, None where none are
    asked for.
    """

    sample_id: str
    scenario: str
    group: str
    draw: int
    api_ids: tuple[str, ...]
    tool_ids: tuple[str, ...]
    split: str
    distractors: tuple[str, ...] | None = None

    @property
    def round_no(self) -> int:
        """The round of further draws that gave it; 0 for the first draws."""
        return max(0, -self.draw)

    @property
    def offered(self) -> tuple[str, ...]:
        """All that is on offer with its instructions; no place in it says which are distractors."""
        return tuple(sorted((*self.api_ids, *self.distractors))) if self.distractors else self.api_ids


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

    api_ids: all APIs offered; api_fingerprints: theirs, in that order.  api_list: JSON text of their
    documentation as a query file gave it; None for those of the catalogue.  distractors: those that were not
    drawn, and so are not needed; None where none are asked for.
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
    api_list: str | None = None
    distractors: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A judge's verdict on an instruction, or on a candidate that would have become one.

    Scores of 1 to 5: natural (a person could have said it), answerable (its APIs return what it asks
    for), complete (it gives the values they require); 0 where nothing usable was to be had from the judge,
    and `reason` says why.
    """

    instruction_id: str
    sample_id: str
    query: str
    score_natural: int
    score_answerable: int
    score_complete: int
    reason: str
    model: str
    prompt_digest: str


SAMPLES = Table(
    name="samples",
    row_type=Sample,
    grain="a distinct set of APIs drawn",
    key=("sample_id",),
    once_set=frozenset({"distractors"}),
)
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
    once_set=frozenset({"distractors"}),
)
VERIFICATIONS = Table(
    name="verifications",
    row_type=Verification,
    grain="an instruction that was judged",
    key=("instruction_id",),
)
