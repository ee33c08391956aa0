"""Caps that could not be kept are refused before anything is asked."""

from __future__ import annotations

from tasks.errors import UsageError
from tasks.llm.params import BudgetParams, Caps, LlmParams


def refuse_uncountable(budget: BudgetParams, llm: LlmParams) -> None:
    """Raises `UsageError` for caps in dollars without prices, and in tokens with replies of any length."""
    _refuse(budget, "[budget]", llm)
    for stage, caps in budget.stages.items():
        _refuse(caps, f"[budget.stages.{stage}]", llm)


def _refuse(caps: Caps, where: str, llm: LlmParams) -> None:
    if caps.max_usd is not None and (llm.price_in is None or llm.price_out is None):
        missing = "price_in" if llm.price_in is None else "price_out"
        raise UsageError(
            f"{where} max_usd = {caps.max_usd:g} cannot be kept: [llm] {missing} is not set",
            fix=f"set [llm] price_in and price_out (USD per million tokens), or use {where} max_tokens",
        )
    cap = "max_usd" if caps.max_usd is not None else "max_tokens" if caps.max_tokens is not None else None
    if cap is not None and llm.max_tokens is None:
        raise UsageError(
            f"{where} {cap} = {getattr(caps, cap):g} cannot be kept: a reply may have any length",
            fix="set [llm] max_tokens, the longest reply in tokens",
        )
