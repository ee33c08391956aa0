"""The screen of instructions in another language than is wanted."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from tasks.instructions.screens.instruction import Screened

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

_ENGLISH = "en"
# Hardly any English sentence does without them, and other languages have few of them.
_ENGLISH_WORD = re.compile(
    "the|an?|to|of|and|i|for|in|on|with|me|my|you|your|is|are|be|it|this|that|what|which|can|could|please"
)
_ENOUGH_ENGLISH = 0.2
_SURE = 0.9


def wrong_language(instruction: Screened) -> str | None:
    """Only when the language is told with certainty: names and codes can look like any."""
    wanted = instruction.params.language
    if not wanted or (wanted == _ENGLISH and _is_plainly_english(instruction.words)):
        return None
    found, probability = _identifier().classify(instruction.query)
    if found == wanted or probability < _SURE:
        return None
    return f"is in {found!r}, {wanted!r} wanted"


def _is_plainly_english(words: tuple[str, ...]) -> bool:
    return sum(map(bool, map(_ENGLISH_WORD.fullmatch, words))) >= _ENOUGH_ENGLISH * len(words)


@cache
def _identifier() -> LanguageIdentifier:
    # Its table takes a second to load; most texts are told by their words.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
