"""Searches for solution paths: one row a search, its tree, its API calls (paper section 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warehouse.table import Table

LOST = "(what this call returned is not in the file: its steps are cut)"
"""Stands in messages of an imported answer for what a call returned, where the file does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageToolCall:
    """A function call in a message; arguments: JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerMessage:
    """A message of the answer path."""

    role: str
    content: str | None
    tool_calls: tuple[MessageToolCall, ...]
    tool_call_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A search.

    offer: `sampled`, `retrieved@k:<retriever>:<digest>` when a retriever chose the APIs, or `imported` from
    files of another tool.  finish_type: give_answer, give_up or none.  stopped_by: answered, exhausted,
    max_queries, max_tokens.  messages: the answer path, or the path of the last give-up.  functions: JSON
    text of the functions offered.  width, max_depth, max_queries: the limits it was held to, None where
    they are not known or do not apply.
    """

    annotation_id: str
    instruction_id: str
    offer: str
    offered_api_ids: tuple[str, ...]
    method: str
    rules: str
    model: str
    win: bool
    finish_type: str
    final_answer: str | None
    n_queries: int
    n_calls: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    n_nodes: int
    depth: int
    stopped_by: str
    messages: tuple[AnswerMessage, ...]
    functions: str
    wall_s: float
    width: int | None = None
    max_depth: int | None = None
    max_queries: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node of a search tree; node_id counts in pre-order, the root is 0.

    entry: when the search entered it.  kind: root, thought, action or action_input.  shown: earlier
    candidates in the diversity message of the request that made it.  code: ToolBench's status code.
    thinking: what the model thought before the reply whose first node it is, which is no part of the
    conversation.
    """

    annotation_id: str
    node_id: int
    parent_id: int | None
    entry: int | None
    depth: int
    kind: str
    query_no: int | None
    shown: int
    thought: str | None
    function: str | None
    arguments: str | None
    repaired: bool
    observation: str | None
    outcome: str | None
    code: int | None
    tokens: int
    finish_reason: str | None
    votes: float | None
    pruned: bool
    terminal: bool
    on_answer_path: bool
    thinking: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """An API call made by a search.

    origin: real, when the run that made the search called the API; replayed, when the answer was recorded by
    an earlier run; not_recorded, when only recorded answers were replayed and there was none.  store_key:
    under which the call store has the answer.
    """

    annotation_id: str
    node_id: int
    api_id: str
    arguments: str
    outcome: str
    http_status: int | None
    latency_ms: float
    origin: str
    recorded_at: datetime
    body: str | None
    store_key: str | None = None


ANNOTATIONS = Table(
    name="annotations",
    row_type=Annotation,
    grain="a search",
    key=("annotation_id",),
    volatile=frozenset({"cost_usd", "wall_s"}),
)
NODES = Table(
    name="nodes",
    row_type=Node,
    grain="a node of a search tree",
    key=("annotation_id", "node_id"),
)
CALLS = Table(
    name="calls",
    row_type=ApiCall,
    grain="an API call made by a search",
    key=("annotation_id", "node_id"),
    volatile=frozenset({"latency_ms", "origin", "recorded_at"}),
    history=True,
)
