"""The fair baseline (section 3.2): chains spend what another search of the same instruction spent."""

from __future__ import annotations

from collections.abc import Iterable

from tasks.search.params import AnnotateParams

SPENT = (
    "instruction_id",
    "method",
    "rules",
    "model",
    "offer",
    "n_queries",
    "tokens_in",
    "tokens_out",
)
"""The columns of `annotations` that `budgets_of` reads, in its order."""


def budgets_of(
    spent: Iterable[tuple[str, str, str, str, str, int, int, int]],
    params: AnnotateParams,
    *,
    model: str,
    offer: str,
) -> dict[str, int]:
    """What the searches of `params.budget_of` by this model under these rules spent, by instruction.

    A search without tokens to its account (the endpoint reported none) sets no budget of tokens.
    """
    found: dict[str, int] = {}
    for instruction_id, method, rules, by, offered, n_queries, tokens_in, tokens_out in spent:
        cost = n_queries if params.budget_in == "queries" else tokens_in + tokens_out
        same = (method, rules, by, offered) == (params.budget_of, params.rules, model, offer)
        if same and cost:
            found[instruction_id] = cost
    return found
