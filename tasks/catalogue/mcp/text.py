"""Names and descriptions as people and models may see them."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs"})
_NEEDED = frozenset("\n\t\u200c\u200d")  # the joiners spell words in some scripts


def legible(text: str) -> str:
    """Without characters that steer a terminal or hide text from the eye; line breaks and tabs stay."""
    return "".join(
        each for each in text if each in _NEEDED or unicodedata.category(each) not in _HIDDEN
    ).strip()
