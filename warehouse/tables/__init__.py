"""Every table of the warehouse, by name."""

from __future__ import annotations

from typing import Any

from warehouse.table import Table
from warehouse.tables.accounts import LLM_CALLS, REJECTS, RUNS
from warehouse.tables.annotations import ANNOTATIONS, CALLS, NODES
from warehouse.tables.catalogue import APIS, TOOLS
from warehouse.tables.documents import DOCUMENTS
from warehouse.tables.evaluations import ANSWER_FACTS, EVALUATIONS, LABELS, PREFERENCES
from warehouse.tables.instructions import CANDIDATES, INSTRUCTIONS, SAMPLES, VERIFICATIONS
from warehouse.tables.probing import PROBES, VERDICTS
from warehouse.tables.retrieval import EMBEDDINGS, MODELS, RETRIEVAL_RANKS
from warehouse.tables.training import CHAT_MODELS, TRAININGS

__all__ = [
    "ANNOTATIONS",
    "ANSWER_FACTS",
    "APIS",
    "CALLS",
    "CANDIDATES",
    "CHAT_MODELS",
    "DOCUMENTS",
    "EMBEDDINGS",
    "EVALUATIONS",
    "INSTRUCTIONS",
    "LABELS",
    "LLM_CALLS",
    "MODELS",
    "NODES",
    "PREFERENCES",
    "PROBES",
    "REJECTS",
    "RETRIEVAL_RANKS",
    "RUNS",
    "SAMPLES",
    "TABLES",
    "TOOLS",
    "TRAININGS",
    "VERDICTS",
    "VERIFICATIONS",
]

TABLES: dict[str, Table[Any]] = {
    table.name: table
    for table in (
        TOOLS,
        APIS,
        PROBES,
        VERDICTS,
        DOCUMENTS,
        SAMPLES,
        CANDIDATES,
        INSTRUCTIONS,
        VERIFICATIONS,
        ANNOTATIONS,
        NODES,
        CALLS,
        ANSWER_FACTS,
        EVALUATIONS,
        PREFERENCES,
        LABELS,
        EMBEDDINGS,
        RETRIEVAL_RANKS,
        MODELS,
        CHAT_MODELS,
        TRAININGS,
        REJECTS,
        LLM_CALLS,
        RUNS,
    )
}
