"""Says which of two candidates for a step of a search is the better one."""

from __future__ import annotations

import json

from sandbox.teaching.observation import read
from sandbox.teaching.stages import FINISH, Rank, Step


def better(task: Rank) -> str:
    """A or B.  Of equals it is always A, so that a pair asked both ways comes out as a tie."""
    return "B" if _worth(task.second) > _worth(task.first) else "A"


def _worth(step: Step) -> int:
    """An answer is worth more than information, that more than words alone, an error, giving up."""
    if step.function is None:
        return 2
    if step.function == FINISH:
        return 5 if _answer_in(step.arguments) else 0
    return 4 if read(step.observation).ok else 1


def _answer_in(arguments: str) -> bool:
    try:
        value = json.loads(arguments)
    except ValueError:
        return False
    return isinstance(value, dict) and bool(str(value.get("final_answer") or "").strip())
