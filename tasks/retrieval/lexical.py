"""BM25 over the documents of APIs: needs no training, no weights and no endpoint."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import bm25s
import numpy as np
import Stemmer

from tasks.retrieval.documents import ApiDocument, words_of
from tasks.retrieval.ranking import Scores

logging.getLogger("bm25s").setLevel(logging.WARNING)  # it tells of each index it builds
_STOPPED = frozenset(
    words_of(
        "a about all also am an and any are as at be been by can could did do does for from had has have he "
        "her his how i if in into is it its just like me more my need of on or our out please she so some "
        "such than that the their them then there these they this those to too up us use using want was we "
        "were what when where which who will with would you your"
    )
)


class Lexical:
    """BM25 (bm25s, Lucene's variant) of stemmed words, names taken apart and stop words left out."""

    name = "bm25"

    def __init__(self, documents: Sequence[ApiDocument]) -> None:
        self._stem = Stemmer.Stemmer("english")
        self._n = len(documents)
        self._index = bm25s.BM25()
        words = [self.words(document.text) for document in documents]
        self._known = {word for each in words for word in each}
        if self._known:
            self._index.index(words, show_progress=False)

    def scores(self, queries: Sequence[str]) -> Scores:
        """A row a query, a column a document: the higher, the better."""
        found = np.zeros((len(queries), self._n), dtype=np.float32)
        for at, query in enumerate(queries):
            words = [word for word in self.words(query) if word in self._known]
            if words:
                found[at] = self._index.get_scores(words)
        return found

    def words(self, text: str) -> list[str]:
        """The stems of what counts in a text."""
        stems: list[str] = self._stem.stemWords([word for word in words_of(text) if word not in _STOPPED])
        return stems
