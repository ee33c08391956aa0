"""What a judge is shown: requests of the prompts in `judge/`, told apart by the headings of their tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.teaching.blocks import calls_in, objects_in, text_in, texts_in

Json = dict[str, Any]

_ANSWER_HEADING = "# Task: judge whether an answer fulfils its request"
_TASK_HEADING = "# Task: judge whether a request can be fulfilled"
_PREFERENCE_HEADING = "# Task: choose the better of two solutions"
_INSTRUCTION_HEADING = "# Task: judge an instruction"
_NO_ANSWER = "(no answer was given)"


@dataclass(frozen=True)
class Called:
    """A call and what came back."""

    function: str
    arguments: str
    observation: str


@dataclass(frozen=True)
class Solution:
    """An answer, "" where none was given, and the calls on the way to it."""

    answer: str
    calls: tuple[Called, ...]


@dataclass(frozen=True)
class AnswerJudged:
    query: str
    solution: Solution


@dataclass(frozen=True)
class TaskJudged:
    query: str
    functions: list[Json]


@dataclass(frozen=True)
class SolutionsCompared:
    query: str
    first: Solution
    second: Solution


@dataclass(frozen=True)
class InstructionJudged:
    query: str
    documents: list[Json]


Judged = AnswerJudged | TaskJudged | SolutionsCompared | InstructionJudged


def judged(system: str, user: str) -> Judged | None:
    """What is to be judged; None where the request is not one for a judge."""
    query = text_in(user, "request") or ""
    if _ANSWER_HEADING in system:
        return AnswerJudged(query, _solution(user))
    if _TASK_HEADING in system:
        return TaskJudged(query, objects_in(user, "function"))
    if _PREFERENCE_HEADING in system:
        return SolutionsCompared(query, _named_solution(user, "A"), _named_solution(user, "B"))
    if _INSTRUCTION_HEADING in system:
        return InstructionJudged(text_in(user, "instruction") or "", objects_in(user, "document"))
    return None


def _named_solution(text: str, name: str) -> Solution:
    return _solution(next(iter(texts_in(text, "solution", rf' name="{name}"')), ""))


def _solution(text: str) -> Solution:
    steps = texts_in(text, "step", r' number="\d+"')
    answers = texts_in(text, "answer")
    answer = answers[-1].strip() if answers else ""
    calls = tuple(Called(**call) for step in steps for call in calls_in(step))
    return Solution("" if answer == _NO_ANSWER else answer, calls)
