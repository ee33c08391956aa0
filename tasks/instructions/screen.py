"""The screens in their order.  Pure: the first fault found is the reason of the reject."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.errors import BadRow
from tasks.instructions.names import OfferedNames
from tasks.instructions.params import InstructParams
from tasks.instructions.screens.apis import hallucinated_api, no_relevant_api, not_multi_tool, too_few_apis
from tasks.instructions.screens.instruction import Screen, under_screens
from tasks.instructions.screens.language import wrong_language
from tasks.instructions.screens.naming import names_a_tool, names_an_api
from tasks.instructions.screens.values import missing_value
from tasks.instructions.screens.wording import (
    asks_for_parameters,
    leaks_json,
    not_a_request,
    placeholder,
    refusal,
    too_long,
    too_short,
)
from warehouse.tables.catalogue import Parameter
from warehouse.tables.instructions import Candidate, RelevantApi

_LONGEST_DETAIL = 300

SCREENS: Mapping[str, Screen] = {
    screen.__name__: screen
    for screen in (
        no_relevant_api,
        hallucinated_api,
        too_few_apis,
        not_multi_tool,
        leaks_json,
        refusal,
        placeholder,
        not_a_request,
        too_short,
        too_long,
        wrong_language,
        names_a_tool,
        names_an_api,
        asks_for_parameters,
        missing_value,
    )
}
"""Every screen of a single instruction by its reject reason, in the order they are asked."""


def screened(
    candidate: Candidate,
    scenario: str,
    offered: OfferedNames,
    parameters: Mapping[str, tuple[Parameter, ...]],
    params: InstructParams,
) -> tuple[RelevantApi, ...]:
    """The APIs that an instruction needs, as the catalogue spells them, each once.

    scenario, offered: of its sample; parameters: of the offered APIs, by api_id.  Raises BadRow with the
    reason of the first screen that it fails among those that `params` has on.
    """
    instruction = under_screens(candidate, scenario, offered, parameters, params)
    for reason, screen in SCREENS.items():
        detail = screen(instruction) if params.is_on(reason) else None
        if detail is not None:
            raise BadRow(reason, detail[:_LONGEST_DETAIL])
    return instruction.found
