"""What the rows of a search say of its answer, before any judge is asked.

A judge that reads an answer believes what sounds right.  Whether a stated value stands in what the calls
returned needs no judgement: numbers, dates, codes and quoted names are looked up there.  A value that is not
found may be worked out or known by heart, so that it is evidence and no verdict; only an answer that was
never given is certain to solve nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tasks.calling.outcome import Outcome
from tasks.judging.observed import Observed, json_of
from tasks.judging.values import values_of
from warehouse.tables.annotations import LOST, Annotation, AnswerMessage
from warehouse.tables.evaluations import AnswerFacts

FINISH = "Finish"
UNSOLVED = "Unsolved"
GIVE_UP = "give_up_and_restart"
"""What the published code looks for in an answer that gives up."""


def facts_of(annotation: Annotation, ended: Sequence[str], query: str) -> AnswerFacts:
    """ended: how the calls on the path of the answer did, in order, where that is known.

    Of calls whose steps are cut in the file they were read from, nothing is said that is lost.
    """
    answer = said_by(annotation)
    finished = annotation.finish_type == "give_answer"
    empty = not answer
    calls = list(_calls(annotation.messages))
    if len(ended) != len(calls):
        ended = [_told(call.observation) for call in calls if call.observation != LOST]
    is_cut = len(ended) < len(calls)
    required = _required(annotation.functions)
    are_valid = [_has_arguments(call, required) for call in calls]
    stated = values_of(answer, query)
    seen = Observed([call.observation for call in calls] if stated else [], answer)
    unbacked = [value.text for value in stated if not seen.backs(value)]
    return AnswerFacts(
        annotation_id=annotation.annotation_id,
        instruction_id=annotation.instruction_id,
        finished=finished,
        empty=empty,
        n_calls=len(calls),
        n_failed=None if is_cut else sum(outcome != Outcome.OK for outcome in ended),
        n_unknown=sum(call.name not in required for call in calls),
        n_invalid=None if None in are_valid else are_valid.count(False),
        n_values=len(stated),
        n_backed=None if is_cut and unbacked else len(stated) - len(unbacked),
        unbacked=() if is_cut else tuple(unbacked),
        certain=UNSOLVED if not finished or empty else None,
    )


def said_by(annotation: Annotation) -> str:
    """The answer of a search; nothing when it only gives up."""
    answer = (annotation.final_answer or "").strip()
    return "" if GIVE_UP in answer else answer


@dataclass(frozen=True, slots=True)
class Called:
    name: str
    arguments: str
    observation: str


def _calls(messages: Sequence[AnswerMessage]) -> Iterator[Called]:
    """The calls of a conversation with what they returned; those of Finish are none."""
    shown = observations_of(messages)
    for message in messages:
        for call in message.tool_calls:
            if call.name != FINISH:
                yield Called(call.name, call.arguments, shown.get(call.id, ""))


def observations_of(messages: Sequence[AnswerMessage]) -> Mapping[str | None, str]:
    """What the calls of a conversation returned, by the id of the call."""
    return {message.tool_call_id: message.content or "" for message in messages if message.role == "tool"}


def _told(observation: str) -> str:
    """How a call ended of which no row says so: ToolBench's observations hold an error, too."""
    told = json_of(observation)
    failed = isinstance(told, dict) and bool(told.get("error"))
    return Outcome.ERROR_MESSAGE if failed or not observation.strip() else Outcome.OK


def functions_in(functions: str) -> list[dict[str, Any]]:
    """The functions of a row's JSON text, whatever else it holds: imported rows were written by others."""
    offered = json_of(functions)
    described = [each.get("function", each) for each in _list(offered) if isinstance(each, dict)]
    return [each for each in described if isinstance(each, dict)]


@lru_cache(maxsize=1_000)
def _required(functions: str) -> Mapping[str, Set[str]]:
    """The arguments that each offered function needs, by its name."""
    found = {}
    for each in functions_in(functions):
        parameters = each.get("parameters")
        needed = parameters.get("required") if isinstance(parameters, dict) else None
        found[str(each.get("name"))] = frozenset(name for name in _list(needed) if isinstance(name, str))
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _has_arguments(call: Called, required: Mapping[str, Set[str]]) -> bool | None:
    """None where they are cut."""
    if call.observation == LOST and json_of(call.arguments) is None:
        return None
    given = json_of(call.arguments or "{}")
    return isinstance(given, dict) and required.get(call.name, frozenset()) <= given.keys()
