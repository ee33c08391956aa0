"""A model's judgement of an instruction: natural, answerable with its APIs, complete (after paper 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import prompts
from tasks.errors import BadRow, BrokenContract, RequestRefused
from tasks.exact_json import digest_of
from tasks.llm.chat import (
    NUMBER,
    TEXT,
    ChatModel,
    ChatRequest,
    Message,
    Transcript,
    asked_again,
    record,
    reply_format,
)
from tasks.llm.replies import json_object_of
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Instruction, Verification

NOT_VERIFIED = "not_verified"
NO_SCORE = 0

SCORES = {"natural": "unnatural", "answerable": "unanswerable", "complete": "incomplete"}
"""What is judged, and the reason of the reject when it is not good enough."""
_REPLY_FORMAT = reply_format("verdict", record(reason=TEXT, **dict.fromkeys(SCORES, NUMBER)))
_LOWEST, _HIGHEST = 1, 5
_LONGEST_DETAIL = 300


PROMPTS = ("judge/verify_instruction_system", "judge/verify_instruction", "again/unusable_reply")


def prompt_digest() -> str:
    return digest_of([prompts.load(name).digest for name in PROMPTS])


async def verify(
    instruction: Instruction, documents: Mapping[str, Document], model: ChatModel
) -> Verification:
    """The judge's verdict; scores of 0 when it gave nothing usable, twice, or was not let.

    The second time it is told what was wrong.  documents: by api_id.  Raises BrokenContract when a needed
    API has none, StopRun as the model does.
    """
    request = verify_request(instruction, documents)
    why = ""
    for ordinal in (0, 1):
        try:
            reply = await model.ask(request, row_id=instruction.instruction_id, ordinal=ordinal)
        except RequestRefused as refusal:
            why = f"{refusal.reason}: {refusal.message}"
            break
        said = reply.content or ""
        try:
            return read_verdict(said, instruction, model.name)
        except BadRow as error:
            why = f"{error.reason}: {error.message}"
            request = asked_again(request, said, error.message)
    return _verdict(instruction, dict.fromkeys(SCORES, NO_SCORE), why, model.name)


def verify_request(instruction: Instruction, documents: Mapping[str, Document]) -> ChatRequest:
    needed = [api.api_id for api in instruction.relevant_apis]
    missing = [api_id for api_id in needed if api_id not in documents]
    if missing:
        raise BrokenContract(
            f"instruction {instruction.instruction_id} needs {missing[0]!r}, which has no document",
            fix="instructions and documents must come from the same run: refresh again",
        )
    user = prompts.load("judge/verify_instruction").render(
        documents=[documents[api_id].document for api_id in needed], query=instruction.query
    )
    system = prompts.load("judge/verify_instruction_system").render()
    transcript = Transcript.of(Message("system", system), Message("user", user))
    return ChatRequest(transcript=transcript, response_format=_REPLY_FORMAT)


def read_verdict(text: str, instruction: Instruction, model: str) -> Verification:
    """The verdict in a reply.  Raises BadRow("malformed_reply")."""
    reply = json_object_of(text)
    if not isinstance(reply, dict):
        raise BadRow("malformed_reply", f"no object in the reply: {text.strip()[:200]!r}")
    scores = {name: _score(reply.get(name)) for name in SCORES}
    reason = reply.get("reason")
    return _verdict(instruction, scores, reason.strip() if isinstance(reason, str) else "", model)


def _verdict(instruction: Instruction, scores: Mapping[str, int], reason: str, model: str) -> Verification:
    return Verification(
        instruction_id=instruction.instruction_id,
        sample_id=instruction.sample_id,
        query=instruction.query,
        score_natural=scores["natural"],
        score_answerable=scores["answerable"],
        score_complete=scores["complete"],
        reason=reason,
        model=model,
        prompt_digest=prompt_digest(),
    )


def _score(value: Any) -> int:
    """A whole number of the scale, also as text."""
    try:
        score = int(value)
    except (TypeError, ValueError) as error:
        raise BadRow("malformed_reply", f"a score is no whole number: {str(value)[:80]!r}") from error
    if not _LOWEST <= score <= _HIGHEST:
        raise BadRow("malformed_reply", f"a score is not from {_LOWEST} to {_HIGHEST}: {score}")
    return score


def fault_of(verdict: Verification, least: int) -> tuple[str, str] | None:
    """Reason and detail of the reject, None when every score is at least `least`."""
    scores = {
        "natural": verdict.score_natural,
        "answerable": verdict.score_answerable,
        "complete": verdict.score_complete,
    }
    worst = min(scores, key=lambda name: scores[name])
    if scores[worst] == NO_SCORE:
        return NOT_VERIFIED, verdict.reason[:_LONGEST_DETAIL]
    if scores[worst] >= least:
        return None
    return SCORES[worst], f"{worst} {scores[worst]} of {_HIGHEST}: {verdict.reason}"[:_LONGEST_DETAIL]
