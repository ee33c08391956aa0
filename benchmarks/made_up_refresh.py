"""`toolloom` with a model and searches that are made up, so that a run of 200,000 rows takes minutes.

    python benchmarks/made_up_refresh.py refresh ... --data FOLDER

All else is a run's own.  For bench_repeat.py, which measures what comes after.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.prefect.server import prepare_environment
from tasks.instructions.params import InstructParams
from tasks.instructions.propose import Proposed
from tasks.llm.budget import Payment
from tasks.llm.chat import Reply, Usage
from tasks.llm.endpoint import StoredModel
from tasks.search.annotate import AnnotationRows, annotation_id_of
from tasks.search.params import AnnotateParams
from warehouse.tables.annotations import Annotation, AnswerMessage, Node
from warehouse.tables.instructions import Candidate, Instruction, NamedApi, Sample

NODES_EACH, REPLIES_EACH = 6, 2
TEXT = "The forecast of a city is what is left to find out before we can set out for the coast. "
REPLY = Reply(content="", usage=Usage(3_000, 100))


async def propose_for(
    sample: Sample, _: object, names: Mapping[str, NamedApi], model: StoredModel, params: InstructParams
) -> Proposed:
    named = [names[api_id] for api_id in sample.api_ids]
    rows = tuple(
        Candidate(
            candidate_id=f"{sample.sample_id}-{number}",
            sample_id=sample.sample_id,
            ordinal=number,
            query=f"Please tell me about number {number} of {sample.sample_id}: {TEXT * 3}",
            relevant_apis=tuple(dict.fromkeys(named[at % len(named)] for at in (number, number + 1))),
            model=model.name,
            prompt_digest="made up",
            seed_ids=(),
        )
        for number in range(params.per_sample)
    )
    return Proposed(rows, (), len(rows))


async def annotate_instruction(
    instruction: Instruction, *_: object, model: StoredModel, params: AnnotateParams, **__: object
) -> AnnotationRows:
    """A search that found nothing, of the usual size."""
    name = annotation_id_of(
        instruction.instruction_id,
        method=params.method,
        rules=params.rules,
        model=model.name,
        offer="sampled",
    )
    said = f"{instruction.instruction_id}: {TEXT * 4}"
    for ordinal in range(REPLIES_EACH):
        Payment(model._ledger, "annotate", name, ordinal, key=os.urandom(16).hex()).given(REPLY)
    nodes = tuple(_node(name, at, said) for at in range(NODES_EACH))
    return AnnotationRows(_annotation(name, instruction, said, model.name, params), nodes, ())


def _node(name: str, at: int, said: str) -> Node:
    return Node(
        annotation_id=name,
        node_id=at,
        parent_id=at - 1 if at else None,
        entry=at,
        depth=at,
        kind="thought" if at else "root",
        query_no=at,
        shown=0,
        thought=said,
        function=None,
        arguments=None,
        repaired=False,
        observation=None,
        outcome=None,
        code=None,
        tokens=30,
        finish_reason="stop",
        votes=None,
        pruned=False,
        terminal=False,
        on_answer_path=True,
    )


def _annotation(
    name: str, instruction: Instruction, said: str, model: str, params: AnnotateParams
) -> Annotation:
    roles = ("system", "user", "assistant", "user", "assistant")
    return Annotation(
        annotation_id=name,
        instruction_id=instruction.instruction_id,
        offer="sampled",
        offered_api_ids=instruction.api_ids,
        method=params.method,
        rules=params.rules,
        model=model,
        win=False,
        finish_type="none",
        final_answer=None,
        n_queries=NODES_EACH,
        n_calls=0,
        tokens_in=9_000,
        tokens_out=700,
        cost_usd=None,
        n_nodes=NODES_EACH,
        depth=NODES_EACH - 1,
        stopped_by="exhausted",
        messages=tuple(
            AnswerMessage(role=role, content=said, tool_calls=(), tool_call_id=None) for role in roles
        ),
        functions="[]",
        wall_s=1.0,
    )


def main() -> None:
    prepare_environment(Path(sys.argv[-1]), verbose=False)  # before Prefect is imported, with the stages
    stages: dict[str, Any] = {
        name: importlib.import_module(f"tasks.{name}") for name in ("propose", "annotate")
    }
    stages["propose"].propose_for = propose_for
    stages["annotate"].annotate_instruction = annotate_instruction
    importlib.import_module("flows.cli").main()


if __name__ == "__main__":
    main()
