"""What a folder knows already: the catalogue of its last run, and what was made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from tasks.instructions.verify import NOT_VERIFIED, SCORES
from tasks.search.annotate import STAGE as ANNOTATE
from warehouse.ref import StageOutput
from warehouse.store import Store
from warehouse.table import Table
from warehouse.tables import (
    ANNOTATIONS,
    APIS,
    DOCUMENTS,
    INSTRUCTIONS,
    REJECTS,
    SAMPLES,
    TOOLS,
    VERDICTS,
    VERIFICATIONS,
)
from warehouse.tables.annotations import Annotation
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Instruction, Sample
from warehouse.tables.probing import Verdict

R = TypeVar("R")


@dataclass(frozen=True)
class Known:
    """All by id.

    sources: digest of what was crawled.  verdicts: of the APIs that were probed, none when none of this
    catalogue was.
    further: samples of further rounds of draws, which what was selected before had called for.
    n_samples, n_written: what instructions were written for, and how many came to the last selection;
    n_fit: of them, those accepted or accepted but for the number wanted.  n_judged, n_failed: what the
    judge of the last selection saw, and did not pass.  answers: of all commands, where they are wanted;
    refreshed: ids of the instructions and answers that a refresh made, and makes anew.
    """

    crawled_at: datetime
    sources: str | None
    tools: dict[str, Tool]
    apis: dict[str, Api]
    verdicts: dict[str, Verdict]
    documents: dict[str, Document]
    instructions: list[Instruction]
    further: list[Sample]
    n_samples: int
    n_written: int
    n_fit: int
    n_judged: int
    n_failed: int
    answers: list[Annotation]
    refreshed: frozenset[str]

    @property
    def kept(self) -> list[str]:
        """The APIs worth documenting."""
        return [api_id for api_id, verdict in self.verdicts.items() if verdict.kept]


def known_of(
    data: Path, crawled_at: datetime, stages: Mapping[str, StageOutput], *, answers: bool = False
) -> Known | None:
    """What these stages wrote; None where no catalogue was crawled.  answers: whether those are wanted.

    Raises `BrokenContract` where a file is gone or damaged.
    """
    if "crawl" not in stages:
        return None
    return known_without(data, crawled_at, stages, sources=stages["crawl"].sources, answers=answers)


def known_without(
    data: Path,
    crawled_at: datetime,
    stages: Mapping[str, StageOutput],
    *,
    sources: str | None = None,
    answers: bool = True,
) -> Known:
    """The same, also without a catalogue: answers may have been imported."""
    store = Store(data)

    def rows(table: Table[R]) -> list[R]:
        refs = [ref for output in stages.values() for ref in output.tables.get(table.name, ())]
        return store.read(table, refs)

    counts = {stage: output.counts for stage, output in stages.items()}
    apis = {api.api_id: api for api in rows(APIS)}
    made_anew = (("select", INSTRUCTIONS, "instruction_id"), (ANNOTATE, ANNOTATIONS, "annotation_id"))
    refused = Counter(reject.reason for reject in rows(REJECTS) if reject.stage == "select")
    return Known(
        crawled_at=crawled_at,
        sources=sources,
        tools={tool.tool_id: tool for tool in rows(TOOLS)},
        apis=apis,
        verdicts={
            verdict.api_id: verdict for verdict in rows(VERDICTS) if verdict.api_id in apis or not apis
        },
        documents={document.api_id: document for document in rows(DOCUMENTS)},
        instructions=rows(INSTRUCTIONS),
        further=[sample for sample in rows(SAMPLES) if sample.draw < 0],
        n_samples=counts["sample"].n_out if "sample" in counts else 0,
        n_written=counts["select"].n_in if "select" in counts else 0,
        n_fit=counts["select"].n_out + refused["over_quota"] if "select" in counts else 0,
        n_judged=sum(
            ref.rows for output in stages.values() for ref in output.tables.get(VERIFICATIONS.name, ())
        ),
        n_failed=sum(refused[reason] for reason in (*SCORES.values(), NOT_VERIFIED)),
        answers=rows(ANNOTATIONS) if answers else [],
        refreshed=frozenset(
            row_id
            for stage, table, column in made_anew
            if stage in stages
            for (row_id,) in store.select(stages[stage].tables.get(table.name, ()), column)
        ),
    )
