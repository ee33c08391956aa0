"""Searches with the calls and the answer that a test wants."""

from __future__ import annotations

import json

from warehouse.tables.annotations import Annotation, AnswerMessage, MessageToolCall

FUNCTIONS = json.dumps(
    [
        {"type": "function", "function": {"name": "rain", "parameters": {"required": ["city"]}}},
        {"type": "function", "function": {"name": "Finish", "parameters": {"required": ["return_type"]}}},
    ]
)
Call = tuple[str, str, str]


def answered(
    answer: str | None, *calls: Call, finish: str = "give_answer", annotation_id: str = "a"
) -> Annotation:
    """A search that made the calls (function, arguments, observation) and ended so."""
    messages = []
    for number, (name, arguments, observation) in enumerate(calls):
        call = MessageToolCall(id=f"call-{number}", name=name, arguments=arguments)
        messages.append(AnswerMessage(role="assistant", content="So.", tool_calls=(call,), tool_call_id=None))
        messages.append(
            AnswerMessage(role="tool", content=observation, tool_calls=(), tool_call_id=f"call-{number}")
        )
    return Annotation(
        annotation_id=annotation_id,
        instruction_id="i",
        offer="sampled",
        offered_api_ids=("Weather/sky/rain",),
        method="dfsdt",
        rules="toolloom",
        model="m",
        win=finish == "give_answer",
        finish_type=finish,
        final_answer=answer,
        n_queries=1,
        n_calls=len(calls),
        tokens_in=1,
        tokens_out=1,
        cost_usd=None,
        n_nodes=1,
        depth=1,
        stopped_by="answered",
        messages=tuple(messages),
        functions=FUNCTIONS,
        wall_s=1.0,
    )
