"""One search in progress: asks for a reply, makes its calls, and grows the tree by one child."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from weakref import ref

import prompts
from tasks.calling.outcome import Outcome
from tasks.errors import RequestRefused, Transient
from tasks.llm.chat import ChatRequest, Message, Reply, ToolCall, ToolSet, Transcript, Usage
from tasks.search.acting import INVALID_NAME, Actor, Names
from tasks.search.arguments import apart, encodable
from tasks.search.functions import with_finish
from tasks.search.rules import Rules
from tasks.search.task import Ask, Execute, Limits, Task
from tasks.search.tree import Action, End, SearchNode, SearchTree, StepOutcome

_DETAIL_CHARACTERS = 500


class Search:
    """The state of one search; a method (`dfsdt`, ...) decides where it grows."""

    def __init__(self, task: Task, *, ask: Ask, execute: Execute, rules: Rules, limits: Limits) -> None:
        functions = with_finish(task.functions)
        tools = ToolSet(tuple(function.text for function in functions))
        names = Names(dict.fromkeys(function.name for function in functions), rules)
        self.tree = SearchTree(root=SearchNode(transcript=_opening(task)), tools=tools)
        self.rules = rules
        self.limits = limits
        self._ask = ask
        self._actor = Actor(names, execute, rules, self.tree)

    async def grow(self, node: SearchNode, *, diverse: bool = True) -> SearchNode | None:
        """Asks for the node's next child; None when the permitted queries or tokens are used up.

        diverse: whether the request tells of the children there are.  Raises what `ask` and `execute`
        raise, except the endpoint's refusal, which is a failed child.
        """
        if self.rules.last_reply_counts and self._used_up():
            return None
        message, shown = diversity_message(node, self.rules) if diverse else (None, 0)
        transcript = node.transcript if message is None else node.transcript.append(message)
        query_no = self.tree.n_queries
        request = ChatRequest(
            transcript=transcript, tools=self.tree.tools, answers_texts=self.rules.texts_are_answered
        )
        reply = await self._reply(request, query_no)
        if not self.rules.last_reply_counts and self._used_up():
            return None
        child = await self._child(node, reply, query_no)
        child.shown = shown
        node.children.append(child)
        return child

    async def ask_aside(self, transcript: Transcript) -> Reply | None:
        """A question beside the tree, whose answer must be text; it counts as a query.

        None when the endpoint refuses it, or, under our rules, the permitted queries are used up.
        """
        if self.rules.last_reply_counts and self._limit_reached() is not None:
            return None
        request = ChatRequest(transcript=transcript, tools=self.tree.tools, tool_choice="none")
        reply = await self._reply(request, self.tree.n_queries)
        return None if isinstance(reply, str) else reply

    def enter(self, node: SearchNode) -> End | None:
        """Visits a node: says why it is not expanded, None if it is."""
        depth = node.replies if self.rules.depth_counts_replies else node.depth
        if node.end is None and depth >= self.limits.max_depth:
            node.end = End.DEPTH_LIMIT
        return self.tree.enter(node)

    def _used_up(self) -> bool:
        """Whether nothing more may be asked for; then the tree says why."""
        limit = self._limit_reached()
        if limit is not None:
            self.tree.stopped_by = limit
        return limit is not None

    def _limit_reached(self) -> str | None:
        if self.tree.n_queries >= self.limits.max_queries:
            return "max_queries"
        tokens = self.tree.tokens_in + self.tree.tokens_out
        if self.limits.max_tokens is not None and tokens >= self.limits.max_tokens:
            return "max_tokens"
        return None

    async def _reply(self, request: ChatRequest, query_no: int) -> Reply | str:
        """The reply, or why there is none for this request."""
        try:
            reply = await self._ask(request, query_no)
        except RequestRefused as refusal:
            return self._no_reply(refusal.message)
        except Transient as failure:
            if self.rules.outage_suspends:
                raise
            return self._no_reply(failure.message)
        self.tree.count(reply.usage)
        return reply

    def _no_reply(self, message: str) -> str:
        self.tree.count(Usage())
        return encodable(message[:_DETAIL_CHARACTERS])

    async def _child(self, parent: SearchNode, reply: Reply | str, query_no: int) -> SearchNode:
        if isinstance(reply, str):
            return _failed(parent, StepOutcome.REFUSED, query_no, detail=reply)
        thought = self._thought(reply)
        calls: Sequence[ToolCall] = reply.tool_calls if self.rules.parallel_calls else reply.tool_calls[:1]
        if self.rules.repair_arguments and self.rules.parallel_calls:
            calls = [one for call in calls for one in apart(call)]
        if thought is None and not calls:
            if self.rules.empty_reply_fails:
                return _failed(parent, StepOutcome.EMPTY_REPLY, query_no, reply=reply)
            thought = ""
        said, actions = await self._act(calls, query_no)
        return _child(parent, reply, query_no, thought=thought, said=said, actions=actions)

    def _thought(self, reply: Reply) -> str | None:
        if reply.content is None or (self.rules.blank_text_is_none and not reply.content.strip()):
            return None
        return encodable(reply.content)

    async def _act(self, calls: Sequence[ToolCall], query_no: int) -> tuple[list[ToolCall], list[Action]]:
        """Makes the calls in order; those after a Finish that ends the attempt are left out."""
        said: list[ToolCall] = []
        actions: list[Action] = []
        for call in calls:
            action, kept = await self._actor.act(call)
            said.append(_identified(kept, said, query_no))
            actions.append(action)
            if action.end is not None:
                break
        return said, actions


def _opening(task: Task) -> Transcript:
    if task.brief:
        system = prompts.load("search/system_brief").render()
    else:
        tools = [{"name": tool.name, "description": tool.description} for tool in task.tools]
        system = prompts.load("search/system").render(tools=tools)
    return Transcript.of(
        Message("system", encodable(system)),
        Message("user", encodable(prompts.load("search/user").render(query=task.query))),
    )


def _identified(call: ToolCall, earlier: Sequence[ToolCall], query_no: int) -> ToolCall:
    """Each call of a reply needs an id of its own, or no result could name it; some endpoints give none.

    One of ours has nine letters and digits, since Mistral's templates take no other.
    """
    taken = {"", *(other.id for other in earlier)}
    if call.id not in taken:
        return call
    own = (f"c{query_no:05}{number:03}" for number in count(len(earlier)))
    return replace(call, id=next(name for name in own if name not in taken))


def _child(
    parent: SearchNode,
    reply: Reply,
    query_no: int,
    *,
    thought: str | None,
    said: Sequence[ToolCall],
    actions: Sequence[Action],
) -> SearchNode:
    answers = (
        Message("tool", action.observation, (), call.id) for call, action in zip(said, actions, strict=True)
    )
    return SearchNode(
        transcript=parent.transcript.extend(
            Message("assistant", thought, tuple(said), state=reply.state), *answers
        ),
        above=ref(parent),
        thinking=reply.thinking and encodable(reply.thinking),
        thought=thought,
        actions=tuple(actions),
        depth=parent.depth + (thought is not None) + 2 * len(actions),
        replies=parent.replies + 1,
        query_no=query_no,
        tokens=reply.usage.total,
        finish_reason=reply.finish_reason,
        end=actions[-1].end if actions else None,
    )


def _failed(
    parent: SearchNode,
    failure: StepOutcome,
    query_no: int,
    *,
    detail: str | None = None,
    reply: Reply | None = None,
) -> SearchNode:
    return SearchNode(
        transcript=parent.transcript,
        above=ref(parent),
        thinking=(reply and reply.thinking and encodable(reply.thinking)) or None,
        failure=failure,
        failure_detail=detail,
        depth=parent.depth + 1,
        replies=parent.replies + 1,
        query_no=query_no,
        tokens=0 if reply is None else reply.usage.total,
        finish_reason=None if reply is None else reply.finish_reason,
        end=End.FAILED,
    )


Candidate = dict[str, str | None]
_FINE = frozenset({Outcome.OK, StepOutcome.ANSWERED, StepOutcome.GAVE_UP})


def diversity_message(node: SearchNode, rules: Rules) -> tuple[Message | None, int]:
    """The message that asks a node's next child to differ from its earlier ones; how many of them it lists.

    It is seen by that one request only and is never part of a descendant's history; there is none when it
    would list none.
    """
    candidates = [shown for child in node.children if (shown := _candidate(child, rules)) is not None]
    if not candidates:
        return None, 0
    name = "search/diversity" if rules.diversity_tells_ends else "search/diversity_plain"
    text = prompts.load(name).render(candidates=candidates, last_observation=node.observation)
    return Message("user", text), len(candidates)


def _candidate(child: SearchNode, rules: Rules) -> Candidate | None:
    """What a child tried; None when there is nothing to show."""
    shown: Candidate
    if rules.diversity_lists_thoughts and child.thought is not None and not child.actions:
        shown = {"thought": child.thought}
    elif (action := _first_action(child)) is not None:
        shown = {
            "function": action.function or INVALID_NAME,
            "arguments": action.arguments,
            "observation": action.observation,
        }
    else:
        return None
    if rules.diversity_tells_ends:
        shown["ended"] = _ended(child)
    return shown


def _first_action(child: SearchNode) -> Action | None:
    node = child
    while not node.actions:
        if not node.children:
            return None
        node = node.children[0]
    return node.actions[0]


def _ended(child: SearchNode) -> str:
    """How the branch below a child ended where it was last explored, and the last error on the way there."""
    leaf, error = child, _error(child)
    while leaf.children:
        leaf = leaf.children[-1]
        error = _error(leaf) or error
    how = _how(leaf)
    words = f"{how} after {error}" if error and error != how else how
    return words.replace("_", " ")


def _how(leaf: SearchNode) -> str:
    if leaf.end is End.FAILED:
        return leaf.failure or End.FAILED
    if leaf.end is not None:
        return leaf.end
    return _error(leaf) or "nothing came of it"


def _error(node: SearchNode) -> str | None:
    return next((action.outcome for action in reversed(node.actions) if action.outcome not in _FINE), None)
