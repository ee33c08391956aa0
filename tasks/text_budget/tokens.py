"""Counting tokens, and cutting text to a number of them, with no download.

Two encodings are at hand, OpenAI's o200k and cl100k.  They are exact for OpenAI's models; for a model of
another family a budget in the tokens of the nearer one is an approximation, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol, cast

CUT_MARKER = " ... [cut]"

# A boundary is taken when it costs at most this share of the text that would fit.
_LARGEST_SACRIFICE = 0.2
# First guess at how much text is certainly longer than n tokens.
_CHARACTERS_PER_TOKEN = 8
_BOUNDARIES = ("\n", (",", " ", "\t"))

Encoding = Literal["o200k", "cl100k"]


class _Encoder(Protocol):
    def count(self, text: str) -> int: ...
    def count_till_limit(self, text: str, limit: int) -> int | None: ...
    def encode(self, text: str) -> list[int]: ...
    def decode(self, tokens: list[int]) -> str | None: ...


@cache
def _encoder(encoding: Encoding) -> _Encoder:
    # The tables take 0.15 s to build; commands that count nothing should not pay for them.
    from rs_bpe import openai  # noqa: PLC0415

    build: Callable[[], object] = openai.o200k_base if encoding == "o200k" else openai.cl100k_base
    return cast("_Encoder", build())


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """Counts and cuts in one encoding.  exact: whether it is the model's own, or only the nearest."""

    encoding: Encoding
    exact: bool = True

    def __str__(self) -> str:
        return self.encoding if self.exact else f"{self.encoding} (approximation)"

    def count(self, text: str) -> int:
        """Number of tokens; text that looks like a special token counts as ordinary text."""
        return _encoder(self.encoding).count(_encodable(text))

    def fits(self, text: str, max_tokens: int) -> bool:
        """Whether `text` has at most `max_tokens` tokens; costs the limit, not the length of the text."""
        text = _encodable(text)
        if len(text.encode()) <= max_tokens:  # a token has a byte at least
            return True
        return max_tokens >= 0 and _encoder(self.encoding).count_till_limit(text, max_tokens) is not None

    def cut(self, text: str, max_tokens: int, marker: str = CUT_MARKER) -> str:
        """`text`, or its beginning up to a line, comma or space and `marker`: never over `max_tokens`.

        A budget too small for the marker gives as much of the text as fits, unmarked.
        """
        text = _encodable(text)
        if self.fits(text, max_tokens):
            return text
        room = max_tokens - self.count(marker)
        if room < 1:
            return self._beginning(text, max_tokens)
        head = _to_boundary(self._beginning(text, room))
        while head and not self.fits(head + marker, max_tokens):
            room -= 1
            head = _to_boundary(self._beginning(text, room))
        return head + marker

    def _beginning(self, text: str, n_tokens: int) -> str:
        """The longest beginning, give or take a token, that has at most `n_tokens` tokens."""
        if n_tokens < 1:
            return ""
        encoder = _encoder(self.encoding)
        length = n_tokens * _CHARACTERS_PER_TOKEN
        tokens = encoder.encode(text[:length])
        while len(tokens) <= n_tokens and length < len(text):
            length *= 2
            tokens = encoder.encode(text[:length])
        for size in range(n_tokens, 0, -1):
            # A character may be split between tokens, and a beginning may split into other tokens than
            # the whole.
            head = encoder.decode(tokens[:size])
            if head is not None and self.fits(head, n_tokens):
                return head
        return ""


O200K = Tokenizer("o200k")
CL100K = Tokenizer("cl100k")

# By the beginning of a model's name, without the name of who serves it ("openai/gpt-4o").
_OPENAI_O200K = re.compile(r"(?:gpt-(?:4o|4\.1|4\.5|[5-9]|oss)|chatgpt-4o|o[1-9](?:-|$))")
_OPENAI_CL100K = re.compile(r"(?:gpt-4|gpt-3\.5|text-embedding-)")
# Their vocabularies began as cl100k's.
_NEAR_CL100K = re.compile(r"(?:meta-)?llama-?3|qwen|qwq|phi-4|deepseek-r1-distill", re.IGNORECASE)


def tokenizer_of(model: str) -> Tokenizer:
    """The tokenizer of a model's family by the model's name: its own, else the nearest at hand."""
    name = model.rpartition("/")[2]
    if _OPENAI_O200K.match(name):
        return O200K
    if _OPENAI_CL100K.match(name):
        return CL100K
    return Tokenizer("cl100k" if _NEAR_CL100K.match(name) else "o200k", exact=False)


def count_tokens(text: str) -> int:
    """Number of o200k tokens."""
    return O200K.count(text)


def fits(text: str, max_tokens: int) -> bool:
    """Whether `text` has at most `max_tokens` o200k tokens."""
    return O200K.fits(text, max_tokens)


def cut(text: str, max_tokens: int, marker: str = CUT_MARKER) -> str:
    """`Tokenizer.cut` in o200k tokens."""
    return O200K.cut(text, max_tokens, marker)


def _encodable(text: str) -> str:
    """Lone surrogates, which JSON escapes can smuggle in, have no UTF-8 form."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def _to_boundary(text: str) -> str:
    least = int(len(text) * (1 - _LARGEST_SACRIFICE))
    for boundary in _BOUNDARIES:
        at = max(text.rfind(character, least) for character in boundary)
        if at > 0:
            return text[:at].rstrip()
    return text
