"""A judge's questions and what its replies say: can a task be solved, does an answer solve it, is one better.

After the evaluator of arXiv 2307.16789 (section 3.1 and A.5), with prompts of our own.  The reason comes
before the label, so that the label follows from it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import prompts
from tasks.errors import BadRow, RequestRefused
from tasks.exact_json import digest_of
from tasks.judging.facts import FINISH, UNSOLVED, functions_in, observations_of
from tasks.llm.chat import (
    TEXT,
    ChatModel,
    ChatRequest,
    Json,
    Message,
    Transcript,
    asked_again,
    one_of,
    record,
    reply_format,
)
from tasks.llm.replies import json_object_of
from tasks.llm.thinking import without_thinking
from warehouse.tables.annotations import Annotation, AnswerMessage

TASK, ANSWER, ALONE = "task", "answer", "answer_alone"
SOLVABLE, UNSURE, UNSOLVABLE = "Solvable", "Unsure", "Unsolvable"
SOLVED = "Solved"
FIRST, SECOND, TIE = "first", "second", "tie"
_NAMES = {"A": FIRST, "B": SECOND, "tie": TIE}
AGAIN = "again/unusable_reply"


@dataclass(frozen=True)
class Question:
    """prompt: its name in prompts/judge/.  field, labels: of the reply."""

    prompt: str
    field: str
    labels: tuple[str, ...]

    @property
    def prompts(self) -> tuple[str, ...]:
        return f"judge/{self.prompt}_system", f"judge/{self.prompt}", AGAIN

    @cached_property
    def digest(self) -> str:
        return digest_of([prompts.load(name).digest for name in self.prompts])

    @cached_property
    def _system(self) -> Transcript:
        return Transcript.of(Message("system", prompts.load(self.prompts[0]).render()))

    @cached_property
    def _format(self) -> Json:
        return reply_format(self.field, record(reason=TEXT, **{self.field: one_of(*self.labels)}))

    def request(self, *, temperature: float | None, seed: int, **shown: Any) -> ChatRequest:
        user = Message("user", prompts.load(self.prompts[1]).render(**shown))
        return ChatRequest(
            transcript=self._system.append(user),
            response_format=self._format,
            temperature=temperature,
            seed=seed,
        )

    def read(self, text: str) -> tuple[str, str]:
        """The label and the reason in a reply.  Raises BadRow("malformed_reply"), for two labels too."""
        reply = json_object_of(text)
        given = self._given(without_thinking(text)[0] or "")
        if len({each.strip().casefold() for each in given}) > 1:
            raise BadRow("malformed_reply", f"{self.field} is said more than once: {', '.join(given)[:80]}")
        if not isinstance(reply, dict):
            raise BadRow("malformed_reply", f"no object in the reply: {text.strip()[:200]!r}")
        said = reply.get(self.field)
        labels = {label.casefold(): label for label in self.labels}
        label = labels.get(said.strip().casefold()) if isinstance(said, str) else None
        if label is None:
            wanted = ", ".join(map(repr, self.labels))
            raise BadRow("malformed_reply", f"{self.field} is none of {wanted}: {str(said)[:80]!r}")
        reason = reply.get("reason")
        return label, reason.strip() if isinstance(reason, str) else ""

    def _given(self, text: str) -> list[str]:
        """What every key of the field's name holds, in whatever case, in the objects of a text.

        Where one of them is no JSON, whatever looks like such a key counts, even within a string.
        """
        given: list[str] = []

        def noted(pairs: list[tuple[str, Any]]) -> None:
            given.extend(str(value) for key, value in pairs if key.strip().casefold() == self.field)

        decoder = json.JSONDecoder(object_pairs_hook=noted)
        at = text.find("{")
        while at >= 0:
            try:
                _, end = decoder.raw_decode(text, at)
            except (ValueError, RecursionError):
                pattern = rf"""["']{self.field}["']\s*:\s*["']([^"']*)["']"""
                return re.findall(pattern, text, re.IGNORECASE)
            at = text.find("{", end)
        return given


QUESTIONS = {
    TASK: Question("task_status", "task_status", (SOLVABLE, UNSURE, UNSOLVABLE)),
    ANSWER: Question("answer_status", "answer_status", (SOLVED, UNSURE, UNSOLVED)),
    ALONE: Question("answer_alone", "answer_status", (SOLVED, UNSURE, UNSOLVED)),
}
PREFERENCE = Question("preference", "preference", tuple(_NAMES))


@dataclass(frozen=True)
class Vote:
    label: str
    reason: str


async def vote(
    model: ChatModel, question: Question, request: ChatRequest, row_id: str, *, ordinal: int = 0
) -> Vote:
    """The judge's vote; it is asked a second time, and told why, when its reply holds none.

    ordinal: of the question, among those about the row; its second asking has the next.  Raises BadRow when
    the second reply holds none either or the endpoint refuses the question, StopRun as the model does.
    """
    for again in (False, True):
        try:
            reply = await model.ask(request, row_id=row_id, ordinal=ordinal + again)
        except RequestRefused as refusal:
            raise BadRow(refusal.reason, refusal.message) from refusal
        said = reply.content or ""
        try:
            return Vote(*question.read(said))
        except BadRow as error:
            if again:
                raise
            request = asked_again(request, said, error.message)
    raise AssertionError  # the loop ends by a vote or an error


def functions_shown(functions: str) -> list[Json]:
    """The functions a search was offered, but for Finish.  functions: JSON text of a row."""
    return [each for each in functions_in(functions) if each.get("name") != FINISH]


def steps_shown(messages: Sequence[AnswerMessage]) -> list[Json]:
    """The steps of a search as the judge reads them: a thought, and its calls with what they returned."""
    shown = observations_of(messages)
    return [
        {
            "thought": message.content or "",
            "calls": [
                {"function": call.name, "arguments": call.arguments, "observation": shown.get(call.id, "")}
                for call in message.tool_calls
                if call.name != FINISH
            ],
        }
        for message in messages
        if message.role == "assistant" and any(call.name != FINISH for call in message.tool_calls)
    ]


def solution_shown(annotation: Annotation) -> Json:
    return {"steps": steps_shown(annotation.messages), "answer": annotation.final_answer}


def preferred(label: str) -> str:
    """first, second or tie, of the name that the judge was given."""
    return _NAMES[label]
