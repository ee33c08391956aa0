"""What is alike by what it says of itself (BM25): distractors for a sample, partners for a tool.

Distractors are APIs on offer that no instruction of the sample needs, and that look as if one did: where
nearly all that is offered is needed, a model learns to call whatever is there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tasks import exact_json
from tasks.retrieval.documents import ApiDocument, document_of, document_of_text
from tasks.retrieval.lexical import Lexical
from tasks.sampling.hierarchy import tool_of
from tasks.sampling.params import SampleParams
from warehouse.tables.catalogue import Tool
from warehouse.tables.documents import Document
from warehouse.tables.instructions import Sample

AS_GOOD = 0.8
"""What shares so many of all words that two APIs say of themselves may well do the same work."""
LIKE = 0.1
"""Tools that share less of their words, by their weight, have nothing to do with each other."""
_LOOKED_AT = 64


class _Likeness:
    """Which documents have most of the words of each, by their weight: a share of what it has itself."""

    def __init__(self, documents: Sequence[ApiDocument], n: int) -> None:
        """n: so many of the first are enough."""
        self.documents = documents
        self.lexical = Lexical(documents)
        self._n = n
        self._nearest: dict[int, list[tuple[float, int]]] = {}

    def nearest(self, each: int) -> list[tuple[float, int]]:
        """The best first; of those that share as much, in the order of the documents."""
        if each not in self._nearest:
            (scores,) = self.lexical.scores([self.documents[each].text])
            shares = scores / scores[each] if scores[each] > 0 else scores
            shares[each] = 0
            first = np.argsort(-shares, kind="stable")[: self._n]
            self._nearest[each] = [(float(shares[at]), int(at)) for at in first if shares[at] > 0]
        return self._nearest[each]


def partners_of(
    shown: Iterable[Document], tools: Iterable[Tool], params: SampleParams
) -> Mapping[str, tuple[str, ...]]:
    """For each tool that shares no collection with another of its split, the tools of its split like it.

    Each is among those most like the other, so that what is like everything is not everybody's partner.
    shown: of all kept APIs.
    """
    of_tool: defaultdict[str, list[str]] = defaultdict(list)
    for row in sorted(shown, key=lambda row: row.api_id):
        said = exact_json.loads(row.document)
        of_tool[tool_of(row.api_id)] += [
            str(said.get(name) or "") for name in ("api_name", "api_description")
        ]
    there = sorted((tool for tool in tools if tool.tool_id in of_tool), key=lambda tool: tool.tool_id)
    members = Counter((tool.split, name) for tool in there for name in tool.collections)
    found = {}
    for split in sorted({tool.split for tool in there}):
        own = [tool for tool in there if tool.split == split]
        texts = [". ".join([tool.description, *of_tool[tool.tool_id]]) for tool in own]
        documents = [
            document_of_text(tool.tool_id, tool.tool_name, text)
            for tool, text in zip(own, texts, strict=True)
        ]
        likeness = _Likeness(documents, params.tools[1])
        for at, tool in enumerate(own):
            if any(members[split, name] > 1 for name in tool.collections):
                continue
            near = [other for share, other in likeness.nearest(at) if share >= LIKE]
            mutual = [other for other in near if any(back == at for _, back in likeness.nearest(other))]
            if mutual:
                found[tool.tool_id] = tuple(sorted(own[other].tool_id for other in mutual))
    return found


def with_distractors(
    samples: Iterable[Sample], shown: Iterable[Document], tools: Iterable[Tool], n: int
) -> tuple[Sample, ...]:
    """The samples, each with the `n` kept APIs of its split that are most like one of its own.

    Fewer where there are no more that share a word.  None says what another one on offer says, or nearly so.
    shown: of all kept APIs.
    """
    split_of = {tool.tool_id: tool.split for tool in tools}
    by_split: defaultdict[str, list[ApiDocument]] = defaultdict(list)
    for row in sorted(shown, key=lambda row: row.api_id):
        by_split[split_of[tool_of(row.api_id)]].append(_document(row))
    of_split: dict[str, _Distractors] = {}
    found = []
    for sample in samples:
        if sample.split not in of_split:
            of_split[sample.split] = _Distractors(by_split[sample.split], n)
        found.append(replace(sample, distractors=of_split[sample.split].of(sample.api_ids)))
    return tuple(found)


def _document(row: Document) -> ApiDocument:
    """What was cut of a documentation is missing here, too."""
    said = exact_json.loads(row.document)
    listed = said.get("parameters")
    parameters = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    names = [str(parameter.get("name")) for parameter in parameters]
    tool, api, described = (
        str(said.get(name) or "") for name in ("tool_name", "api_name", "api_description")
    )
    return document_of(tool, api, row.api_id, described, names)


class _Distractors:
    """Of the APIs of a split."""

    def __init__(self, documents: Sequence[ApiDocument], n: int) -> None:
        self._documents = documents
        self._n = n
        self._number = {document.api_id: at for at, document in enumerate(documents)}
        self._likeness = _Likeness(documents, n + _LOOKED_AT)
        words = self._likeness.lexical.words
        self._words = [frozenset(words(f"{document.api} {document.body}")) for document in documents]

    def of(self, api_ids: Sequence[str]) -> tuple[str, ...]:
        """The nearest to any of these, in the order of their ids."""
        offered = [self._number[api_id] for api_id in api_ids]
        shares: dict[int, float] = {}
        for each in offered:
            for share, other in self._likeness.nearest(each):
                shares[other] = max(share, shares.get(other, 0.0))
        chosen: list[str] = []
        for other in sorted(shares.keys() - set(offered), key=lambda other: (-shares[other], other)):
            if len(chosen) < self._n and not any(self._as_good(other, each) for each in offered):
                chosen.append(self._documents[other].api_id)
                offered.append(other)
        return tuple(sorted(chosen))

    def _as_good(self, one: int, other: int) -> bool:
        if self._documents[one].twin == self._documents[other].twin:
            return True
        words, others = self._words[one], self._words[other]
        return len(words & others) >= AS_GOOD * max(1, len(words | others))
