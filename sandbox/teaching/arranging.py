"""Puts wishes into sentences and the sentences into an order: what an instruction looks like as a whole."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sandbox.teaching import dice, phrases
from sandbox.teaching.wording import Wish

_WORD = re.compile(r"[^\W_]+(?:['.,:-][^\W_]+)*")
_SPARE_WORDS = 2
_LONGEST_JOINED = 22  # words of each of two wishes that share a sentence
_ORDERS = (
    "context first",
    "context first",
    "context first",
    "context last",
    "context last",
    "purpose",
    "purpose",
    "bare",
)
_NUMBERS = {2: "two", 3: "three", 4: "four"}
_NUMBERED_OPENINGS = (
    "I need {n} things: ",
    "There are {n} points I need help with: ",
    "Please find out {n} things for me: ",
    "Here is my list: ",
)


def arranged(wishes: Sequence[Wish], tone: phrases.Tone, topic: str, least: int, *seed: object) -> list[str]:
    """The sentences of an instruction that asks for all wishes, `least` words long at the least."""
    asking = _asking(wishes, tone, *seed)
    order = dice.pick(_ORDERS, *seed, "order")
    if order == "purpose" and "(1)" not in asking[0]:
        asking[0] = tone.with_purpose(asking[0], *seed)
    before = [tone.context(topic, *seed)] if order == "context first" else []
    after = [tone.afterword(*seed)] if order == "context last" else []
    closings = tone.ends(*seed)
    if dice.chance(0.3, *seed, "with closing"):
        after.append(closings.pop())
    sentences = [*before, *asking, *after]
    while count_words(" ".join(sentences)) < least + _SPARE_WORDS and (not before or closings):
        if before:
            after.append(closings.pop())
        else:
            before = [tone.context(topic, *seed)]
        sentences = [*before, *asking, *after]
    return [tidied(phrases.capitalised(sentence)) for sentence in sentences]


def _asking(wishes: Sequence[Wish], tone: phrases.Tone, *seed: object) -> list[str]:
    if len(wishes) > 1 and dice.chance(0.5, *seed, "numbered") and _can_be_listed(wishes):
        return [_numbered(wishes, *seed)]
    sentences: list[str] = []
    joined = _joined(wishes, *seed)
    for position, wish in enumerate(joined):
        sentence = phrases.capitalised(tone.asking(wish, position, *seed))
        last = position == len(joined) - 1
        sentences.append(tone.joined(sentence, position, *seed, last=last) if position else sentence)
    return sentences


def _can_be_listed(wishes: Sequence[Wish]) -> bool:
    return all(wish.kind != "deed" for wish in wishes) and len(wishes) in _NUMBERS


def _numbered(wishes: Sequence[Wish], *seed: object) -> str:
    opening = dice.pick(_NUMBERED_OPENINGS, *seed, "list").replace("{n}", _NUMBERS[len(wishes)])
    marked = (f"({number}) {wish.text}" for number, wish in enumerate(wishes, start=1))
    return f"{opening}{'; '.join(marked)}."


def _joined(wishes: Sequence[Wish], *seed: object) -> list[Wish]:
    """Now and then two short wishes of a kind in a row make one sentence."""
    joined: list[Wish] = []
    alone = True  # whether the last one stands for itself
    for wish in wishes:
        together = bool(joined) and alone and _go_together(joined[-1], wish)
        if together and dice.chance(0.5, *seed, "one sentence", len(joined)):
            joined[-1] = _as_one(joined[-1], wish)
            alone = False
        else:
            joined.append(wish)
            alone = True
    return joined


def _go_together(first: Wish, second: Wish) -> bool:
    lengths = [count_words(wish.text) for wish in (first, second)]
    return first.kind == second.kind and max(lengths) <= _LONGEST_JOINED and ":" not in first.text


def _as_one(first: Wish, second: Wish) -> Wish:
    between = {"thing": ", as well as ", "fact": ", and ", "deed": ", then "}[first.kind]
    return Wish(first.kind, f"{first.text}{between}{second.text}")


def count_words(text: str) -> int:
    """Words as people count them: signs alone are none."""
    return len(_WORD.findall(text))


def tidied(sentence: str) -> str:
    return re.sub(r"\s+", " ", sentence).replace(" ,", ",").replace("??", "?").strip()
