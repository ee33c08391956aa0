"""Candidates that no screen has anything against."""

from __future__ import annotations

from tasks.exact_json import digest_of
from warehouse.tables.instructions import Candidate, NamedApi

RELEVANT = (
    NamedApi(tool_name="Flights", api_name="Search"),
    NamedApi(tool_name="Sky Watch", api_name="forecast"),
)


def candidate(sample_id: str, ordinal: int, query: str | None = None) -> Candidate:
    # Words that no other candidate has, so that none repeats another by accident.
    query = query or " ".join(digest_of([sample_id, ordinal, number])[:8] for number in range(12))
    return Candidate(
        candidate_id=f"{sample_id}-{ordinal}",
        sample_id=sample_id,
        ordinal=ordinal,
        query=query,
        relevant_apis=RELEVANT,
        model="m",
        prompt_digest="p",
        seed_ids=("seed",),
    )
