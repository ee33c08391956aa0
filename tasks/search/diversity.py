"""The message that asks a node's next child to differ from its earlier ones.

It is seen by that one request only and is never part of a descendant's history.
"""

from __future__ import annotations

import prompts
from tasks.calling.outcome import Outcome
from tasks.llm.chat import Message
from tasks.search.names import INVALID_NAME
from tasks.search.node import Action, End, SearchNode, StepOutcome
from tasks.search.rules import Rules

Candidate = dict[str, str | None]

_FINE = frozenset({Outcome.OK, StepOutcome.ANSWERED, StepOutcome.GAVE_UP})


def diversity_message(node: SearchNode, rules: Rules) -> tuple[Message | None, int]:
    """The message and the number of earlier candidates it lists; no message when it would list none."""
    candidates = earlier_candidates(node, rules)
    if not candidates:
        return None, 0
    name = "search/diversity" if rules.diversity_tells_ends else "search/diversity_plain"
    text = prompts.load(name).render(candidates=candidates, last_observation=node.observation)
    return Message("user", text), len(candidates)


def earlier_candidates(node: SearchNode, rules: Rules) -> list[Candidate]:
    """What the node's children tried, in order; children with nothing to show are left out."""
    listed = (_candidate(child, rules) for child in node.children)
    return [candidate for candidate in listed if candidate is not None]


def _candidate(child: SearchNode, rules: Rules) -> Candidate | None:
    shown = _shown(child, rules)
    if shown is not None and rules.diversity_tells_ends:
        shown["ended"] = _ended(child)
    return shown


def _shown(child: SearchNode, rules: Rules) -> Candidate | None:
    if rules.diversity_lists_thoughts and child.thought is not None and not child.actions:
        return {"thought": child.thought}
    action = _first_action(child)
    if action is None:
        return None
    return {
        "function": action.function or INVALID_NAME,
        "arguments": action.arguments,
        "observation": action.observation,
    }


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
