"""The budgets of `react@budget`: what another method spent on the same instructions in this data folder."""

from __future__ import annotations

from tasks.annotate import OFFER
from tasks.run import RunContext
from tasks.search.annotate import SPENT, budgets_of
from tasks.search.params import BUDGET_METHOD, AnnotateParams
from tasks.services import services_of
from warehouse import manifest
from warehouse.tables import ANNOTATIONS


def budgets_for(run: RunContext, params: AnnotateParams) -> dict[str, int] | None:
    """By instruction, from the run that is shown; None for methods that need none."""
    if params.method != BUDGET_METHOD:
        return None
    shown = manifest.newest(run.data)
    refs = () if shown is None else shown.tables.get(ANNOTATIONS.name, ())
    spent = services_of(run).store.select(refs, *SPENT)
    return budgets_of(spent, params, model=run.llm.model, offer=OFFER)
