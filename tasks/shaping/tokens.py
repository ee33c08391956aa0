"""Counting tokens, and cutting text to a number of them, with no download.

The encoding is OpenAI's o200k.  Other models split text a little differently, so a budget in these
tokens is a measure all stages share, not a promise about a particular model.
"""

from __future__ import annotations

from functools import cache
from typing import Protocol, cast

CUT_MARKER = " ... [cut]"

# A boundary is taken when it costs at most this share of the text that would fit.
_LARGEST_SACRIFICE = 0.2
# First guess at how much text is certainly longer than n tokens.
_CHARACTERS_PER_TOKEN = 8
_BOUNDARIES = ("\n", (",", " ", "\t"))


class _Encoder(Protocol):
    def count(self, text: str) -> int: ...
    def count_till_limit(self, text: str, limit: int) -> int | None: ...
    def encode(self, text: str) -> list[int]: ...
    def decode(self, tokens: list[int]) -> str | None: ...


@cache
def _encoder() -> _Encoder:
    # The table takes 0.15 s to build; commands that count nothing should not pay for it.
    from rs_bpe import openai  # noqa: PLC0415

    return cast("_Encoder", openai.o200k_base())


def count_tokens(text: str) -> int:
    """Number of o200k tokens; text that looks like a special token counts as ordinary text."""
    return _encoder().count(_encodable(text))


def fits(text: str, max_tokens: int) -> bool:
    """Whether `text` has at most `max_tokens` tokens; costs the limit, not the length of the text."""
    return max_tokens >= 0 and _encoder().count_till_limit(_encodable(text), max_tokens) is not None


def cut(text: str, max_tokens: int, marker: str = CUT_MARKER) -> str:
    """`text`, or its beginning up to a line, comma or space and `marker`: never over `max_tokens`.

    A budget too small for the marker gives as much of the text as fits, unmarked.
    """
    text = _encodable(text)
    if fits(text, max_tokens):
        return text
    room = max_tokens - count_tokens(marker)
    if room < 1:
        return _beginning(text, max_tokens)
    head = _to_boundary(_beginning(text, room))
    while head and not fits(head + marker, max_tokens):
        room -= 1
        head = _to_boundary(_beginning(text, room))
    return head + marker


def _encodable(text: str) -> str:
    """Lone surrogates, which JSON escapes can smuggle in, have no UTF-8 form."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def _beginning(text: str, n_tokens: int) -> str:
    """The longest beginning, give or take a token, that has at most `n_tokens` tokens."""
    if n_tokens < 1:
        return ""
    length = n_tokens * _CHARACTERS_PER_TOKEN
    tokens = _encoder().encode(text[:length])
    while len(tokens) <= n_tokens and length < len(text):
        length *= 2
        tokens = _encoder().encode(text[:length])
    for size in range(n_tokens, 0, -1):
        # A character may be split between tokens, and a beginning may split into other tokens than the whole.
        head = _encoder().decode(tokens[:size])
        if head is not None and fits(head, n_tokens):
            return head
    return ""


def _to_boundary(text: str) -> str:
    least = int(len(text) * (1 - _LARGEST_SACRIFICE))
    for boundary in _BOUNDARIES:
        at = max(text.rfind(character, least) for character in boundary)
        if at > 0:
            return text[:at].rstrip()
    return text
