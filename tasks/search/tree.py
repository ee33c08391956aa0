"""The tree of one search, its account and its result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from weakref import ref

from tasks.llm.chat import ToolSet, Transcript, Usage


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


@dataclass(slots=True, eq=False, kw_only=True)
class SearchTree:
    """What a search found.

    stopped_by: answered, exhausted (nothing left to try), max_queries or max_tokens.  give_ups: nodes
    that gave up, in the order entered.  n_calls: API calls made.
    """

    root: SearchNode
    tools: ToolSet
    stopped_by: str = "exhausted"
    answer: SearchNode | None = None
    give_ups: list[SearchNode] = field(default_factory=list)
    n_queries: int = 0
    n_calls: int = 0
    n_entered: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    @property
    def win(self) -> bool:
        return self.answer is not None

    @property
    def finish_type(self) -> str:
        """give_answer, give_up (nothing was won, but an attempt gave up) or none."""
        if self.answer is not None:
            return "give_answer"
        return "give_up" if self.give_ups else "none"

    @property
    def result(self) -> SearchNode | None:
        """The node that answered, else the last one that gave up."""
        if self.answer is not None:
            return self.answer
        return self.give_ups[-1] if self.give_ups else None

    @property
    def final_answer(self) -> str | None:
        return None if self.result is None else self.result.actions[-1].final_answer

    def count(self, usage: Usage) -> None:
        """Accounts for one query."""
        self.n_queries += 1
        self.tokens_in += usage.tokens_in
        self.tokens_out += usage.tokens_out

    def enter(self, node: SearchNode) -> End | None:
        """Numbers a node as visited; says why it is not expanded, None if it is."""
        node.entry = self.n_entered
        self.n_entered += 1
        if node.end is End.ANSWERED:
            self.answer = node
            self.stopped_by = "answered"
        elif node.end is End.GAVE_UP:
            self.give_ups.append(node)
        return node.end
