"""Vectors by rule: a text is the bag of the stems of its words, each at a place that its hash says.

Texts that share words are near each other, and nothing else is: it knows no synonyms.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from functools import lru_cache

from sandbox.teacher import protocol
from sandbox.teacher.protocol import Json, ProtocolError

DIMENSIONS = 256
_WORD = re.compile(r"[^\W_]+")
_WITHIN = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ENDINGS = ("ingly", "ings", "ing", "edly", "ies", "ed", "es", "ly", "s", "e", "y")
_SHORTEST_STEM = 3
_MOST_TEXTS = 2048


def embeddings(request: Json) -> Json:
    """The `list` of vectors.  Raises `ProtocolError` as an endpoint would refuse the request."""
    given = request.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise ProtocolError(400, "'input' must be a text or a list of texts.", param="input")
    if len(texts) > _MOST_TEXTS or not all(texts):
        raise ProtocolError(400, f"'input' must hold at most {_MOST_TEXTS} texts, none empty.", param="input")
    if request.get("encoding_format", "float") != "float":
        raise ProtocolError(400, "'encoding_format' must be 'float'.", param="encoding_format")
    dimensions = request.get("dimensions", DIMENSIONS)
    if not isinstance(dimensions, int) or not 1 <= dimensions <= DIMENSIONS:
        raise ProtocolError(400, f"'dimensions' must be from 1 to {DIMENSIONS}.", param="dimensions")
    tokens = sum(map(protocol.count_tokens, texts))
    data = [
        {"object": "embedding", "index": at, "embedding": vector_of(text, dimensions)}
        for at, text in enumerate(texts)
    ]
    return {
        "object": "list",
        "data": data,
        "model": protocol.MODEL,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def vector_of(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """Of length 1; a word that comes often counts more, and less than as often."""
    words = [part.lower() for word in _WORD.findall(text) for part in _WITHIN.split(word)]
    found = [0.0] * dimensions
    for stem, often in Counter(_stem(word) for word in words if len(word) >= _SHORTEST_STEM).items():
        place, sign = _place(stem)
        found[place % dimensions] += sign * math.sqrt(often)
    length = math.sqrt(sum(each * each for each in found)) or 1.0
    return [each / length for each in found]


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word.removesuffix(ending)
    return word


@lru_cache(maxsize=1 << 16)
def _place(stem: str) -> tuple[int, int]:
    digest = int.from_bytes(hashlib.blake2b(stem.encode(), digest_size=8).digest())
    return digest >> 1, 1 if digest & 1 else -1
