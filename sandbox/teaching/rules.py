"""From a request to a reply: the stage's rule, and the faults that all JSON replies share."""

from __future__ import annotations

import json
from typing import Any

from sandbox.teaching import dice
from sandbox.teaching.by_name import called_by_name
from sandbox.teaching.compress import shortened
from sandbox.teaching.faults import TeacherFaults
from sandbox.teaching.instruct import instructions
from sandbox.teaching.judge import judgement
from sandbox.teaching.judged import Judged
from sandbox.teaching.rank import better
from sandbox.teaching.reply import Reply
from sandbox.teaching.search import next_step
from sandbox.teaching.stages import ByName, Compress, Instruct, Rank, Search, Trying, Unknown, recognise
from sandbox.teaching.trying import arguments_to_try

Json = dict[str, Any]
_NO_RULE = "This is a stand-in that follows rules and is no language model; it has no rule for this request."


def answer(request: Json, digest: str, faults: TeacherFaults) -> tuple[str, Reply]:
    """The stage's name and the reply.  digest: of the request; all variety comes from it."""
    stage = recognise(request)
    match stage:
        case Search():
            return "search", next_step(stage, digest, faults)
        case Rank():
            return "rank", Reply(better(stage))
        case ByName():
            return "by_name", called_by_name(stage.function, stage.said)
        case Unknown():
            return "unknown", Reply(json.dumps({"note": _NO_RULE}) if stage.wants_json else _NO_RULE)
        case _:
            name, value, committed = _json_answer(stage, digest, faults)
            return name, _as_reply(value, committed, digest, faults)


def _json_answer(
    stage: Compress | Instruct | Judged | Trying, digest: str, faults: TeacherFaults
) -> tuple[str, Json, tuple[str, ...]]:
    """The stage's name, the reply's value, and the names of the faults in it."""
    match stage:
        case Compress():
            return "compress", shortened(stage), ()
        case Instruct():
            written, committed = instructions(stage, digest, faults)
            return "instruct", {"instructions": written}, committed
        case Trying():
            return "probe", {"arguments": arguments_to_try(stage, digest)}, ()
        case _:
            return "judge", *judgement(stage, digest, faults)


def _as_reply(value: Json, committed: tuple[str, ...], digest: str, faults: TeacherFaults) -> Reply:
    text = json.dumps(value, ensure_ascii=False)
    if dice.chance(faults.invalid_json, faults.seed, digest, "invalid json"):
        return Reply(text[: len(text) * 2 // 3], faults=(*committed, "invalid_json"))
    if dice.chance(faults.fenced_json, faults.seed, digest, "fenced json"):
        return Reply(f"Here you are:\n```json\n{text}\n```", faults=(*committed, "fenced_json"))
    return Reply(text, faults=committed)
