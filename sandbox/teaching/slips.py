"""The slips of real models, put into a reply now and then: wrong names, broken JSON, empty answers."""

from __future__ import annotations

import json
from dataclasses import replace

from sandbox.teaching import dice
from sandbox.teaching.faults import TeacherFaults
from sandbox.teaching.functions import Offer
from sandbox.teaching.reply import Call, Reply
from sandbox.teaching.stages import FINISH, Search


def with_slips(reply: Reply, search: Search, offer: Offer, digest: str, faults: TeacherFaults) -> Reply:
    """The reply, or what a careless model would have made of it.  At most one slip a reply."""
    if not reply.calls:
        return reply
    call = reply.calls[0]
    if call.function == FINISH:
        return _empty_answer(reply, call, search, digest, faults)
    drawn = dice.unit(faults.seed, digest, "slip")
    if drawn < faults.hallucinated_function:
        return _slipped(
            reply, Call(_invented(call.function, offer, digest), call.arguments), "hallucinated_function"
        )
    drawn -= faults.hallucinated_function
    if 0 <= drawn < faults.malformed_arguments and call.arguments != "{}":
        return _slipped(reply, Call(call.function, _broken(call.arguments, digest)), "malformed_arguments")
    drawn -= faults.malformed_arguments
    spoke_last = bool(search.history) and search.history[-1].function is None
    if 0 <= drawn < faults.thought_only and not search.must_call and not spoke_last and reply.content:
        return replace(reply, calls=(), faults=(*reply.faults, "thought_only"))
    return reply


def _slipped(reply: Reply, call: Call, fault: str) -> Reply:
    return replace(reply, calls=(call,), faults=(*reply.faults, fault))


def _empty_answer(reply: Reply, call: Call, search: Search, digest: str, faults: TeacherFaults) -> Reply:
    finished_badly = bool(search.history) and search.history[-1].function == FINISH
    answers = json.loads(call.arguments)["return_type"] == "give_answer"
    if not answers or finished_badly or not dice.chance(faults.empty_answer, faults.seed, digest, "empty"):
        return reply
    empty = dice.pick(
        ({"return_type": "give_answer", "final_answer": ""}, {"return_type": "give_answer"}), digest
    )
    return _slipped(reply, Call(FINISH, json.dumps(empty)), "empty_answer")


def _invented(name: str, offer: Offer, digest: str) -> str:
    """A name that is nearly right."""
    known = {function.name for function in offer.functions}
    stem = name.split("_for_", maxsplit=1)[0]
    options = (
        f"{name}_v2"[:64],
        f"get_{stem}"[:64],
        f"{stem}_lookup"[:64],
        f"functions.{stem}"[:64].replace(".", "_"),
    )
    return next(option for option in dice.shuffled(options, digest) if option not in known)


def _broken(arguments: str, digest: str) -> str:
    """Nearly JSON: cut off, single quotes, a comma too many, or a comment."""
    return dice.pick(
        (
            arguments[:-1],
            arguments.replace('"', "'"),
            f"{arguments[:-1]},}}",
            f"{arguments}  // as asked",
            f"```json\n{arguments}\n```",
        ),
        digest,
        "broken",
    )
