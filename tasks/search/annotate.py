"""From an instruction to the rows of its search: binds the search to a model, the catalogue and the APIs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import compress
from time import perf_counter
from types import MappingProxyType
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from tasks.calling.outcome import CallResult
from tasks.exact_json import digest_of
from tasks.llm.chat import ChatModel, ChatRequest, Reply
from tasks.llm.params import Capabilities
from tasks.search.arguments import json_text
from tasks.search.functions import ANY_ENDPOINT, Offer, offer_for
from tasks.search.methods import method_of
from tasks.search.observing import observe, promised_keys, response_shape
from tasks.search.params import BUDGET_METHOD, AnnotateParams
from tasks.search.rules import RULES
from tasks.search.task import Limits, Observation, Task
from tasks.search.trace import Trace, answer_messages, trace
from tasks.search.tree import SearchTree
from tasks.text_budget.tokens import Tokenizer, tokenizer_of
from warehouse.tables.accounts import Reject
from warehouse.tables.annotations import Annotation, ApiCall, Node
from warehouse.tables.catalogue import Api, Tool
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Instruction

STAGE = "annotate"
OFFER = "sampled"  # how the APIs on offer were chosen


class Offers(BaseModel):
    """APIs that a retriever chose.  name: as in `annotations.offer`.  api_ids: by instruction, best first."""

    model_config = ConfigDict(frozen=True)

    name: str
    api_ids: dict[str, tuple[str, ...]]


class CallsFor(Protocol):
    """Makes the calls of a row, or finds them recorded.

    Gives the result, its origin (real or replayed), its time, and its key in the store.
    """

    async def call_for(
        self, row_id: str, ordinal: int, api: Api, arguments: Mapping[str, Any]
    ) -> tuple[CallResult, str, datetime, bytes]: ...


Budgets = Mapping[str, int]
"""What react@budget may spend, by instruction."""


def choose_instructions(
    instructions: Iterable[Instruction],
    params: AnnotateParams,
    budgets: Budgets,
    offers: Offers | None = None,
    level_of: Callable[[Instruction], str] | None = None,
) -> tuple[list[Instruction], list[Reject]]:
    """The instructions that are searched, with what they offer, and a reject for each other one.

    Ids are hashes, so that the first by id are a fair draw, and the same one in every run.  level_of: needed
    where the parameters name levels.
    """
    all_ = sorted(instructions, key=lambda row: row.instruction_id)
    is_meant = [level_of is None or not params.levels or level_of(row) in params.levels for row in all_]
    in_order = list(compress(all_, is_meant))
    levels = f"[annotate] levels: {', '.join(params.levels)}"
    of_others = [(row, "other_level", levels) for row, meant in zip(all_, is_meant, strict=True) if not meant]
    found = in_order if offers is None else [row for row in in_order if offers.api_ids[row.instruction_id]]
    nothing = [row for row in in_order if offers is not None and not offers.api_ids[row.instruction_id]]
    unfound = [(row, "no_api_found", "the retriever finds no API with a word of it") for row in nothing]
    within = found[: params.limit]
    over = [(row, "over_limit", "[annotate] limit is reached") for row in found[len(within) :]]
    bounded = [params.method != BUDGET_METHOD or row.instruction_id in budgets for row in within]
    no_budget = (
        f"{BUDGET_METHOD} spends what {params.budget_of} spent on the same instruction, under the same rules "
        f"and with the same model; this data folder has no such search with {params.budget_in} to its "
        f"account: run `toolloom annotate --method {params.budget_of}` first"
    )
    unbounded = [
        (row, "no_budget", no_budget)
        for row, is_bounded in zip(within, bounded, strict=True)
        if not is_bounded
    ]
    chosen, most = list(compress(within, bounded)), params.max_functions
    if most is not None and offers is None:
        chosen = [_fewer_offered(row, most) for row in chosen]
    return chosen, [
        Reject(stage=STAGE, row_id=row.instruction_id, reason=reason, detail=detail)
        for row, reason, detail in (*of_others, *unfound, *over, *unbounded)
    ]


def _fewer_offered(instruction: Instruction, most: int) -> Instruction:
    """With at most so many APIs on offer: all that it needs, and of the others as many as there is room for.

    These are drawn by hash; the order stays.
    """
    needed = {each.api_id for each in instruction.relevant_apis}
    others = [each for each in instruction.api_ids if each not in needed]
    drawn = sorted(others, key=lambda api_id: digest_of([instruction.instruction_id, api_id]))
    kept = needed.union(drawn[: max(0, most - len(needed))])
    at = [number for number, api_id in enumerate(instruction.api_ids) if api_id in kept]
    return replace(
        instruction,
        api_ids=tuple(instruction.api_ids[each] for each in at),
        api_fingerprints=tuple(instruction.api_fingerprints[each] for each in at),
    )


def content_digest(
    instructions: Iterable[Instruction],
    documents: Mapping[str, Document],
    tool_of: Mapping[str, Tool],
    budgets: Budgets,
) -> str:
    """Of all that their searches are shown: the documents of APIs, and where they have none, their tools.

    documents, tool_of: by `api_id`.
    """

    def words(api_id: str) -> list[str]:
        document, tool = documents.get(api_id), tool_of.get(api_id)
        if document is not None:
            return [document.document, document.response_schema]
        return [] if tool is None else [tool.category, tool.tool_name, tool.description]

    return digest_of(
        [
            [
                row.instruction_id,
                row.query,
                row.api_fingerprints,
                [words(api_id) for api_id in row.api_ids],
                budgets.get(row.instruction_id),
            ]
            for row in sorted(instructions, key=lambda row: row.instruction_id)
        ]
    )


@dataclass(frozen=True, slots=True)
class AnnotationRows:
    """The rows of one search."""

    annotation: Annotation
    nodes: tuple[Node, ...]
    calls: tuple[ApiCall, ...]


async def annotate_instruction(
    instruction: Instruction,
    offered: Sequence[Api],
    documents: Mapping[str, Document],
    *,
    model: ChatModel,
    caller: CallsFor,
    params: AnnotateParams,
    tools: Mapping[str, Tool] = MappingProxyType({}),
    offer: str = OFFER,
    budget: int | None = None,
    cost_usd: Callable[[int, int], float | None] | None = None,
    capabilities: Capabilities = ANY_ENDPOINT,
) -> AnnotationRows:
    """Searches for a solution path of one instruction.

    offered: the APIs the search may use, in the order they are shown; offer: how they were chosen.
    documents: by api_id; tools: by tool_id, for what the documents do not say of them.  budget: of
    react@budget, in `params.budget_in`.  cost_usd: the price of tokens in and out.  Raises `StopRun` when
    the run must end; whatever the model replies and the APIs do is part of the rows.  capabilities: of the
    model's endpoint.
    """
    begun = perf_counter()
    annotation_id = annotation_id_of(
        instruction.instruction_id, method=params.method, rules=params.rules, model=model.name, offer=offer
    )
    usable = offer_for(offered, tools, documents, RULES[params.rules], capabilities)
    calls = _Calls(annotation_id, usable, documents, caller, params, tokenizer_of(model.name))
    limits = limits_of(params, budget)
    tree = await _search(instruction.query, usable, model, calls, limits)
    rows = trace(tree, annotation_id)
    annotation = _annotation(
        tree,
        rows,
        calls,
        limits,
        instruction_id=instruction.instruction_id,
        offer=offer,
        model=model.name,
        cost_usd=None if cost_usd is None else cost_usd(tree.tokens_in, tree.tokens_out),
        wall_s=perf_counter() - begun,
    )
    return AnnotationRows(annotation, rows.nodes, calls.rows(rows))


async def _search(query: str, usable: Offer, model: ChatModel, calls: _Calls, limits: Limits) -> SearchTree:
    async def ask(request: ChatRequest, ordinal: int) -> Reply:
        return await model.ask(request, row_id=calls.annotation_id, ordinal=ordinal)

    return await method_of(calls.params.method)(
        Task(query=query, functions=usable.functions, tools=usable.tools, brief=calls.params.brief),
        ask=ask,
        execute=calls.execute,
        rules=RULES[calls.params.rules],
        limits=limits,
    )


def _annotation(
    tree: SearchTree,
    rows: Trace,
    calls: _Calls,
    limits: Limits,
    *,
    instruction_id: str,
    offer: str,
    model: str,
    cost_usd: float | None,
    wall_s: float,
) -> Annotation:
    """Of the limits, those that the method has: chains do not branch, and only budgets bound them."""
    method = calls.params.method
    chained = method.partition("@")[0] == "react"
    bounded = not chained or method == BUDGET_METHOD
    return Annotation(
        annotation_id=calls.annotation_id,
        instruction_id=instruction_id,
        offer=offer,
        offered_api_ids=tuple(api.api_id for api in calls.offer.apis.values()),
        method=method,
        rules=calls.params.rules,
        model=model,
        win=tree.win,
        finish_type=tree.finish_type,
        final_answer=tree.final_answer,
        n_queries=tree.n_queries,
        n_calls=tree.n_calls,
        tokens_in=tree.tokens_in,
        tokens_out=tree.tokens_out,
        cost_usd=cost_usd,
        n_nodes=len(rows.nodes),
        depth=max(node.depth for node in rows.nodes),
        stopped_by=tree.stopped_by,
        messages=answer_messages(tree),
        functions=tree.tools.text.decode(),
        wall_s=wall_s,
        width=None if chained else limits.width,
        max_depth=limits.max_depth,
        max_queries=limits.max_queries if bounded else None,
    )


def limits_of(params: AnnotateParams, budget: int | None = None) -> Limits:
    """The limits of a search; a budget is one of queries or of tokens."""
    limits = Limits(width=params.width, max_depth=params.max_depth, max_queries=params.max_queries)
    if budget is None:
        return limits
    if params.budget_in == "tokens":
        return replace(limits, max_tokens=budget)
    return replace(limits, max_queries=budget)


def annotation_id_of(instruction_id: str, *, method: str, rules: str, model: str, offer: str) -> str:
    """A function of what is searched and how, not of what came of it."""
    return digest_of([instruction_id, method, rules, model, offer])


@dataclass(frozen=True, slots=True)
class _Call:
    """A finished call, to be matched with its node when the tree is done."""

    api_id: str
    arguments: str
    result: CallResult
    origin: str
    recorded_at: datetime
    key: bytes


@dataclass(slots=True)
class _Calls:
    """Makes the calls of one search and remembers them."""

    annotation_id: str
    offer: Offer
    documents: Mapping[str, Document]
    caller: CallsFor
    params: AnnotateParams
    tokenizer: Tokenizer
    made: dict[int, _Call] = field(default_factory=dict)

    async def execute(self, function: str, arguments: Mapping[str, Any], ordinal: int) -> Observation:
        api = self.offer.apis[function]
        real = self.offer.renamed[function]
        if real:
            arguments = {real.get(name, name): value for name, value in arguments.items()}
        found = await self.caller.call_for(self.annotation_id, ordinal, api, arguments)
        self.made[ordinal] = _Call(api.api_id, json_text(arguments), *found)
        document = self.documents.get(api.api_id)
        shape, promised = response_shape(api, document), promised_keys(document)
        rules, most = RULES[self.params.rules], self.params.observation_tokens
        return observe(found[0], shape, most, rules, self.tokenizer, promised)

    def rows(self, rows: Trace) -> tuple[ApiCall, ...]:
        return tuple(
            ApiCall(
                annotation_id=self.annotation_id,
                node_id=rows.node_of_call[ordinal],
                api_id=call.api_id,
                arguments=call.arguments,
                outcome=call.result.outcome.value,
                http_status=call.result.http_status,
                latency_ms=call.result.latency_ms,
                origin=call.origin,
                recorded_at=call.recorded_at,
                body=call.result.body,
                store_key=call.key.hex(),
            )
            for ordinal, call in sorted(self.made.items())
        )


SPENT = ("instruction_id", "method", "rules", "model", "offer", "n_queries", "tokens_in", "tokens_out")
"""The columns of `annotations` that `budgets_of` reads, in its order."""


def budgets_of(
    spent: Iterable[tuple[str, str, str, str, str, int, int, int]],
    params: AnnotateParams,
    *,
    model: str,
    offer: str,
) -> dict[str, int]:
    """What the searches of `params.budget_of` by this model under these rules spent, by instruction.

    The fair baseline (paper section 3.2): chains spend what another search of the same instruction spent.

    A search without tokens to its account (the endpoint reported none) sets no budget of tokens.
    """
    found: dict[str, int] = {}
    for instruction_id, method, rules, by, offered, n_queries, tokens_in, tokens_out in spent:
        cost = n_queries if params.budget_in == "queries" else tokens_in + tokens_out
        same = (method, rules, by, offered) == (params.budget_of, params.rules, model, offer)
        if same and cost:
            found[instruction_id] = cost
    return found
