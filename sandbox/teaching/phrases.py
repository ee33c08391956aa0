"""The sentences around a wish: who speaks, in which tone, and how an instruction ends."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sandbox.teaching import dice
from sandbox.teaching.wording import Wish
from sandbox.teaching.words import article_for

_ARTICLE = re.compile(r"\b(a|an) (?P<word>\w+)")
_SLOT = re.compile(r"\{(?!x\}|is\}|topic\}|name\})(\w+)\}")
_LONG_WISH = 16  # words
_HEAD = re.compile(
    r"[^,:;()\"]*?(?=\s(?:of|for|in|with|by|that|which|to|from|on|at|whose|as|near|within|per|until|between|after)\s|[,:;(\"]|$)"
)


@dataclass(frozen=True)
class Tone:
    """Sentences of one way of speaking; thing, fact and deed hold one `{x}` each."""

    openers: tuple[str, ...]
    reasons: tuple[str, ...]
    purposes: tuple[str, ...]
    afterwords: tuple[str, ...]
    thing: tuple[str, ...]
    fact: tuple[str, ...]
    deed: tuple[str, ...]
    joins: tuple[str, ...]
    closings: tuple[str, ...]

    def asking(self, wish: Wish, position: int, *seed: object) -> str:
        """A sentence that asks for the wish, whose text has all values in it; another at each position."""
        options: tuple[str, ...] = getattr(self, wish.kind)
        fitting = [option for option in options if _suits(option, wish.text)]
        sentence = dice.shuffled(fitting, *seed, "asking", wish.kind)[position % len(fitting)]
        return sentence.replace("{is}", _is(wish.text)).replace("{x}", wish.text)

    def context(self, topic: str, *seed: object) -> str:
        """Who speaks and why; topic: what it is about in a word or two, where there is something to say."""
        openers = [opener for opener in self.openers if topic or "{topic}" not in opener]
        opener = dice.pick(openers, *seed, "opener")
        joined = [reason for reason in self.reasons if not (" and " in opener and reason.startswith("and "))]
        reason = dice.pick(joined or self.reasons, *seed, "reason")
        comma = "" if reason.startswith(("and ", "which ", "for ")) else ","
        return _filled(f"{opener}{comma} {reason}", topic, *seed)

    def with_purpose(self, sentence: str, *seed: object) -> str:
        """The first sentence with what it is for before it."""
        return f"{_filled(dice.pick(self.purposes, *seed, 'purpose'), '', *seed)}, {_lowered(sentence)}"

    def afterword(self, *seed: object) -> str:
        return _filled(dice.pick(self.afterwords, *seed, "afterword"), "", *seed)

    def ends(self, *seed: object) -> list[str]:
        """All ways to close, in the order to be used."""
        return [_filled(closing, "", *seed) for closing in dice.shuffled(self.closings, *seed, "closing")]

    def joined(self, sentence: str, position: int, *seed: object, last: bool) -> str:
        """The sentence at a position after the first, with a word that leads over to it."""
        joins = dice.shuffled(self.joins, *seed, "join")
        midway = [join for join in joins if not join.startswith(("Last", "Final"))]
        used = midway[: position - 1]
        join = next(join for join in (joins if last else midway) if join not in used)
        return f"{join}{_lowered(sentence)}" if join else sentence


@lru_cache(maxsize=1)
def _read() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "phrases.toml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def tones() -> tuple[Tone, ...]:
    return tuple(
        Tone(**{key: tuple(sentences) for key, sentences in tone.items()})
        for tone in _read()["tones"].values()
    )


def linking(name: str, *seed: object) -> str:
    """How one speaks of a value that an earlier result will bring; name: of what it is, if of anything."""
    phrases: list[str] = _read()["linking"]["phrases" if name else "nameless"]
    return _articled(dice.pick(phrases, *seed, "linking").replace("{name}", name))


def topic_of(category: str, tool: str) -> str:
    """What a category is about as people say it; nothing where it says nothing or names the tool."""
    words = re.sub(r"[^A-Za-z ]+", " ", category).lower().split()
    topic = " ".join(words[:2])
    if topic in _read()["vague_topics"] or set(words) & set(re.findall(r"[a-z]+", tool.lower())):
        return ""
    spoken: str = _read()["topics"].get(topic, topic)
    return spoken


def _filled(sentence: str, topic: str, *seed: object) -> str:
    """The sentence with its slots filled: the same people and occasions throughout one instruction."""
    slots: dict[str, list[str]] = _read()["slots"]
    spoken = _SLOT.sub(lambda slot: dice.pick(slots[slot[1]], *seed, slot[1]), sentence)
    return capitalised(_articled(spoken.replace("{topic}", topic)))


def _articled(text: str) -> str:
    return _ARTICLE.sub(lambda found: f"{article_for(found['word'])} {found['word']}", text)


def _suits(option: str, text: str) -> bool:
    """Words after the wish do for short wishes alone; "what is" wants a noun that tells its number."""
    follows = option.partition("{x}")[2].strip(".!?")
    return (not follows or len(text.split()) <= _LONG_WISH) and (
        "{is}" not in option or text.startswith("the ")
    )


def _is(text: str) -> str:
    """ "is" or "are", by the head of a noun phrase."""
    head = _HEAD.match(text)
    first = head.group().strip() if head else text
    listed = text[len(first) :].startswith(",") or " and " in first
    last = first.rpartition(" ")[2]
    plural = last.endswith("s") and not last.endswith(("ss", "us", "is", "ics"))
    return "are" if listed or plural else "is"


def _lowered(sentence: str) -> str:
    personal = re.match(r"I\b|I'|[A-Z]{2}|[A-Z]\w*\d", sentence)
    return sentence if personal else sentence[:1].lower() + sentence[1:]


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
