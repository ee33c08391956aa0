"""A node of the search: one reply of the model, with the calls it made and what they showed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from weakref import ref

from tasks.llm.chat import Transcript


class StepOutcome(StrEnum):
    """How a step ended that called no API; API calls end with a word of `tasks.calling.outcome`."""

    ANSWERED = "answered"
    GAVE_UP = "gave_up"
    BAD_FINISH = "bad_finish"
    UNKNOWN_FUNCTION = "unknown_function"
    INVALID_ARGUMENTS = "invalid_arguments"
    REFUSED = "refused"
    EMPTY_REPLY = "empty_reply"


CODES = {
    StepOutcome.UNKNOWN_FUNCTION: 1,
    StepOutcome.INVALID_ARGUMENTS: 2,
    StepOutcome.BAD_FINISH: 2,
    StepOutcome.ANSWERED: 3,
    StepOutcome.GAVE_UP: 4,
    StepOutcome.REFUSED: -1,
    StepOutcome.EMPTY_REPLY: -1,
}
"""ToolBench's status codes."""


class End(StrEnum):
    """Why a node gets no children."""

    ANSWERED = "answered"
    GAVE_UP = "gave_up"
    FAILED = "failed"
    DEPTH_LIMIT = "depth_limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One function call.

    function, arguments: as the model wrote them.  repaired: its arguments did not parse as they stood.
    final_answer: of a Finish that ended the attempt.  call_no: number of the API call, None when none
    was made.  end: set by a Finish that ends the attempt.
    """

    function: str
    arguments: str
    repaired: bool
    observation: str
    outcome: str
    code: int | None
    call_no: int | None = None
    end: End | None = None
    final_answer: str | None = None


@dataclass(slots=True, weakref_slot=True, eq=False, kw_only=True)
class SearchNode:
    """One reply (the root has none) and where it led.

    above: its parent; only children are held, so that a tree is free as soon as its root is let go.
    transcript: the conversation up to and including this reply and what its calls showed.
    thinking: what the model thought before the reply; it is part of no conversation.
    depth: tree nodes from the root, a thought being one and a call two; replies: replies on the path.
    failure: why there is no usable reply.  end: None while the node may get children.
    """

    transcript: Transcript
    above: ref[SearchNode] | None = None
    thinking: str | None = None
    thought: str | None = None
    actions: tuple[Action, ...] = ()
    failure: StepOutcome | None = None
    failure_detail: str | None = None
    depth: int = 0
    replies: int = 0
    query_no: int | None = None
    shown: int = 0
    tokens: int = 0
    finish_reason: str | None = None
    votes: float | None = None
    end: End | None = None
    entry: int | None = None
    children: list[SearchNode] = field(default_factory=list)

    @property
    def parent(self) -> SearchNode | None:
        return None if self.above is None else self.above()

    @property
    def observation(self) -> str | None:
        """What its last call showed."""
        return self.actions[-1].observation if self.actions else None

    def path(self) -> list[SearchNode]:
        """From the root to this node."""
        upwards = [self]
        while (parent := upwards[-1].parent) is not None:
            upwards.append(parent)
        return upwards[::-1]

    def preorder(self) -> Iterator[SearchNode]:
        """This node and everything below it, parents first, earlier children first."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))
