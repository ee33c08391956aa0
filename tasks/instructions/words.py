"""Words of a query, as they are counted and compared."""

from __future__ import annotations

import re

# Written without spaces: each Han character and each kana counts as a word.
_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff"
_LETTERS = rf"[^\W{_UNSPACED}]+"
_WORD = re.compile(rf"[{_UNSPACED}]|{_LETTERS}(?:['\u2019.,:-]{_LETTERS})*")


def words_of(text: str) -> list[str]:
    """The words in lower case; `don't`, `low-cost`, `3.5` and `10:30` are one word each."""
    return _WORD.findall(text.casefold())
