"""APIs on offer that no instruction of a sample needs, and that look as if one did.

Where nearly all that is offered is needed, a model learns to call whatever is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tasks import exact_json
from tasks.retrieval.documents import ApiDocument, document_of
from tasks.retrieval.lexical import Lexical
from tasks.sampling.hierarchy import tool_of
from warehouse.tables.catalogue import Tool
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Sample

AS_GOOD = 0.8
"""What shares so many of all words that two APIs say of themselves may well do the same work."""
_LOOKED_AT = 64


def with_distractors(
    samples: Iterable[Sample], shown: Iterable[Document], tools: Iterable[Tool], n: int
) -> tuple[Sample, ...]:
    """The samples, each with the `n` kept APIs of its split that are most like one of its own (BM25).

    Fewer where there are no more that share a word.  None says what another one on offer says, or nearly so.
    shown: of all kept APIs.
    """
    split_of = {tool.tool_id: tool.split for tool in tools}
    of_split: dict[str, _Neighbours] = {}
    by_split: dict[str, list[ApiDocument]] = {}
    for row in sorted(shown, key=lambda row: row.api_id):
        by_split.setdefault(split_of[tool_of(row.api_id)], []).append(_document(row))
    found = []
    for sample in samples:
        if sample.split not in of_split:
            of_split[sample.split] = _Neighbours(by_split[sample.split], n)
        found.append(replace(sample, distractors=of_split[sample.split].of(sample.api_ids)))
    return tuple(found)


def _document(row: Document) -> ApiDocument:
    """What was cut of a documentation is missing here, too."""
    said: Mapping[str, object] = exact_json.loads(row.document)
    listed = said.get("parameters")
    names = (
        [str(each.get("name")) for each in listed if isinstance(each, dict)]
        if isinstance(listed, list)
        else []
    )
    tool, api, described = (
        str(said.get(name) or "") for name in ("tool_name", "api_name", "api_description")
    )
    return document_of(tool, api, row.api_id, described, names)


class _Neighbours:
    """Which documents are like which, of those that may be offered together."""

    def __init__(self, documents: Sequence[ApiDocument], n: int) -> None:
        self._documents = documents
        self._n = n
        self._number = {document.api_id: at for at, document in enumerate(documents)}
        self._lexical = Lexical(documents)
        self._words = [
            frozenset(self._lexical.words(f"{document.api} {document.body}")) for document in documents
        ]
        self._nearest: dict[int, list[tuple[float, int]]] = {}

    def of(self, api_ids: Sequence[str]) -> tuple[str, ...]:
        """The nearest of all that are on offer, in the order of their ids."""
        offered = [self._number[api_id] for api_id in api_ids]
        likeness: dict[int, float] = {}
        for each in offered:
            for share, other in self._near(each):
                likeness[other] = max(share, likeness.get(other, 0.0))
        chosen: list[str] = []
        for other in sorted(likeness.keys() - set(offered), key=lambda other: (-likeness[other], other)):
            if len(chosen) < self._n and not any(self._as_good(other, each) for each in offered):
                chosen.append(self._documents[other].api_id)
                offered.append(other)
        return tuple(sorted(chosen))

    def _near(self, each: int) -> list[tuple[float, int]]:
        """The share of its words that others have, by their weight; of the first ones, which are enough."""
        if each not in self._nearest:
            (scores,) = self._lexical.scores([self._documents[each].text])
            shares = scores / scores[each] if scores[each] > 0 else scores
            first = np.argsort(-shares, kind="stable")[: self._n + _LOOKED_AT]
            self._nearest[each] = [(float(shares[at]), int(at)) for at in first if shares[at] > 0]
        return self._nearest[each]

    def _as_good(self, one: int, other: int) -> bool:
        if self._documents[one].twin == self._documents[other].twin:
            return True
        words, others = self._words[one], self._words[other]
        return len(words & others) >= AS_GOOD * max(1, len(words | others))
