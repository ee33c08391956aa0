"""Judges answers, tasks, pairs of solutions and instructions by what the request shows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.teacher import faults as dice
from sandbox.teacher.documents import Api, of_document, of_function
from sandbox.teacher.faults import TeacherFaults
from sandbox.teacher.observations import as_text, read
from sandbox.teacher.prompts import FINISH, Json, Judge, Rank, Solution, Step, parsed
from sandbox.teacher.searching import Part, given_values, parts_of
from sandbox.teacher.writing import EARLIER

_GAP = re.compile(
    r"""\b(?:could\ not|couldn['\u2019]t|can\ ?not|can['\u2019]t|(?:was|were)\ not\ able|unable\ to
    |not\ possible|(?:is|are|was|were)\ (?:not\ |un)available|failed\ to|did\ not\ (?:find|get|return|work)
    |sorry|unfortunately|no\ (?:data|information|results?|answers?)\ (?:is|are|was|were|could))\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ASKS = re.compile(
    r"\?\s*$|^(?:please|kindly|give|tell|show|find|list|check|calculate|compute|convert|search|book|send)\b"
    r"|\b(?:please|i (?:need|want|would like) you to|tell me|let me know)\b",
    re.IGNORECASE,
)
_ABOUT_THE_ANSWER = re.compile(r"\b(?:answer|result|state|say|copy|rely|round|paragraph)", re.IGNORECASE)
# Values that nobody writes by chance: dates, times, addresses, numbers, and what stands in quotes.
_VALUE = re.compile(
    r'"[^"]+"|https?://[^\s"]+[^\s".,;:?!]|[\w.+-]+@[\w-]+\.\w+|\d{4}-\d\d-\d\d|\d{1,2}:\d\d(?::\d\d)?'
    r"|(?<![\w.])-?\d+(?:\.\d+)?(?!\w)"
)
_LARGEST_COUNT = 1000  # whole numbers up to it may be counted by whoever writes the answer
_COMPARED = 40  # characters of a long text that an answer has to repeat
_UNNATURAL = (
    (re.compile(r"\b(?:api|endpoint|http request)s?\b", re.IGNORECASE), "it speaks of interfaces"),
    (re.compile(r"[{}]|\[[A-Za-z ]+\]|<[A-Za-z ]+>|_{3,}|\bXXX"), "it holds a blank or a fragment of a form"),
    (re.compile(r"(?<![.!?\"')])\s*$"), "it breaks off without an end"),
)
_RANKS = {"Unsolved": 0, "Unsure": 1, "Solved": 2}


def judgement(task: Judge, digest: str, faults: TeacherFaults) -> tuple[Json, tuple[str, ...]]:
    """The JSON reply and the names of the faults in it.  digest: of the request; it places the faults."""
    if task.kind == "instruction":
        return _instruction_scores(task), ()
    unsettled = "tie" if task.kind == "preference" else "Unsure"
    if dice.chance(faults.wavering_verdict, faults.seed, digest, "wavering"):
        reason = "On a second look the evidence does not settle it."
        return {"reason": reason, task.kind: unsettled}, ("wavering_verdict",)
    if task.kind == "task_status":
        label, reason = _task_status(task)
    elif task.kind == "preference":
        label, reason = _preference(*(_evidence(task.query, one) for one in task.solutions))
    else:
        label, reason = _status(_evidence(task.query, task.solutions[0]))
    return {"reason": reason, task.kind: label}, ()


def better(task: Rank) -> str:
    """A or B: an answer over what was found, that over an error, and any call over none."""
    return "A" if _worth(task.first) >= _worth(task.second) else "B"


def _worth(step: Step) -> int:
    if step.function == FINISH:
        return 4 if "give_answer" in step.arguments else 0
    if step.function is None:
        return 1
    return 3 if read(step.observation).error is None else 2


@dataclass(frozen=True)
class Evidence:
    """What an answer states, held against what the calls returned.

    backed, unbacked: values of the answer that observations hold, and that nothing shown holds.
    gaps: whether it says that something could not be had; unaddressed: values of the request that neither
    calls nor answer took up, where they are many; successes: functions that brought something.
    """

    answered: bool
    backed: set[str]
    unbacked: list[str]
    gaps: bool
    unaddressed: list[str]
    successes: int
    failures: int
    calls: int


def _evidence(query: str, solution: Solution) -> Evidence:
    calls = [call for call in solution.calls if call.function != FINISH]
    brought = [call for call in calls if read(call.observation).error is None]
    sentences = re.split(r"(?<=[.!?])\s+", solution.answer)
    gaps = [sentence for sentence in sentences if _GAP.search(sentence)]
    stated = " ".join(sentence for sentence in sentences if sentence not in gaps)
    stated = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", stated)  # "1,250.5" as APIs have it
    observed = {
        as_text(fact.value)[:_COMPARED].rstrip(". ")
        for call in brought
        for fact in read(call.observation).facts
        if not isinstance(fact.value, bool)
    }
    shown = " ".join([query, *(f"{call.arguments} {call.observation}" for call in calls)])
    given = [found.strip('"') for found in _VALUE.findall(query)]
    taken_up = " ".join([solution.answer, *map(_plain_arguments, calls)]).lower()
    left = [value for value in given if value.lower() not in taken_up]
    return Evidence(
        answered=bool(solution.answer),
        backed={v for v in observed if len(v) > 1 and _says(stated, v) and not _says(query, v)},
        unbacked=[
            value
            for found in _VALUE.findall(stated)
            if (value := found.strip('"')) not in shown
            and not (value.isdigit() and int(value) <= _LARGEST_COUNT)
        ],
        gaps=bool(gaps),
        unaddressed=left if len(left) > len(given) / 3 else [],
        successes=len({call.function for call in brought}),
        failures=len(calls) - len(brought),
        calls=len(calls),
    )


def _says(text: str, value: str) -> bool:
    """Whether the text has the value as words of its own; looking for plain text first is what is cheap."""
    return value in text and bool(re.search(rf"(?<![\w.]){re.escape(value)}(?!\w|\.\d)", text))


def _plain_arguments(call: Step) -> str:
    value = parsed(call.arguments)
    return call.arguments if value is None else json.dumps(value, ensure_ascii=False)


def _status(shown: Evidence) -> tuple[str, str]:  # noqa: PLR0911  # a ladder of cases
    """Solved, Unsure or Unsolved, and why."""
    if not shown.answered:
        return "Unsolved", "No answer was given."
    if shown.backed:
        values = f"{len(shown.backed)} of the observed values"
        if shown.gaps:
            return "Unsure", f"The answer states {values}, but says that a part could not be obtained."
        if len(shown.unbacked) > len(shown.backed):
            return "Unsure", f"The answer states {values}, and more that no observation holds."
        if shown.unaddressed:
            return "Unsure", f"The answer states {values}, yet nothing was done about {shown.unaddressed[0]}."
        return "Solved", f"The answer settles the request and states {values}."
    if shown.gaps:
        return "Unsolved", "The answer only says that the request could not be fulfilled."
    if not shown.successes:
        return "Unsolved", "No call succeeded, so nothing backs what the answer states."
    if shown.unbacked:
        return "Unsolved", f"No observation holds what the answer states, such as {shown.unbacked[0]}."
    return "Unsure", "The answer states no value that could be compared with the observations."


def _preference(first: Evidence, second: Evidence) -> tuple[str, str]:
    """A, B or tie, and the criterion that decided; swapping the solutions swaps the label."""
    criteria: dict[str, Callable[[Evidence], int]] = {
        "it settles more of the request": lambda shown: _RANKS[_status(shown)[0]],
        "its answer brings more of the observed values": lambda shown: len(shown.backed),
        "it states less that no observation holds": lambda shown: -len(shown.unbacked),
        "its calls got further": lambda shown: shown.successes,
        "fewer of its calls failed": lambda shown: -shown.failures,
        "it needed fewer calls": lambda shown: -shown.calls,
    }
    for criterion, worth in criteria.items():
        difference = worth(first) - worth(second)
        if difference:
            label = "A" if difference > 0 else "B"
            return label, f"{label} is better: {criterion}."
    return "tie", "No criterion tells the two apart."


def _task_status(task: Judge) -> tuple[str, str]:
    """Solvable, Unsure or Unsolvable, and why."""
    parts = parts_of(task.query, [of_function(function) for function in task.shown])
    if not parts:
        return "Unsolvable", "None of the functions returns what is asked for."
    for sentence in re.split(r"(?<=[.!?])\s+", task.query):
        # A part may begin within a sentence and end with the words that lead to the next one.
        served = any(sentence in part.text or part.text[:_COMPARED] in sentence for part in parts)
        if not served and _ASKS.search(sentence) and not _ABOUT_THE_ANSWER.search(sentence):
            return "Unsure", f'No function serves "{" ".join(sentence.split()[:8]).rstrip(".,;:?!")}".'
    for part in parts:
        lacking = _lacking(part, task.query)
        if lacking:
            return "Unsure", f"{part.api.name} needs a value for {lacking[0]}."
    return "Solvable", f"Served by {', '.join(dict.fromkeys(part.api.name for part in parts))}."


def _lacking(part: Part, query: str) -> list[str]:
    """Required values that the request neither gives nor leaves to an earlier result."""
    if EARLIER in part.text or re.search(r"\b(?:of those|of them|just found)\b", part.text):
        return []
    given = given_values(part, query)
    return [parameter.name for parameter in part.api.required if parameter.name not in given]


def _instruction_scores(task: Judge) -> Json:
    """The JSON reply: the most serious objection, and 1 to 5 for each thing that is looked at."""
    apis = [of_document(document) for document in task.shown]
    objections = {
        "natural": _objections_to_words(task.query, apis),
        "answerable": [] if apis else [(4, "no API is named that could answer it")],
        "complete": [],
    }
    parts = {part.api: part for part in parts_of(task.query, apis)}
    for api in apis:
        if api not in parts:
            objections["answerable"].append((3, f"nothing in it calls for {api.name}"))
        elif lacking := _lacking(parts[api], task.query):
            objections["complete"].append((3, f"it gives no {lacking[0]}, which {api.name} requires"))
    scores = {name: max(1, 5 - sum(weight for weight, _ in found)) for name, found in objections.items()}
    every = [objection for found in objections.values() for objection in found]
    if not every:
        reason = "It is natural, and the APIs answer all of it with the values it gives."
        return {"reason": reason, **scores}
    worst = max(every)[1]
    return {"reason": f"{worst[:1].upper()}{worst[1:]}.", **scores}


def _objections_to_words(query: str, apis: list[Api]) -> list[tuple[int, str]]:
    # Values may be anything: they are no words of the speaker.
    spoken = re.sub(r"\{.*\}|\[[\[\"\d-].*\]|\"[^\"]*\"|https?://\S+(?=[\s.,;:?!])", '""', query)
    objections = [(2, why) for pattern, why in _UNNATURAL if pattern.search(spoken)]
    if len(query.split()) < 8:
        objections.append((1, "it is too short to tell what it is for"))
    if any(" " in api.tool and api.tool in query for api in apis):
        objections.append((2, "it names a tool"))
    return objections
