"""A search as an answer file of ToolBench, which its preprocessing and evaluation scripts read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from tasks import exact_json
from tasks.exporting.conversation import conversation_of
from tasks.exporting.searches import Search
from tasks.exporting.toolbench_tree import ToolbenchTree
from warehouse.tables.annotations import Annotation, AnswerMessage

Json: TypeAlias = dict[str, Any]

_FINISH = "Finish"


def answer_of(search: Search) -> Json:
    """The whole file.  A give-up is valid data of its own `finish_type`, as in the published files."""
    tree = ToolbenchTree(search)
    annotation = search.annotation
    answer: Json = {"win": annotation.win}
    if annotation.method.startswith("react"):
        tries = tree.tries()
        answer |= {"try_count": len(tries), "trys": tries}
    return answer | {
        "tree": tree.nested(),
        "forward_args": _limits(annotation),
        "compare_candidates": tree.answers(),
        "answer_generation": _generation(search, valid=annotation.win or search.gave_up),
    }


def functions_of(annotation: Annotation) -> list[Json]:
    """The functions offered, in ToolBench's form, which lists the optional parameters as well."""
    return [_function(tool["function"]) for tool in exact_json.loads(annotation.functions)]


def _function(function: Json) -> Json:
    parameters = function.get("parameters") or {"type": "object", "properties": {}, "required": []}
    if function["name"] != _FINISH and "optional" not in parameters:
        required = parameters.get("required", [])
        optional = [name for name in parameters.get("properties", {}) if name not in required]
        parameters = {**parameters, "required": required, "optional": optional}
    return {**function, "parameters": parameters}


def _generation(search: Search, *, valid: bool) -> Json:
    annotation = search.annotation
    return {
        "valid_data": valid,
        "query_count": annotation.n_queries,
        "total_tokens": annotation.tokens_in + annotation.tokens_out,
        "final_answer": _finish_arguments(annotation.messages) if valid else "",
        "function": functions_of(annotation),
        "chain": [],
        "train_messages": list(conversation_of(annotation.messages).steps) if valid else [],
        "query": search.instruction.query,
        "finish_type": "give_up" if valid and not annotation.win else "give_answer",
    }


def _finish_arguments(messages: Sequence[AnswerMessage]) -> str:
    """ToolBench's final answer is all that Finish was called with, as JSON text."""
    calls = [call for message in messages for call in message.tool_calls if call.name == _FINISH]
    return calls[-1].arguments if calls else ""


def _limits(annotation: Annotation) -> Json:
    """The settings of the search, as far as they are known; those of the paper otherwise."""
    depth = annotation.max_depth or 12
    kind, _, tries = annotation.method.partition("@")
    if kind == "react":
        return {
            "single_chain_max_step": depth,
            "pass_at": int(tries) if tries.isdecimal() else 1,
            "answer": 1,
        }
    return {
        "single_chain_max_step": depth,
        "tree_beam_size": annotation.width or 2,
        "max_query_count": annotation.max_queries or 200,
        "answer": 1,
        "with_filter": annotation.method == "dfs_ranked",
    }
