"""Judges answers, tasks, pairs of solutions and instructions by what the request shows."""

from __future__ import annotations

import re
from typing import Any

from sandbox.teaching import dice
from sandbox.teaching.evidence import Evidence, evidence
from sandbox.teaching.faults import TeacherFaults
from sandbox.teaching.judged import AnswerJudged, InstructionJudged, Judged, SolutionsCompared, TaskJudged
from sandbox.teaching.mentions import written_out
from sandbox.teaching.phrases import capitalised
from sandbox.teaching.serving import Part, parts_asked_for, served

Json = dict[str, Any]

_RANKS = {"Unsolved": 0, "Unsure": 1, "Solved": 2}
_WAVERED = "On a second look the evidence does not settle it."
_UNNATURAL = (
    (re.compile(r"\b(?:api|endpoint|http request)s?\b", re.IGNORECASE), "it speaks of interfaces"),
    (re.compile(r"[{}]|\[[A-Za-z ]+\]|<[A-Za-z ]+>|_{3,}|\bXXX"), "it holds a blank or a fragment of a form"),
    (re.compile(r"(?<![.!?\"')])\s*$"), "it breaks off without an end"),
)
_VALUES = re.compile(r"\"[^\"]*\"|https?://\S+(?=[\s.,;:?!])")
_FEWEST_WORDS = 8


def judgement(task: Judged, digest: str, faults: TeacherFaults) -> tuple[Json, tuple[str, ...]]:
    """The JSON reply and the names of the faults in it.  digest: of the request; it places the faults."""
    label: str | int
    match task:
        case AnswerJudged():
            key, unsettled = "answer_status", "Unsure"
            label, reason = answer_status(task)
        case TaskJudged():
            key, unsettled = "task_status", "Unsure"
            label, reason = task_status(task)
        case SolutionsCompared():
            key, unsettled = "preference", "tie"
            label, reason = preference(task)
        case InstructionJudged():
            return instruction_scores(task), ()
    if dice.chance(faults.wavering_verdict, faults.seed, digest, "wavering"):
        return {"reason": _WAVERED, key: unsettled}, ("wavering_verdict",)
    return {"reason": reason, key: label}, ()


def answer_status(task: AnswerJudged) -> tuple[str, str]:
    """Solved, Unsure or Unsolved, and why."""
    return _status(evidence(task.query, task.solution))


def _status(shown: Evidence) -> tuple[str, str]:
    if not shown.answered:
        return "Unsolved", "No answer was given."
    if not shown.backed:
        return _without_backing(shown)
    values = f"{len(shown.backed)} of the observed values"
    if shown.gaps:
        return "Unsure", f"The answer states {values}, but says that a part could not be obtained."
    if len(shown.unbacked) > len(shown.backed):
        return "Unsure", f"The answer states {values}, and more that no observation holds."
    if shown.unaddressed:
        return "Unsure", f"The answer states {values}, yet nothing was done about {shown.unaddressed[0]}."
    return "Solved", f"The answer settles the request and states {values}."


def _without_backing(shown: Evidence) -> tuple[str, str]:
    if shown.gaps:
        return "Unsolved", "The answer only says that the request could not be fulfilled."
    if not shown.successes:
        return "Unsolved", "No call succeeded, so nothing backs what the answer states."
    if shown.unbacked:
        return "Unsolved", f"No observation holds what the answer states, such as {shown.unbacked[0]}."
    return "Unsure", "The answer states no value that could be compared with the observations."


def preference(task: SolutionsCompared) -> tuple[str, str]:
    """A, B or tie, and the criterion that decided; swapping the solutions swaps the label."""
    first, second = (evidence(task.query, one) for one in (task.first, task.second))
    for criterion, worth in _CRITERIA:
        difference = worth(first) - worth(second)
        if difference:
            label = "A" if difference > 0 else "B"
            return label, f"{label} is better: {criterion}."
    return "tie", "No criterion tells the two apart."


_CRITERIA = (
    ("it settles more of the request", lambda shown: _RANKS[_status(shown)[0]]),
    ("its answer brings more of the observed values", lambda shown: len(shown.backed)),
    ("it states less that no observation holds", lambda shown: -len(shown.unbacked)),
    ("its calls got further", lambda shown: shown.successes),
    ("fewer of its calls failed", lambda shown: -shown.failures),
    ("it needed fewer calls", lambda shown: -shown.calls),
)


def task_status(task: TaskJudged) -> tuple[str, str]:
    """Solvable, Unsure or Unsolvable, and why."""
    parts = parts_asked_for(task.query, task.functions)
    unserved = [part for part in parts if part.function is None]
    if len(unserved) == len(parts):
        return "Unsolvable", "None of the functions returns what is asked for."
    if unserved:
        return "Unsure", f'No function serves "{_short(unserved[0].clause)}".'
    lacking = [part for part in parts if part.lacking]
    if lacking:
        return "Unsure", f"{_function_of(lacking[0])} needs a value for {lacking[0].lacking[0]}."
    return "Solvable", f"Served by {', '.join(dict.fromkeys(map(_function_of, parts)))}."


def _function_of(part: Part) -> str:
    return part.function.name if part.function else "nothing"


def _short(clause: str) -> str:
    words = clause.split()
    return " ".join(words[:8]).rstrip(".,;:?!")


def instruction_scores(task: InstructionJudged) -> Json:
    """The JSON reply: the most serious objection, and 1 to 5 for each thing that is looked at."""
    objections = {
        "natural": _objections_to_words(task),
        "answerable": _objections_to_apis(task),
        "complete": _objections_to_values(task),
    }
    scores = {name: max(1, 5 - sum(weight for weight, _ in found)) for name, found in objections.items()}
    every = [objection for found in objections.values() for objection in found]
    if not every:
        reason = "It is natural, and the APIs answer all of it with the values it gives."
        return {"reason": reason, **scores}
    return {"reason": f"{capitalised(max(every)[1])}.", **scores}


def _objections_to_apis(task: InstructionJudged) -> list[tuple[int, str]]:
    if not task.documents:
        return [(4, "no API is named that could answer it")]
    parts = served(task.query, task.documents)
    return [(3, f"nothing in it calls for {name}") for name, part in parts.items() if part is None]


def _objections_to_values(task: InstructionJudged) -> list[tuple[int, str]]:
    return [
        (3, f"it gives no {part.lacking[0]}, which {name} requires")
        for name, part in served(task.query, task.documents).items()
        if part is not None and part.lacking
    ]


def _objections_to_words(task: InstructionJudged) -> list[tuple[int, str]]:
    # Values may be anything: they are no words of the speaker.
    spoken = task.query
    for written in reversed(written_out(spoken)):
        spoken = f'{spoken[: written.start]}""{spoken[written.end :]}'
    spoken = _VALUES.sub('""', spoken)
    objections = [(2, why) for pattern, why in _UNNATURAL if pattern.search(spoken)]
    if len(task.query.split()) < _FEWEST_WORDS:
        objections.append((1, "it is too short to tell what it is for"))
    names = {str(document.get("tool_name") or "") for document in task.documents}
    if any(" " in name and name in task.query for name in names):
        objections.append((2, "it names a tool"))
    return objections
