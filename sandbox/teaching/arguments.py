"""Fills a function's arguments: from the query, from earlier observations, from its schema."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.teaching import dice
from sandbox.teaching.fitting import fitting
from sandbox.teaching.functions import Function
from sandbox.teaching.observation import Fact, matching
from sandbox.teaching.pairing import values_in_query
from sandbox.teaching.parameter import Parameter
from sandbox.teaching.plan import Subtask
from sandbox.teaching.values import Chooser
from sandbox.teaching.words import name_stems, stems

_SEARCHING = frozenset(name_stems("query search term keyword text phrase"))


@dataclass(frozen=True)
class Filled:
    """arguments, and where each value came from: query, observation or schema."""

    arguments: dict[str, Any]
    sources: dict[str, str]


def fill(subtask: Subtask, query: str, facts: Sequence[Fact], *seed: object) -> Filled:
    """Arguments for a subtask's function.  facts: of earlier observations, the latest last."""
    arguments, sources = {}, {}
    for parameter, value in values_in_query(subtask, query).items():
        arguments[parameter.name], sources[parameter.name] = value, "query"
    for parameter in subtask.function.required:
        if parameter.name in arguments:
            continue
        value, source = _otherwise(parameter, subtask, facts, *seed)
        if value is not None:
            arguments[parameter.name], sources[parameter.name] = value, source
    ordered = {
        parameter.name: arguments[parameter.name]
        for parameter in subtask.function.parameters
        if parameter.name in arguments
    }
    return Filled(ordered, sources)


def _otherwise(
    parameter: Parameter, subtask: Subtask, facts: Sequence[Fact], *seed: object
) -> tuple[Any, str]:
    about = frozenset(name_stems(subtask.function.own_name))
    observed = [
        fitted
        for fact in matching(tuple(facts), parameter.stems, about)
        if (fitted := fitting(fact.value, parameter)) is not None
    ]
    if observed:
        return observed[0], "observation"
    if parameter.kind == "string" and not parameter.enum and _SEARCHING & set(parameter.stems):
        words = stems(subtask.clause)
        if not parameter.examples and words:
            return " ".join(re.findall(r"[^\W\d_]{4,}", subtask.clause)[-2:]) or words[-1], "query"
    for value in (*parameter.examples, *parameter.enum):
        fitted = fitting(value, parameter)
        if fitted is not None:
            return fitted, "schema"
    return Chooser(*seed, subtask.function.name).value(parameter), "schema"


def varied(filled: Filled, function: Function, *seed: object) -> dict[str, Any] | None:
    """Clearly different arguments for the same function; None where there is nothing to vary."""
    chooser = Chooser(*seed, "varied")
    for parameter in function.parameters:
        source = filled.sources.get(parameter.name)
        if source == "query" or parameter.kind == "object":
            continue
        value = chooser.value(parameter)
        if value is not None and value != filled.arguments.get(parameter.name):
            return {**filled.arguments, parameter.name: value}
    optional = [name for name in filled.arguments if not _is_required(function, name)]
    if optional:
        dropped = dice.pick(optional, *seed, "dropped")
        return {name: value for name, value in filled.arguments.items() if name != dropped}
    return None


def _is_required(function: Function, name: str) -> bool:
    return any(parameter.name == name and parameter.required for parameter in function.parameters)
