"""A tokenizer for tests that need none of others."""

from __future__ import annotations

import re

CONTROL = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


class Toy:
    """Its tokens are control tokens, words with the space before them, runs of spaces, and single signs."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self._of = re.compile(
            "|".join([*map(re.escape, CONTROL), r" ?\w+", r"\s+(?!\S)", r"\s+", r"[^\w\s]"])
        )

    def __call__(self, text: str) -> list[int]:
        return [self.known.setdefault(token, len(self.known)) for token in self._of.findall(text)]

    def text(self, ids: list[int]) -> str:
        return "".join(list(self.known)[each] for each in ids)
