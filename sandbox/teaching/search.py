"""One step of a search: what to call next, or how to finish."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from sandbox.teaching import dice
from sandbox.teaching.answer import Finding, final_answer
from sandbox.teaching.arguments import Filled, fill, varied
from sandbox.teaching.faults import TeacherFaults
from sandbox.teaching.functions import Function
from sandbox.teaching.mend import mended
from sandbox.teaching.plan import Subtask
from sandbox.teaching.reply import Call, Reply
from sandbox.teaching.situation import Situation
from sandbox.teaching.slips import with_slips
from sandbox.teaching.stages import FINISH, Search
from sandbox.teaching.thoughts import calling, finishing, giving_up

_MOST_TRIES = 3  # of one function on one path
_MOST_OTHERS = 2  # functions beside the plan


def next_step(search: Search, digest: str, faults: TeacherFaults) -> Reply:
    """The reply to a search request.  digest: of the request; it places the slips."""
    situation = Situation(search, faults.seed)
    if not search.may_call:
        return Reply(_spoken_answer(situation))
    if search.forced is not None:
        return _forced(search.forced, situation)
    reply = _restart(situation, faults) or _mend(situation) or _advance(situation)
    return with_slips(reply, search, situation.offer, digest, faults)


def _forced(name: str, situation: Situation) -> Reply:
    """What tool_choice demands."""
    if name == FINISH:
        return _finish(situation)
    subtask = next(task for task in situation.all_tasks if task.function.name == name)
    return _call(subtask, _filled(subtask, situation), situation)


def _restart(situation: Situation, faults: TeacherFaults) -> Reply | None:
    """Giving up although a way is open: some tasks look hopeless throughout, some branches do."""
    if not situation.tries or situation.search.candidates:
        return None
    if dice.chance(faults.hopeless, *situation.seed, "hopeless"):
        return _give_up(situation, "hopeless")
    stuck = 1 + 2 * (not situation.tries[-1].observation.ok)
    early = dice.chance(stuck * faults.early_give_up, *situation.seed, situation.trail, "early")
    return _give_up(situation, "early_give_up") if early and situation.pending else None


def _give_up(situation: Situation, *faults: str) -> Reply:
    call = Call(FINISH, json.dumps({"return_type": "give_up_and_restart"}))
    return Reply(giving_up(*situation.seed, situation.trail), (call,), faults=faults)


def _call(subtask: Subtask, filled: Filled, situation: Situation) -> Reply:
    thought = calling(
        subtask.function,
        filled,
        *situation.seed,
        situation.trail,
        found=bool(situation.found),
        failed=bool(situation.tries) and not situation.tries[-1].observation.ok,
    )
    arguments = json.dumps(filled.arguments, ensure_ascii=False)
    return Reply(thought, (Call(subtask.function.name, arguments),))


def _filled(subtask: Subtask, situation: Situation) -> Filled:
    return fill(subtask, situation.search.query, situation.facts, *situation.seed)


def _mend(situation: Situation) -> Reply | None:
    """After an error: the same function with the arguments its message suggests."""
    if not situation.tries or situation.search.candidates:
        return None
    last = situation.tries[-1]
    if last.observation.ok or len(situation.failures(last.function)) >= _MOST_TRIES:
        return None
    seed = (*situation.seed, situation.trail)
    better = mended(last.function, last.arguments, last.observation, situation.facts, *seed)
    if better is None or situation.is_barred(last.function, better):
        return None
    subtask = next(task for task in situation.all_tasks if task.function is last.function)
    return _call(subtask, Filled(better, {}), situation)


def _advance(situation: Situation) -> Reply:
    """The next open part of the plan; else another way while nothing was found; else the end."""
    for subtask in situation.pending:
        filled = _filled(subtask, situation)
        if not situation.is_barred(subtask.function, filled.arguments):
            return _call(subtask, filled, situation)
    if not situation.found or (situation.search.candidates and situation.pending):
        other = _another_way(situation)
        if other is not None:
            return other
    return _finish(situation)


def _another_way(situation: Situation) -> Reply | None:
    """Something not tried yet: functions beside the plan, or the plan's with clearly different arguments."""
    called = situation.called
    beside = [task for task in situation.plan.others if task.function.name not in called]
    if beside and len(called) < len(situation.plan.subtasks) + _MOST_OTHERS:
        return _call(beside[0], _filled(beside[0], situation), situation)
    for subtask in situation.plan.subtasks:
        filled = _filled(subtask, situation)
        other = varied(filled, subtask.function, *situation.seed, situation.trail)
        few = len(situation.failures(subtask.function)) < _MOST_TRIES
        if few and other is not None and not situation.is_barred(subtask.function, other):
            return _call(subtask, replace(filled, arguments=other), situation)
    return None


def _finish(situation: Situation) -> Reply:
    """An answer from what was observed; giving up where nothing was."""
    if not situation.found:
        return _give_up(situation)
    arguments: dict[str, Any] = {"return_type": "give_answer", "final_answer": _spoken_answer(situation)}
    thought = finishing(*situation.seed, situation.trail)
    return Reply(thought, (Call(FINISH, json.dumps(arguments, ensure_ascii=False)),))


def _spoken_answer(situation: Situation) -> str:
    planned = [
        situation.found[task.function] for task in situation.plan.subtasks if task.function in situation.found
    ]
    used = planned or list(situation.found.values())
    findings = [Finding(one.function, one.arguments, one.observation) for one in used]
    missed = _missed(situation)
    if not findings and not missed:
        return "I could not find anything that answers the request."
    return final_answer(findings, missed, *situation.seed)


def _missed(situation: Situation) -> list[tuple[Function, str]]:
    """Parts of the plan that failed, with the last message."""
    failed = [(task.function, situation.failures(task.function)) for task in situation.plan.subtasks]
    return [
        (function, failures[-1].observation.error or "it failed")
        for function, failures in failed
        if failures and function not in situation.found
    ]
