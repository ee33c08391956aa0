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

_ARTICLE = re.compile(r"\b(a|an) (?P<word>\w+)")


@dataclass(frozen=True)
class Tone:
    """Sentences of one way of speaking; thing, fact and deed hold one `{x}` each."""

    openers: tuple[str, ...]
    reasons: tuple[str, ...]
    thing: tuple[str, ...]
    fact: tuple[str, ...]
    deed: tuple[str, ...]
    joins: tuple[str, ...]
    closings: tuple[str, ...]

    def asking(self, wish: Wish, text: str, *seed: object) -> str:
        """A sentence that asks for the wish, whose words with all values are `text`."""
        options: tuple[str, ...] = getattr(self, wish.kind)
        return dice.pick(options, *seed, "asking").replace("{x}", text)

    def context(self, topic: str, *seed: object) -> str:
        """Who speaks and why; topic: what it is about in a word or two, where there is something to say."""
        vague = topic in _read()["vague_topics"] or not topic
        openers = [opener for opener in self.openers if not (vague and "{topic}" in opener)]
        opener = _about(dice.pick(openers, *seed, "opener"), topic)
        reasons = [reason for reason in self.reasons if not (" and " in opener and reason.startswith("and "))]
        reason = dice.pick(reasons or self.reasons, *seed, "reason")
        return (
            f"{opener} {reason}" if reason.startswith(("and ", "which ", "for ")) else f"{opener}, {reason}"
        )

    def joined(self, sentence: str, *seed: object) -> str:
        join = dice.pick(self.joins, *seed, "join")
        personal = re.match(r"I\b|I'", sentence)
        return join + (sentence if personal else sentence[:1].lower() + sentence[1:])


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
    """How one speaks of a value that an earlier result will bring."""
    phrases: list[str] = _read()["linking"]["phrases"]
    return dice.pick(phrases, *seed, "linking").replace("{name}", name)


def _about(sentence: str, topic: str) -> str:
    """An opener with the topic in it, and the article before it mended."""
    if "{topic}" not in sentence:
        return sentence
    spoken = sentence.replace("{topic}", topic)
    return _ARTICLE.sub(lambda found: _with_article(found.group(1), found["word"], topic), spoken)


def _with_article(article: str, word: str, topic: str) -> str:
    if not topic.startswith(word):
        return f"{article} {word}"
    return f"{'an' if word[0].lower() in 'aeiou' else 'a'} {word}"


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
