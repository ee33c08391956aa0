"""What an answer states, held against what the calls returned."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from sandbox.teaching.blocks import json_value
from sandbox.teaching.judged import Called, Solution
from sandbox.teaching.mentions import Mention, mentions
from sandbox.teaching.observation import read
from sandbox.teaching.stages import FINISH

_GAP = re.compile(
    r"""\b(?:could\ not|couldn['\u2019]t|can\ ?not|can['\u2019]t|(?:was|were)\ not\ able|unable\ to
    |not\ possible|(?:is|are|was|were)\ (?:not\ |un)available|failed\ to|did\ not\ (?:find|get|return|work)
    |sorry|unfortunately|no\ (?:data|information|results?|answers?)\ (?:is|are|was|were|could))\b""",
    re.IGNORECASE | re.VERBOSE,
)
_SENTENCES = re.compile(r"(?<=[.!?])\s+")
_COMPARED = 40  # characters of a long text that an answer has to repeat
_LARGEST_COUNT = 1000  # whole numbers up to it may be counted by whoever writes the answer
_TELLING = frozenset(("number", "date", "time", "code", "quoted", "url", "email", "ip", "phone", "domain"))
_MOST_UNADDRESSED = 1 / 3


@dataclass(frozen=True)
class Evidence:
    """backed, unbacked: values of the answer that observations hold, and that nothing shown holds.

    gaps: sentences of the answer that say something could not be had; unaddressed: values of the request
    that neither calls nor answer took up, where they are many; successes: functions that brought something;
    failures, calls: how many calls failed, and how many there were.
    """

    answered: bool
    backed: frozenset[str]
    unbacked: tuple[str, ...]
    gaps: tuple[str, ...]
    unaddressed: tuple[str, ...]
    successes: int
    failures: int
    calls: int


def evidence(query: str, solution: Solution) -> Evidence:
    calls = [call for call in solution.calls if call.function != FINISH]
    brought = [call for call in calls if read(call.observation).ok]
    sentences = _SENTENCES.split(solution.answer)
    gaps = tuple(sentence for sentence in sentences if _GAP.search(sentence))
    stated = _ungrouped(" ".join(sentence for sentence in sentences if sentence not in gaps))
    return Evidence(
        answered=bool(solution.answer),
        backed=frozenset(_backed(stated, brought, query)),
        unbacked=tuple(_unbacked(stated, query, calls)),
        gaps=gaps,
        unaddressed=tuple(_unaddressed(query, calls, solution.answer)),
        successes=len({call.function for call in brought}),
        failures=len(calls) - len(brought),
        calls=len(calls),
    )


def _ungrouped(text: str) -> str:
    """ "1,250.5" as "1250.5", which is how answers of APIs have it."""
    return re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)


def _backed(stated: str, brought: list[Called], query: str) -> set[str]:
    """Observed values that the answer repeats and the request did not give away."""
    values = {_spoken(fact.value) for call in brought for fact in read(call.observation).facts}
    return {value for value in values if len(value) > 1 and _says(stated, value) and not _says(query, value)}


def _spoken(value: Any) -> str:
    if isinstance(value, bool):
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split())[:_COMPARED].rstrip(". ")


def _says(text: str, value: str) -> bool:
    """Whether the text has the value as words of its own; looking for plain text first is what is cheap."""
    return value in text and bool(re.search(rf"(?<![\w.]){re.escape(value)}(?!\w|\.\d)", text))


def _unbacked(stated: str, query: str, calls: list[Called]) -> list[str]:
    """Values of the answer that stand nowhere else; counts and names are left out."""
    shown = " ".join([query, *(f"{call.arguments} {call.observation}" for call in calls)])
    return [
        mention.text
        for mention in mentions(stated)
        if mention.kind in _TELLING and not _may_be_counted(mention) and mention.text not in shown
    ]


def _may_be_counted(mention: Mention) -> bool:
    return mention.kind == "number" and mention.text.isdigit() and int(mention.text) <= _LARGEST_COUNT


def _unaddressed(query: str, calls: list[Called], answer: str) -> list[str]:
    """Values of the request that were not taken up, if more than a few of them were not."""
    given = [mention.text for mention in mentions(query) if mention.kind in _TELLING]
    taken_up = " ".join([answer, *(_arguments(call) for call in calls)]).lower()
    left = [value for value in given if value.lower().replace(",", "") not in taken_up.replace(",", "")]
    return left if len(left) > _MOST_UNADDRESSED * len(given) else []


def _arguments(call: Called) -> str:
    value = json_value(call.arguments)
    return call.arguments if value is None else json.dumps(value, ensure_ascii=False)
