"""The short thoughts that go with most calls."""

from __future__ import annotations

from sandbox.teaching import dice
from sandbox.teaching.arguments import Filled
from sandbox.teaching.functions import Function
from sandbox.teaching.words import plain

_SILENT = 0.15
# Each for things and facts, and for deeds.
_FIRST = (
    ("To begin with, I need {x}.", "To begin with, I have to {x}."),
    ("The request asks for {x}, so that comes first.", "The request wants me to {x}, so that comes first."),
    ("I will start with {x}.", "I will first {x}."),
    ("First step: {x}.", "First step: {x}."),
)
_NEXT = (
    ("That part is known now. What is still missing is {x}.", "That part is done. I still have to {x}."),
    ("Next comes {x}.", "The next thing is to {x}."),
    ("With that answered, I turn to {x}.", "With that answered, I can {x}."),
    ("The last call brought what I wanted; now for {x}.", "The last call brought what I wanted; now I {x}."),
)
_AGAIN = (
    (
        "The last call failed. I try another way to get {x}.",
        "The last call failed. I try another way to {x}.",
    ),
    ("That did not work, but I still need {x}.", "That did not work, but I still have to {x}."),
    (
        "An error; let me see whether I can get {x} after all.",
        "An error; let me see whether I can {x} after all.",
    ),
)
_GIVING_UP = (
    "This is not getting anywhere. It is better to start over from an earlier step.",
    "What I have so far does not lead to an answer, so I give this attempt up.",
    "I am stuck on this path; going back and choosing differently is the better way.",
)
_FINISHING = (
    "I have what was asked for and can answer now.",
    "All that can be found out is known. Time to answer.",
    "The calls have brought the information; I will write the answer.",
)


def calling(function: Function, filled: Filled, *seed: object, found: bool, failed: bool) -> str | None:
    """Why this call now; None in the share of replies that models leave without a thought.

    found: whether anything was so far; failed: whether the last call did.
    """
    if dice.chance(_SILENT, *seed, function.name, "silent"):
        return None
    options = _AGAIN if failed else _NEXT if found else _FIRST
    thing, deed = dice.pick(options, *seed, function.name)
    thought = (deed if function.wish.kind == "deed" else thing).replace("{x}", function.wish.text)
    observed = [name for name, source in filled.sources.items() if source == "observation"]
    if observed:
        thought += f" The {plain(observed[0])} comes from an earlier answer."
    return thought


def giving_up(*seed: object) -> str:
    return dice.pick(_GIVING_UP, *seed, "giving up")


def finishing(*seed: object) -> str | None:
    return None if dice.chance(_SILENT, *seed, "silent end") else dice.pick(_FINISHING, *seed, "finishing")
