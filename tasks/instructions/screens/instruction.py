"""An instruction under the screens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tasks.instructions.names import OfferedNames
from tasks.instructions.params import InstructParams
from tasks.instructions.words import words_of
from warehouse.tables.catalogue import Parameter
from warehouse.tables.instructions import Candidate, NamedApi, RelevantApi


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """found, unknown: the APIs it names that are among the offered ones, and those that are not.

    parameters: of the offered APIs, by api_id.
    """

    query: str
    words: tuple[str, ...]
    found: tuple[RelevantApi, ...]
    unknown: tuple[NamedApi, ...]
    offered: tuple[NamedApi, ...]
    parameters: Mapping[str, tuple[Parameter, ...]]
    scenario: str
    params: InstructParams


Screen: TypeAlias = Callable[[Screened], str | None]
"""Gives None when all is well, else the detail of the reject."""


def under_screens(
    candidate: Candidate,
    scenario: str,
    offered: OfferedNames,
    parameters: Mapping[str, tuple[Parameter, ...]],
    params: InstructParams,
) -> Screened:
    """scenario, offered: of the candidate's sample."""
    found = {name: offered.find(name) for name in candidate.relevant_apis}
    api_ids = dict.fromkeys(api_id for api_id in found.values() if api_id is not None)
    return Screened(
        query=candidate.query,
        words=tuple(words_of(candidate.query)),
        found=tuple(_relevant(api_id, offered.names[api_id]) for api_id in api_ids),
        unknown=tuple(name for name, api_id in found.items() if api_id is None),
        offered=tuple(offered.names.values()),
        parameters=parameters,
        scenario=scenario,
        params=params,
    )


def _relevant(api_id: str, name: NamedApi) -> RelevantApi:
    return RelevantApi(tool_name=name.tool_name, api_name=name.api_name, api_id=api_id)
