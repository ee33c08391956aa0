"""From a request to a reply: the rule of its stage, and the faults that all JSON replies share."""

from __future__ import annotations

import json
import re
from typing import Any

from sandbox.teacher import faults as dice
from sandbox.teacher.compress import shortened
from sandbox.teacher.faults import TeacherFaults
from sandbox.teacher.judging import better, judgement
from sandbox.teacher.prompts import (
    ByName,
    Compress,
    Instruct,
    Judge,
    Rank,
    Search,
    Trying,
    Unknown,
    recognise,
)
from sandbox.teacher.protocol import Call, Reply
from sandbox.teacher.searching import Situation, with_slips
from sandbox.teacher.values import arguments_to_try
from sandbox.teacher.writing import instructions

Json = dict[str, Any]
_NO_RULE = "This is a stand-in that follows rules and is no language model; it has no rule for this request."


def answer(  # noqa: C901, PLR0911  # one case for each stage
    request: Json, digest: str, faults: TeacherFaults
) -> tuple[str, Reply]:
    """The stage's name and the reply.  digest: of the request; all variety comes from it."""
    task = recognise(request)
    committed: tuple[str, ...] = ()
    match task:
        case Search():
            return "search", with_slips(Situation(task, faults).next_step(), task, digest, faults)
        case Rank():
            return "rank", Reply(better(task))
        case ByName():
            return "by_name", _called_by_name(task)
        case Unknown():
            return "unknown", Reply(json.dumps({"note": _NO_RULE}) if task.wants_json else _NO_RULE)
        case Compress():
            stage, value = "compress", shortened(task)
        case Instruct():
            stage, (value, committed) = "instruct", instructions(task, digest, faults)
        case Trying():
            stage, value = "probe", {"arguments": arguments_to_try(task, digest)}
        case Judge():
            stage, (value, committed) = "judge", judgement(task, digest, faults)
    text = json.dumps(value, ensure_ascii=False)
    if dice.chance(faults.invalid_json, faults.seed, digest, "invalid json"):
        return stage, Reply(text[: len(text) * 2 // 3], faults=(*committed, "invalid_json"))
    if dice.chance(faults.fenced_json, faults.seed, digest, "fenced json"):
        return stage, Reply(f"Here you are:\n```json\n{text}\n```", faults=(*committed, "fenced_json"))
    return stage, Reply(text, faults=committed)


def _called_by_name(task: ByName) -> Reply:
    """Its required parameters take the proper names in order; those left over are left out."""
    name = str(task.function["name"])
    required = (task.function.get("parameters") or {}).get("required") or ()
    given = re.findall(r"(?<=[a-z,] )[A-Z]\w+", task.said.replace(name, ""))
    arguments = dict(zip(required, given, strict=False))
    return Reply(calls=(Call(name, json.dumps(arguments, ensure_ascii=False)),))
