"""Judges answers, tasks, pairs of solutions and instructions by what the request shows."""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.teacher import faults as dice
from sandbox.teacher.documents import Api, of_document, of_function
from sandbox.teacher.evidence import ABOUT_THE_ANSWER, ASKS, Evidence
from sandbox.teacher.faults import TeacherFaults
from sandbox.teacher.observations import read
from sandbox.teacher.prompts import FINISH, Json, Judge, Rank, Step
from sandbox.teacher.searching import Part, given_values, parts_of
from sandbox.teacher.writing import EARLIER

_COMPARED = 40  # characters of a part that a sentence has to have
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
        label, reason = _preference(*(Evidence(task.query, one) for one in task.solutions))
    else:
        label, reason = _status(Evidence(task.query, task.solutions[0]))
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


def _status(shown: Evidence) -> tuple[str, str]:  # noqa: PLR0911  # a ladder of cases
    """Solved, Unsure or Unsolved, and why: some parts of the request are settled, all of them, or none."""
    if not shown.answer:
        return "Unsolved", "No answer was given."
    values = f"{len(shown.backed)} of the observed values"
    objections = [
        *(
            f"{value} is something else" if shown.returns(value) else f"no observation backs {value}"
            for value in shown.wrong[:1]
        ),
        *(["a part could not be obtained"] if shown.gap else []),
        *(f"it says nothing of what {name} returned" for name in shown.untold[:1]),
        *(f"it tells a few of many that {name} returned, not how many" for name in shown.partly[:1]),
        *(f"nothing was done about {value}" for value in shown.unaddressed[:1]),
        *(["a call was made with other values than the request gives"] if shown.told - shown.settled else []),
    ]
    if shown.settled and not objections:
        return "Solved", f"The answer settles the request and states {values}."
    if shown.settled:
        return "Unsure", f"The answer states {values}, but {objections[0]}."
    if shown.gap:
        return "Unsolved", "The answer only says that the request could not be fulfilled."
    if not shown.functions:
        return "Unsolved", "No call succeeded, so nothing backs what the answer states."
    if shown.wrong or shown.spoilt:
        return "Unsolved", f"Nothing in it is settled: {objections[0]}."
    return "Unsure", "The answer states no value that could be compared with the observations."


def _preference(first: Evidence, second: Evidence) -> tuple[str, str]:
    """A, B or tie, and the criterion that decided; swapping the solutions swaps the label."""
    criteria: dict[str, Callable[[Evidence], int]] = {
        "it settles more of the request": lambda shown: _RANKS[_status(shown)[0]],
        "its answer brings more of the observed values": lambda shown: len(shown.backed),
        "it states less that no observation holds": lambda shown: -len(shown.wrong),
        "its calls got further": lambda shown: len(shown.functions),
        "fewer of its calls failed": lambda shown: len(shown.brought) - len(shown.calls),
        "it needed fewer calls": lambda shown: -len(shown.calls),
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
        if not served and ASKS.search(sentence) and not ABOUT_THE_ANSWER.search(sentence):
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
