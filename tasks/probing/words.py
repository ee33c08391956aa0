"""Names as words: `startDate`, `start_date` and `start-dates` are the same two."""

from __future__ import annotations

import re

# A new word begins at a capital after a small letter, and at the last capital of several.
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[^\W\d_A-Za-z]+")


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name or a text, in lower case and singular; digits are none."""
    return tuple(_singular(word.lower()) for word in _WORD.findall(name))


_IRREGULAR = {"children": "child", "ids": "id", "men": "man", "people": "person", "women": "woman"}


def _singular(word: str) -> str:
    # "movies" and "countries" cannot be told apart: both singulars are written alike.
    if len(word) > 3 and word.endswith(("ies", "ie")):
        return word.removesuffix("s").removesuffix("ie") + "y"
    if len(word) > 4 and word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return _IRREGULAR.get(word, word)
