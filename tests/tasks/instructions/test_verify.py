from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from scripted_model import ScriptedModel

from tasks.errors import BrokenContract, OverBudget, RequestRefused, StopRun
from tasks.instructions.verify import fault_of, prompt_digest, verify
from tasks.llm.chat import Message, Reply
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Instruction, RelevantApi, Verification

RAIN = "Weather/sky/rain"
INSTRUCTION = Instruction(
    instruction_id="i",
    sample_id="s",
    scenario="G1",
    split="train",
    query="Will it rain in Oslo?",
    relevant_apis=(RelevantApi(tool_name="Sky", api_name="rain", api_id=RAIN),),
    api_ids=(RAIN, "Weather/sky/snow"),
    api_fingerprints=("1", "2"),
    n_words=5,
    model="m",
    prompt_digest="p",
    seed_ids=(),
)
DOCUMENTS = {
    api_id: Document(
        api_id=api_id,
        document=json.dumps({"api_name": api_id}),
        response_schema="{}",
        tokens_before=1,
        tokens_after=1,
        method="as-is",
    )
    for api_id in INSTRUCTION.api_ids
}
SCORES = {"natural": 5, "answerable": "4", "complete": 2}
SAID = Reply(content=json.dumps({"reason": " No city. ", **SCORES}))


def judged(judge: ScriptedModel) -> Verification:
    return asyncio.run(verify(INSTRUCTION, DOCUMENTS, judge))


def verification(reason: str = "No city.", **given: int) -> Verification:
    scores = {"natural": 5, "answerable": 4, "complete": 2} | given
    return Verification(
        instruction_id="i",
        sample_id="s",
        query=INSTRUCTION.query,
        score_natural=scores["natural"],
        score_answerable=scores["answerable"],
        score_complete=scores["complete"],
        reason=reason,
        model="scripted",
        prompt_digest=prompt_digest(),
    )


def test_a_verdict_is_read_and_only_the_needed_apis_are_shown() -> None:
    judge = ScriptedModel([SAID])
    assert judged(judge) == verification()
    user = judge.asked[0][2].transcript.messages()[-1].content or ""
    assert (RAIN in user, "snow" in user, INSTRUCTION.query in user) == (True, False, True)


@pytest.mark.parametrize(
    "first",
    [
        Reply(content="It is fine."),
        Reply(content='{"natural": 5, "answerable": 9, "complete": 5}'),
        Reply(content='{"natural": 5, "answerable": null, "complete": 5}'),
        Reply(content=""),
    ],
    ids=["no JSON", "off the scale", "no score", "empty"],
)
def test_what_cannot_be_used_is_asked_for_once_more_with_what_was_wrong(first: Reply) -> None:
    judge = ScriptedModel([first, SAID])
    assert judged(judge) == verification()
    assert [asked[:2] for asked in judge.asked] == [("i", 0), ("i", 1)]
    *before, said, note = judge.asked[1][2].transcript.messages()
    assert tuple(before) == judge.asked[0][2].transcript.messages()
    assert said == Message("assistant", first.content or "(nothing)")
    assert (note.content or "").startswith("Your reply could not be used: ")
    failed = judged(ScriptedModel([first, first]))
    assert fault_of(failed, 1) == ("not_verified", failed.reason)
    assert failed == verification(natural=0, answerable=0, complete=0, reason=failed.reason)


def test_a_refused_request_is_not_repeated() -> None:
    judge = ScriptedModel([RequestRefused("content_filtered", "no")])
    failed = judged(judge)
    assert fault_of(failed, 1) == ("not_verified", "content_filtered: no")
    assert len(judge.asked) == 1


def test_a_run_that_must_stop_stops() -> None:
    with pytest.raises(StopRun):
        judged(ScriptedModel([OverBudget("spent")]))


def test_an_api_without_a_document_breaks_the_contract() -> None:
    with pytest.raises(BrokenContract, match=RAIN):
        asyncio.run(verify(INSTRUCTION, {}, ScriptedModel([])))


@pytest.mark.parametrize(
    ("scores", "least", "fault"),
    [
        ({"complete": 4}, 4, None),
        ({}, 4, ("incomplete", "complete 2 of 5: No city.")),
        ({}, 2, None),
        ({"natural": 1}, 3, ("unnatural", "natural 1 of 5: No city.")),
        ({"answerable": 3, "complete": 3}, 4, ("unanswerable", "answerable 3 of 5: No city.")),
    ],
)
def test_the_worst_score_is_the_fault(
    scores: dict[str, Any], least: int, fault: tuple[str, str] | None
) -> None:
    assert fault_of(verification(**scores), least) == fault
